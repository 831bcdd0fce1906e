"""What `gner init` prints: format, splits, types, sentences in colour, and what is doubtful."""

from collections import Counter
from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Column
from rich.text import Text

from flows.views.data import coloured, repairs
from flows.views.tables import numbers, plain_table
from gner_core.config.corpus import TakenOut
from gner_core.corpora.recognition.draft import Draft

EXAMPLES = 5


def draft_report(draft: Draft) -> Iterator[RenderableType]:
    """Yield what was found in a corpus."""
    found = draft.found
    form = found.params.format.model_dump(mode="json", exclude_defaults=True)
    how = ", ".join(f"{key} {_plain(value)}" for key, value in form.items() if key != "kind")
    yield Text(f"{found.name}: {found.params.format.kind}", style="bold").append(
        f" ({how})" if how else "", style="not bold"
    )
    yield ""
    table = plain_table("split", *numbers("sentences"), Column("from", overflow="fold"))
    for split, number in draft.sentences.items():
        rule = found.params.made.get(split)
        files = found.params.files.get(split, ())
        more = f" and {len(files) - 3} more" if len(files) > 3 else ""
        origin = ", ".join(files[:3]) + more
        if rule:
            origin = f"the same as {rule.of}"
        if isinstance(rule, TakenOut):
            origin = f"drawn from {rule.of}, seed {rule.seed}"
        table.add_row(split, f"{number:,}", Text(origin))
    yield table
    yield ""
    counts: Counter[str] = Counter()
    for part in found.splits.values():
        counts.update(part.labels)
    folded = [Column(heading, overflow="fold") for heading in ("label", "type in prompts")]
    types = plain_table(*folded, *numbers("entities"))
    names = found.params.labels
    for label, number in counts.most_common():
        types.add_row(Text(label), Text(label if names == "open" else names[label]), f"{number:,}")
    yield types
    yield ""
    examples = [one for part in found.splits.values() for one in part.examples]
    yield from coloured(examples[:EXAMPLES])
    yield ""
    done: Counter[str] = Counter()
    for part in found.splits.values():
        done.update(part.repairs)
    yield from repairs(done)
    for doubt in draft.doubts:
        yield Text(f"look at: {doubt}", style="yellow")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
