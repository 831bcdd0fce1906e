"""Prints the results of `gner bench matching`, `gner bench train` and `gner bench generate`."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.table import Column
from rich.text import Text

from flows.views.output import Output
from flows.views.tables import WholeTable, numbers, plain_table, table_of
from gner_core.scoring.analysis.matching_speed import Row

if TYPE_CHECKING:
    from tasks.standalone.bench.generation import GenerationRow
    from tasks.standalone.bench.gliner import GlinerRow
    from tasks.standalone.bench.prefixes import PrefixRow

Rounds = Sequence[Mapping[str, Any]]


def print_matching(rows: Sequence[Row]) -> None:
    """Print Table 5 of the paper: microseconds a pair, and how many times faster than plain."""
    title = "Matching: microseconds a sentence (times faster than plain)"
    figures = ("number", "plain O(N²)", "paper O(N log N)", "gner")
    table = table_of(title, ("words", "pairs"), figures)
    for row in rows:
        times = [f"{time:,.1f} ({row.plain / time:,.0f}×)" for time in (row.paper, row.gner)]
        table.add_row(
            f"{row.low}–{row.high}", row.which, f"{row.pairs:,}", f"{row.plain:,.1f}", *times
        )
    Output().print(table)


def training_table(backbone: str, stage: str, sides: Mapping[str, Rounds]) -> WholeTable:
    """Return label tokens a second, padding, memory and utilisation of both sides.

    Args:
        backbone: name of the model.
        stage: name of the stage.
        sides: figures of each round of `plain` and `gner`; the medians of the rounds are shown.
    """
    both = sides["plain"], sides["gner"]
    some = both[1][0]
    sentences = f"{some['updates']} updates, {some['sentences']:,} sentences"
    table = plain_table(
        "",
        Column("plain", justify="right"),
        Column("gner", justify="right", style="bold"),
        Column("ratio", justify="right"),
        title=f"{backbone}, {stage}: {sentences} in micro-batches of {some['micro_batch']}",
        caption=_caption(some, _peak(sides)),
    )
    speed = [_middle(rounds, "label_tokens_per_second") for rounds in both]
    times = Text(
        f"{speed[1] / speed[0]:.2f}×", style="bold green" if speed[1] > speed[0] else "red"
    )
    table.add_row("label tokens / s", *[f"{value:,.1f}" for value in speed], times)
    for key, of in (
        ("padding_share", "these updates"),
        ("planned_padding_share", f"{some['planned_updates']} whole updates"),
    ):
        shares = [f"{100 * _middle(rounds, key):.1f} %" for rounds in both]
        table.add_row(f"padding, {of}", *shares, "")
    memory = [_middle(rounds, "memory_bytes") for rounds in both]
    cells = [f"{value / 1e9:.2f} GB" for value in memory]
    table.add_row("peak memory", *cells, f"{memory[1] / memory[0]:.2f}×")
    used = [_middle(rounds, "flops_per_second") / _peak(sides) for rounds in both]
    cells = [f"{100 * value:.1f} %" for value in used]
    table.add_row("model FLOP utilisation", *cells, f"{used[1] / used[0]:.2f}×")
    if len(both[1]) > 1:
        table.add_row("label tokens / s, rounds", *map(_spread, both), "")
    return table


def generation_table(
    backbone: str, rows: "Sequence[GenerationRow]", gliner: "Sequence[GlinerRow]"
) -> WholeTable:
    """Return speed, passes, texts and F1 of every way of decoding, and the speed of GLiNER."""
    some = rows[0].figures
    table = plain_table(
        "decoding",
        *numbers(
            *("beams", "batch", "inst/s", "free", "passes", "tokens"),
            *("copies", "same", "F1", "GB"),
        ),
        title=f"{backbone}: {some['sentences']:,} sentences, {some['words']:,} words",
        caption="inst/s: instances a second. free: against free greedy decoding. passes: forward "
        "passes of the decoder a word. tokens: that go through it, a word. copies: texts that "
        "repeat the sentence with valid labels. same: of free greedy copies, those with the same "
        "labels. GB: peak memory.",
    )
    for row in rows:
        figures = row.figures
        speed = figures["sentences"] / figures["seconds"]
        table.add_row(
            row.mode,
            str(row.beams),
            str(row.batch),
            f"{speed:,.2f}",
            "" if row.times_free is None else f"{row.times_free:.2f}×",
            f"{figures['passes_per_word']:.2f}",
            f"{figures['tokens_per_word']:.1f}",
            f"{100 * sum(figures['copies']) / figures['sentences']:.1f}%",
            "" if row.same is None else f"{row.same[0]}/{row.same[1]}",
            f"{100 * row.f1:.1f}",
            f"{figures['memory_bytes'] / 1e9:.2f}",
            style="bold" if row.mode == "guided" else None,
        )
    for one in gliner:
        speed = f"{one.sentences / one.seconds:,.2f}"
        table.add_row(f"GLiNER {one.size}, {one.dtype}", "", str(one.batch), speed)
    return table


def prefix_table(name: str, rows: "Sequence[PrefixRow]") -> WholeTable:
    """Return the speed of a text system's prompts, whole and with shared beginnings."""
    some = rows[0]
    table = plain_table(
        "prompts",
        *numbers("batch", "sentences/s", "calls/s", "of transformers", "of each", "same", "GB"),
        title=f"{name}: {some.sentences:,} sentences, {some.calls:,} calls, "
        f"{some.prompt_tokens:,} tokens of prompts, {some.answer_tokens:,} of answers, "
        f"{some.computed_in}",
        caption="transformers: whole prompts in its own batches of calls, sorted by length. each: "
        "whole prompts in gner's batches of sentences. shared: what prompts share runs once. "
        "same: calls with the answers of transformers. GB: peak memory.",
    )
    whole = {row.way: row.seconds for row in rows}
    for row in rows:
        table.add_row(
            row.way,
            str(row.batch),
            f"{row.sentences / row.seconds:,.2f}",
            f"{row.calls / row.seconds:,.2f}",
            f"{whole['transformers'] / row.seconds:.2f}×",
            f"{whole['each'] / row.seconds:.2f}×",
            f"{row.same:,}/{row.calls:,}",
            f"{row.memory_bytes / 1e9:.2f}",
            style="bold" if row.way == "shared" else None,
        )
    return table


def _peak(sides: Mapping[str, Rounds]) -> float:
    """Return the peak that counts: of several measured ones the highest."""
    return max(float(one["peak_flops_per_second"]) for rounds in sides.values() for one in rounds)


def _middle(rounds: Rounds, key: str) -> float:
    return median(float(one[key]) for one in rounds)


def _spread(rounds: Rounds) -> str:
    values = sorted(one["label_tokens_per_second"] for one in rounds)
    return f"{values[0]:,.1f} – {values[-1]:,.1f}"


def _caption(some: Mapping[str, Any], peak: float) -> str:
    return (
        f"{some['device']}, {some['dtype']}, matrix products at most {peak / 1e12:,.2f} TFLOP/s. "
        "plain: transformers' Trainer, random micro-batches padded to their longest, "
        "logits at every position."
    )
