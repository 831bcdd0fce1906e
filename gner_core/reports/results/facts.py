"""Where the figures of a study come from: model, machine, hours, commit, command, steps."""

from collections.abc import Mapping

from gner_core.reports.markdown import folded, joined, table, text
from gner_core.reports.results.content import StudyView, name_of
from gner_core.reports.results.record import Environment, PointRecord, StepRecord, StudyRecord

PARTS = {"train": "training", "generate": "generation", "ask": "answers of endpoints"}
"""Kind of a step → what it is for people; all others together are the rest."""
PACKAGES = ("torch", "transformers")
COMMIT = 10
"""Characters of a commit that are shown."""
KEY = 12
"""Characters of a key that are shown."""


def facts(view: StudyView, *, command: str, counts: str) -> str:
    """Return what made a study, in a few lines, and its steps.

    Args:
        command: what makes it again.
        counts: the address of its record.
    """
    record = view.record
    models = dict.fromkeys(map(_model, view.points))
    tests = dict.fromkeys(one for point in view.points for one in _tests(point))
    made_on = "; ".join(machines(record.environments))
    versions = "; ".join(_versions(record.environments))
    lines = [
        f"{'; '.join(models)}. Tests: {'; '.join(tests)}.",
        f"Made in {hours(record.steps)} on {made_on}; {versions}.",
        f"Command: `{command}`. Counts of every sentence: [{text(record.study)}.json]({counts}).",
    ]
    return joined(["\n".join(lines), folded("Steps", _steps(record))])


def _model(point: PointRecord) -> str:
    size = f" ({point.parameters:,} parameters)" if point.parameters else ""
    return f"{text(point.model)}{size}"


def _tests(point: PointRecord) -> list[str]:
    return [
        f"{name}, {sum(len(found['pair']['gold']) for found in test.counts.values()):,} sentences of "
        f"{len(test.counts)} {'corpora' if len(test.counts) > 1 else 'corpus'} ({test.split})"
        for name, test in point.tests.items()
    ]


def machines(environments: Mapping[str, Environment]) -> list[str]:
    """Return each machine with the number formats that were computed in."""
    formats: dict[str, dict[str, None]] = {}
    for one in environments.values():
        known = formats.setdefault(_machine(one), {})
        known.update({one.computed_in: None} if one.computed_in else {})
    return [", ".join([machine, *known]) for machine, known in formats.items()]


def _machine(environment: Environment) -> str:
    machine = environment.machine
    gpus = machine.get("gpus")
    listed = [*gpus] if isinstance(gpus, list) else []
    shown = [f"{machine['cores']} cores of {text(str(machine['cpu']))}", *map(text, listed)]
    return ", ".join([*shown, f"{machine['memory_gib']} GiB"])


def _versions(environments: Mapping[str, Environment]) -> list[str]:
    """Return commits and packages, each combination once."""
    found = []
    for one in environments.values():
        commit = str(one.code.get("commit", "not known"))[:COMMIT]
        changed = " with changes" if one.code.get("dirty") else ""
        packages = [f"{name} {one.packages[name]}" for name in PACKAGES if name in one.packages]
        found.append(", ".join([f"commit {commit}{changed}", *packages, f"Python {one.python}"]))
    return list(dict.fromkeys(found))


def hours(steps: Mapping[str, StepRecord]) -> str:
    """Return the hours of all steps, and of the parts among them that models take.

    Example:
        >>> hours({"train/a": StepRecord(title="adaptation", seconds=7200, environment="")})
        '2.0 hours (training 2.0)'
    """
    sums: dict[str, float] = {}
    for path, step in steps.items():
        part = PARTS.get(path.split("/")[0])
        if part:
            sums[part] = sums.get(part, 0.0) + step.seconds / 3600
    total = sum(step.seconds for step in steps.values()) / 3600
    parts = ", ".join(f"{part} {_hours(value)}" for part, value in sums.items())
    return f"{_hours(total)} hours{f' ({parts})' if parts else ''}"


def _hours(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _steps(record: StudyRecord) -> str:
    """Return every step with its key, the points that need it, and its hours."""
    rows = []
    for path, step in record.steps.items():
        kind, key = path.split("/")
        users = [point.labels for point in record.points if path in point.steps]
        points = (
            "all points" if len(users) == len(record.points) else "; ".join(map(name_of, users))
        )
        hours = _hours(step.seconds / 3600)
        rows.append([kind, text(step.title), text(points), f"`{key[:KEY]}`", hours])
    return table(["step", "of", "for", "key", "hours"], rows, texts=range(4))
