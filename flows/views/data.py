"""What `gner data …` prints: tables, progress bars, sentences with coloured entities."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from flows.views.tables import COLOURS, WholeTable, numbers, plain_table
from gner_core.config.backbone import BackboneParams
from gner_core.config.corpus import CorpusParams
from gner_core.corpora.audit import CorpusAudit
from gner_core.corpora.lengths import LengthReport, Spread
from gner_core.corpora.prepare import CHANGES
from gner_core.corpora.recognition import Recognised
from gner_core.corpora.statistics import WHATS, Comparison, count_of_types
from gner_core.records import Sentence, spans_of

NONE = "–"


def catalog_table(corpora: Mapping[str, CorpusParams], cached: Collection[str]) -> WholeTable:
    """Return a row per corpus."""
    table = plain_table(
        "corpus",
        "role",
        *numbers("train", "valid", "test", "types"),
        "licence",
        "source",
        "cached",
        title="Corpora (counts as in Table 8 of the paper)",
    )
    for name, corpus in corpora.items():
        counts = [
            _number(getattr(corpus.table8, what)) if corpus.table8 else NONE for what in WHATS
        ]
        roles = ", ".join(corpus.roles) or NONE
        here = Text("yes", style="green") if name in cached else Text(NONE)
        table.add_row(name, roles, *counts, corpus.licence, _trust(corpus), here)
    return table


def catalog_values(
    corpora: Mapping[str, CorpusParams], cached: Collection[str]
) -> list[dict[str, Any]]:
    """Return the rows of the catalog, for JSON."""
    return [
        {
            "corpus": name,
            "roles": corpus.roles,
            "table8": corpus.table8.model_dump() if corpus.table8 else None,
            "licence": corpus.licence,
            "source": _trust(corpus).plain,
            "cached": name in cached,
        }
        for name, corpus in corpora.items()
    ]


def _trust(corpus: CorpusParams) -> Text:
    if corpus.verified:
        return Text("verified", style="green")
    if corpus.sources:
        return Text("unverified", style="yellow")
    return Text("your own files", style="yellow")


def preparation_table(name: str, statistics: Mapping[str, Mapping[str, Any]]) -> WholeTable:
    """Return a row per split with its counts and repairs."""
    headings = ("sentences", "words", "entities", "types", "longest")
    table = plain_table("split", *_right(*headings), "repairs", title=name)
    for split, counts in statistics.items():
        shown = {**counts, "types": len(counts["entities_by_type"])}
        repairs = "\n".join(f"{n:,} {kind}" for kind, n in counts["repairs"].items())
        table.add_row(split, *[_number(shown[key]) for key in headings], repairs or NONE)
    return table


def lengths_table(
    backbone: BackboneParams,
    reports: Sequence[tuple[LengthReport, LengthReport | None]],
    *,
    cut: int,
) -> WholeTable:
    """Return a row per corpus: tokens of prompts and targets, what is over the limits, and cut."""
    together = backbone.family == "decoder_only"
    limits = (
        f"{backbone.max_source_tokens:,} tokens together"
        if together
        else f"{backbone.max_source_tokens:,} + {backbone.max_target_tokens:,} tokens"
    )
    over = "prompt\ntarget\ntogether" if together else "prompt\ntarget\neither"
    spread = "mean\n95 %\nlongest"
    pieces = f"cut at\n{cut}\nover"
    table = plain_table(
        "corpus",
        *numbers("", f"prompt\n{spread}", f"target\n{spread}", f"over\n{over}", pieces),
        title=f"{backbone.name}, {limits}",
    )
    for report, cut_up in reports:
        counts = (report.over_prompt, report.over_target, report.over)
        table.add_row(
            report.corpus,
            _number(report.sentences),
            _spread(report.prompt),
            _spread(report.target),
            _over(*counts),
            Text() if cut_up is None else _over(cut_up.sentences, cut_up.over),
        )
    return table


def _spread(spread: Spread) -> str:
    return f"{spread.mean:,.0f} {spread.most:,} {spread.longest:,}"


def _over(*counts: int) -> Text:
    """Return counts side by side; the last one is what does not fit."""
    shown = " ".join(f"{count:,}" for count in counts)
    return Text(shown, style="yellow" if counts[-1] else "dim")


def table8_table(
    corpora: Mapping[str, CorpusParams],
    counted: Mapping[str, Mapping[str, Mapping[str, Any]]],
    rows: Sequence[Comparison],
) -> WholeTable:
    """Return a row per corpus: counts here, and the paper's number where it is another one."""
    table = plain_table(
        "corpus",
        *numbers(*WHATS),
        title="Table 8, recounted",
        caption="in brackets: the paper's number",
    )
    compared = {(row.corpus, row.what): row for row in rows}
    for name, corpus in corpora.items():
        cells = []
        for what in WHATS:
            row = compared.get((name, what))
            if row and row.differs:
                style = "yellow" if row.reason else "bold red"
                cells.append(Text(f"{row.here:,} ({row.paper:,})", style=style))
            elif what == "types":
                cells.append(Text(_number(count_of_types(corpus, counted[name]))))
            else:
                counts = counted[name].get(what)
                cells.append(Text(_number(counts["sentences"]) if counts else NONE))
        table.add_row(name, *cells)
    return table


def differences(rows: Sequence[Comparison]) -> Iterator[Text]:
    """Yield a line per difference to Table 8 with its reason."""
    for row in rows:
        if row.differs:
            line = Text(f"{row.corpus} {row.what} {row.here - row.paper:+,}: ")
            reason = row.reason or "unexplained: the catalog gives no reason"
            yield line.append(reason, style="" if row.reason else "bold red")


