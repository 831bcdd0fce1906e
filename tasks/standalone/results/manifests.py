"""What the manifest of a published step says, for the record of a study."""

from gner_core.reports.results.record import Environment, StepRecord
from gner_core.runtime.worker import COMPUTED_IN
from gner_core.store.artifacts import ArtifactRef, Store
from gner_core.store.fingerprint import fingerprint

ID_LENGTH = 8
"""Characters that tell the environments of a study apart."""
PRIVATE = ("host", "system")
"""What of a machine is not kept."""


def made(ref: ArtifactRef, store: Store) -> tuple[StepRecord, Environment]:
    """Return what the manifest of a step says, and in what it was made."""
    manifest = store.manifest(ref)
    machine = {name: one for name, one in manifest["machine"].items() if name not in PRIVATE}
    environment = Environment(
        code=manifest["code"],
        python=manifest["python"],
        packages=manifest["packages"],
        machine=machine,
        computed_in=manifest.get(COMPUTED_IN),
    )
    key = fingerprint(environment.model_dump(mode="json"))[:ID_LENGTH]
    seconds = manifest.get("usage", {}).get("seconds", manifest["seconds"])
    return StepRecord(title=manifest["title"], seconds=seconds, environment=key), environment
