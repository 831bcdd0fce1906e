"""The base class of all steps: kind, version, identity, inputs and key."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef
from gner_core.store.fingerprint import fingerprint
from gner_core.strict import StrictModel
from tasks.provenance import facts


@dataclass(frozen=True, eq=False, kw_only=True)
class Step(ABC):
    """A step of a plan. Two steps are the same where their keys are."""

    kind: ClassVar[str]
    version: ClassVar[int]
    """Raised in the commit that changes what the step writes."""
    in_worker: ClassVar[bool] = False
    """Whether the step needs a model and therefore a child process."""

    title: str
    """For people; never in the key."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return the JSON values that determine the artifact, besides the inputs."""

    def inputs(self) -> "dict[str, Step]":
        """Return the steps whose artifacts are read, by their role; none for what is given."""
        return {}

    @cached_property
    def ref(self) -> ArtifactRef:
        """The artifact that the step makes, named by its key."""
        identity = {
            "step": self.kind,
            "version": self.version,
            "params": self.identity(),
            "inputs": {role: step.ref.path for role, step in self.inputs().items()},
        }
        return ArtifactRef(self.kind, fingerprint(identity))

    @property
    def location(self) -> ArtifactRef | Path:
        """Where its content is."""
        return self.ref

    @cached_property
    def unfetched(self) -> tuple[str, ...]:
        """Corpora whose files must be fetched before the key is known; until then the key is provisional."""
        below = [name for step in self.inputs().values() for name in step.unfetched]
        return tuple(dict.fromkeys(below))

    @cached_property
    def unpinned(self) -> tuple[str, ...]:
        """Models of the hub whose commit must be known before the key is; until then it is provisional."""
        below = [name for step in self.inputs().values() for name in step.unpinned]
        return tuple(dict.fromkeys(below))

    def manifest_facts(self) -> dict[str, Any]:
        """Return what the manifest of the artifact says besides its files."""
        return {
            "title": self.title,
            "identity": self.identity(),
            "inputs": {role: step.ref.path for role, step in self.inputs().items()},
            **facts(),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.ref == other.ref

    def __hash__(self) -> int:
        return hash(self.ref)


def refuse_provisional(step: Step) -> None:
    """Stop before a step is built under a provisional key.

    Raises:
        InputError: while files that determine the key are not here, or a commit is not known.
    """
    if step.unfetched:
        names = " ".join(step.unfetched)
        raise InputError(f"{names}: not fetched yet; do it with: gner data fetch {names}")
    refuse_unpinned([step])


def refuse_unpinned(steps: Iterable[Step]) -> None:
    """Stop before steps run whose models may be another commit tomorrow.

    Raises:
        InputError: that says how to pin them.
    """
    names = dict.fromkeys(name for step in steps for name in step.unpinned)
    if names:
        raise InputError(
            f"{', '.join(names)}: no commit is named, so that another model may be run tomorrow; "
            "write OWNER/NAME@COMMIT, or the commit into the models file, as does: gner pin FILE"
        )


def values(model: StrictModel, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return the fields of a params model as JSON values."""
    return model.model_dump(mode="json", exclude=set(without))


def with_prefix(prefix: str, steps: Mapping[str, Step]) -> dict[str, Step]:
    """Return steps of one kind by the role that each has as an input, such as `score zero-shot`."""
    return {f"{prefix} {name}": step for name, step in steps.items()}
