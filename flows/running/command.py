"""The command that a run was started by, and the names that tell its run and its report from others."""

import getpass
import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from prefect.runtime import flow_run

from gner_core.config.reading.files import effective
from gner_core.errors import InputError
from gner_core.reports.head import DIFFERS
from gner_core.store.fingerprint import fingerprint
from tasks.provenance import facts
from tasks.tracking.mlflow_run import DESCRIPTION

FILE_CHARACTERS = 100
"""Of the name of a report's file, without its suffix."""
MARK = 6
"""Digits of the hash that tells cut or rewritten names of files apart."""
NAME = "name"
"""The key that names an experiment: as an override it needs not be repeated."""


@dataclass(frozen=True)
class Command:
    """A file of params and the values that `--set` changes in it."""

    params: str
    """Path of the file, as it was given."""
    overrides: Sequence[str]

    @property
    def line(self) -> str:
        """What a shell runs: `gner run params/tiny.yaml --set decode.beams=4`."""
        changed = [word for override in self.overrides for word in ("--set", override)]
        return shlex.join(["gner", "run", self.params, *changed])

    @cached_property
    def changes(self) -> str:
        """What differs from the file, in the order of keys: `decode.beams=4, scoring.level=0.9`."""
        given = [one for one in self.overrides if _key_of(one) != NAME]
        with suppress(InputError):  # told where the run reads its file
            given = effective(Path(self.params), given)
        last = {_key_of(override): override for override in given}
        return ", ".join(last[key] for key in sorted(last))

    def titled(self, name: str) -> str:
        """Return the name of an experiment with what differs: `tiny, decode.beams=4`."""
        return f"{name}, {self.changes}" if self.changes else name

    def file_name(self, name: str) -> str:
        """Return the same as the name of a file without suffix: `tiny-decode.beams=4`."""
        if not self.changes:
            return name
        whole = f"{name}-{self.changes.replace(', ', '-')}"
        taken = re.sub(r"[^\w.=-]+", "_", whole)[:FILE_CHARACTERS]
        return taken if taken == whole else f"{taken}-{fingerprint(whole)[:MARK]}"

    def tags(self) -> dict[str, str]:
        """Return MLflow's tags that say where a run comes from."""
        return {
            "mlflow.source.name": self.params,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": getpass.getuser(),
            DESCRIPTION: f"`{self.line}`",
            "gner.command": self.line,
            "gner.set": self.changes,
        }

    def head(self) -> dict[str, str]:
        """Return what stands in the head of a report: when, by what, with what and where it was made."""
        known = facts()
        code, machine = known["code"], known["machine"]
        changed = " (with changes that are not committed)" if code.get("dirty") else ""
        cores = f"{machine['cores']} cores"
        parts = [machine["host"], machine["cpu"], cores, *machine.get("gpus", ())]
        found = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "command": self.line,
            DIFFERS: self.changes,
            "commit": f"{code['commit']}{changed}" if code else "",
            "machine": ", ".join(map(str, parts)),
        }
        return {term: text for term, text in found.items() if text}


def _key_of(override: str) -> str:
    return override.partition("=")[0]


def named_by_command() -> str:
    """Return the name of the Prefect flow run around us: that of its file, and what differs from it."""
    given = flow_run.get_parameters()
    return Command(given["params"], given["overrides"] or []).titled(Path(given["params"]).stem)