def audit_tables(
    audits: Sequence[CorpusAudit],
    tested: Mapping[str, Sequence[str]],
    trained: Mapping[str, Collection[str]],
    types: Mapping[str, Mapping[str, Sequence[str]]],
) -> Iterator[RenderableType]:
    """Yield the tables of an audit: sentences, label noise, types.

    Args:
        audits: of each corpus.
        tested: entity types of each zero-shot corpus.
        trained: entity types of each adaptation corpus.
        types: those of each zero-shot corpus that are also trained, each with its corpora.
    """
    yield _sentences_table(audits)
    noisy = [audit for audit in audits if audit.noise.repeated_texts]
    if noisy:
        title = "Label noise: the same words with different tags"
        table = plain_table(
            "corpus", *_right("repeated texts", "differ"), "for example", title=title
        )
        for audit in noisy:
            noise = audit.noise
            example = _short(noise.examples[0]) if noise.examples else NONE
            table.add_row(
                audit.corpus, _number(noise.repeated_texts), _warn(noise.differing), example
            )
        yield table
    if not tested:
        return
    if not trained:
        yield Text("Zero-shot types: no adaptation corpus is at hand to compare them with.")
        return
    title = f"Zero-shot types that the training data name: {', '.join(trained)}"
    table = plain_table("corpus", *_right("known"), "types", title=title)
    for corpus, known in types.items():
        table.add_row(corpus, f"{len(known)} of {len(tested[corpus])}", ", ".join(known) or NONE)
    yield table


def _sentences_table(audits: Sequence[CorpusAudit]) -> WholeTable:
    table = plain_table(
        "corpus",
        "split",
        *_right("sentences", "repeated", "also in train", "also in valid"),
        title="Sentences that stand in more than one place",
    )
    for audit in audits:
        shared = {(o.later, o.earlier): o.shared for o in audit.overlaps}
        for number, found in enumerate(audit.duplicates):
            others = [
                _warn(shared[found.split, earlier]) if (found.split, earlier) in shared else NONE
                for earlier in ("train", "valid")
            ]
            table.add_row(
                audit.corpus if not number else "",
                found.split,
                _number(found.sentences),
                _warn(found.repeated),
                *others,
                end_section=number + 1 == len(audit.duplicates),
            )
    return table


def coloured(sentences: Sequence[Sentence]) -> Iterator[Text]:
    """Yield sentences with coloured entities, then the colours' meaning."""
    labels = dict.fromkeys(span.label for s in sentences for span in spans_of(s.tags))
    styles = {label: f"bold {COLOURS[n % len(COLOURS)]}" for n, label in enumerate(labels)}
    for sentence in sentences:
        starts = {span.start: span for span in spans_of(sentence.tags)}
        line = Text(f"{sentence.id}  ", style="dim")
        position = 0
        while position < len(sentence.words):
            span = starts.get(position)
            end = span.end if span else position + 1
            words = " ".join(sentence.words[position:end])
            if span:
                line.append(f"[{words}]", style=f"not dim {styles[span.label]}")
                line.append(f"({span.label}) ", style="dim")
            else:
                line.append(f"{words} ", style="not dim")
            position = end
        yield line
    if styles:
        legend = Text("types: ")
        for label, style in styles.items():
            legend.append(f"{label}  ", style=style)
        yield legend


def repairs(counts: Mapping[str, int]) -> Iterator[Text]:
    """Yield what reading did not leave as it is in the files: first what changes entities."""
    for kind, number in sorted(counts.items(), key=lambda one: one[0] not in CHANGES):
        what = "changed" if kind in CHANGES else "note"
        yield Text(f"{what}: {number:,} {kind}", style="yellow")


def check_report(found: Recognised) -> Iterator[RenderableType]:
    """Yield counts, problems and the catalog entry of a user's own file."""
    part = found.splits["train"]
    counts = part.statistics
    totals = ", ".join(f"{counts[key]:,} {key}" for key in ("sentences", "words", "entities"))
    yield Text(f"reads whole: {totals}", style="green")
    for label, number in counts["entities_by_type"].items():
        yield Text(f"  {label}: {number:,}")
    yield from repairs(part.repairs)
    for problem in found.problems:
        yield Text(f"look at: {problem}", style="yellow")
    yield Text(
        "\nPut this into a catalog file, and set data_root to the folder of the file:\n",
        style="dim",
    )
    yield Text(found.snippet)


class FetchBars(Progress):
    """Shows a bar per file that is being fetched, and the notes of a fetch."""

    def __init__(self, console: Console) -> None:
        """Show bars on `console` where it is a terminal, lines elsewhere."""
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.bars: dict[str, TaskID] = {}

    def note(self, line: str) -> None:
        """Print a line, such as that of a retry."""
        self.console.print(line, style="dim")

    def progress(self, file: str, done: int, total: int | None) -> None:
        """Move the bar of a file."""
        if file not in self.bars:
            self.bars[file] = self.add_task(file, total=total)
        self.update(self.bars[file], completed=done, total=total)


def _right(*headings: str) -> list[Column]:
    """Return columns of numbers whose headings may be broken into lines."""
    return [Column(heading, justify="right") for heading in headings]


def _number(value: int | None) -> str:
    return NONE if value is None else f"{value:,}"


def _warn(value: int) -> Text:
    return Text(f"{value:,}", style="yellow" if value else "")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
