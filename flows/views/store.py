"""Lines that show runs, checkpoints and unused artifacts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.checkpoints.listing import Model
    from tasks.standalone.clean import Unused
    from tasks.tracking.listing import TrackedRun

KEY_CHARACTERS = 8
"""Of a key that is shown: enough to tell artifacts apart, and accepted wherever one is named."""
AGES = ((86400, "days"), (3600, "h"), (60, "min"))


def run_lines(runs: "Sequence[TrackedRun]") -> Iterator[str]:
    """Yield two or more lines a run, or one that says that there is none."""
    for run in runs:
        yield run.name
        checkpoints = (f"{stage} {short(step)}" for stage, step in run.checkpoints.items())
        yield _indented(run.status, age(run.started), short(run.report))
        if run.scores:
            yield _indented("F1", *_figures(run.scores))
        if run.checkpoints:
            yield _indented(*checkpoints)
        if run.failure:
            yield _indented(run.failure)
    if not runs:
        yield "no runs yet; `gner run FILE` makes one"


def model_lines(models: "Sequence[Model]") -> Iterator[str]:
    """Yield two or more lines a checkpoint, or one that says that there is none."""
    for one in models:
        version = (f"version {one.version}",) if one.version else ()
        yield "  ".join((one.name, *one.aliases))
        size = () if one.bytes is None else (in_bytes(one.bytes),)
        yield _indented(short(one.step) or one.where, *size, age(one.created), *version)
        if one.runs:
            yield _indented(f"of {'; '.join(one.runs)}")
        if one.scores:
            yield _indented("F1", *_figures(one.scores))
    if not models:
        yield "no trained checkpoints yet; `gner run FILE` makes some"


def unused_lines(found: "Sequence[Unused]", *, freed: bool) -> Iterator[str]:
    """Yield a line an artifact or an unfinished step, then their number and size."""
    for one in found:
        title = "unfinished, can be resumed" if one.unfinished else one.title
        yield f"{in_bytes(one.bytes):>10}  {age(one.created):>12}  {one.ref.path}  {title}"
    total = in_bytes(sum(one.bytes for one in found))
    number = f"{len(found)} artifact{'' if len(found) == 1 else 's'}"
    if freed:
        yield f"freed {number}, {total}"
    elif found:
        yield f"{number}, {total}: nobody refers to them; gner clean --free deletes them"
    else:
        yield "nothing to free: everything is referred to"


def short(path: str) -> str:
    """Return a step with the beginning of its key: `train/7ca3c3ad`."""
    step, _, key = path.rpartition("/")
    return f"{step}/{key[:KEY_CHARACTERS]}" if step else ""


def age(moment: str) -> str:
    """Return how long ago an ISO time was, such as `3 min ago`."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for size, unit in AGES:
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"


def in_bytes(size: float) -> str:
    """Return a size with three digits: `1.24 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _figures(scores: Mapping[str, float]) -> Iterator[str]:
    return (f"{test} {100 * f1:.1f}" for test, f1 in scores.items())


def _indented(*parts: str) -> str:
    return "  " + "  ".join(filter(None, parts))
