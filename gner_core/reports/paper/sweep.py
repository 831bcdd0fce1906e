"""Compares a sweep with the table of the paper that it repeats.

Table 4 for model sizes (Fig. 7), Table 7 for beams, Table 1 for target forms (Fig. 4), Table 6 for
matching. Means are compared only where they are over the paper's own sentences.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gner_core.reports.paper.compared import COMPARED, DETAILS, Key, Measured, Row, compare_table
from gner_core.reports.paper.numbers import MEAN, MODELS, PAPERS_TESTS, find, model_of, number
from gner_core.reports.sweep.content import Cell
from gner_core.reports.sweep.content import Row as SweepRow

TABLES = {
    "parameters": "Table 4",
    "beams": "Table 7",
    "context": "Table 1",
    "table": "Table 6",
    "systems": "Tables 2 and 3",
}
"""Kind of figure → the table with the same numbers."""
STUDY = "Flan-T5-large (10K Pile-NER)"
"""The only model of Table 1."""
FORMS = {
    ("brackets", 0): "w/o context (entity-centric)",
    ("brackets", 1): "w/ context length 1",
    ("brackets", "full"): "w/ full context",
    ("BIO", "full"): "w/ full context & BIO",
    ("BIOES", "full"): "w/ full context & BIOES",
}
"""Labels and context of a target → setting of Table 1."""
METRICS = {"f1": "F1", "UE": "UE", "NE": "NE", "BE": "BE"}
PLAIN = ("BIO", "full")


@dataclass(frozen=True, slots=True)
class SweepComparison:
    """A sweep compared with a table of the paper."""

    source: str
    rows: Sequence[Row]
    """Empty where nothing of the table was run."""
    beside: bool
    """Whether a test of the sweep is set beside a table of the paper."""
    elsewhere: bool
    """Whether means over other sentences than the paper's were left out."""


def compare_sweep(figure: str, rows: Sequence[SweepRow]) -> SweepComparison:
    """Compare the rows of a sweep with the table that belongs to its kind of figure."""
    source = TABLES[figure]
    if figure == "systems":
        return _compare_systems(source, rows)
    measured: list[tuple[Key, Measured]] = []
    beside = elsewhere = False
    for row in rows:
        for score, cell in row.cells.items():
            title, measure = score.split("/")
            sample = row.place["tests"][title]
            if sample["beside"] is None:
                continue
            beside, test = True, PAPERS_TESTS[sample["beside"]]
            if not _on_the_papers_sentences(source, sample, test):
                elsewhere = True
                continue
            measured += [
                (key, _measured(cell, another))
                for key, another in _keys(source, row, test, measure)
            ]
    found = compare_table(source, measured)
    ran = any(one.ours for one in found)
    return SweepComparison(source, found if ran else (), beside, elsewhere)


def _compare_systems(source: str, rows: Sequence[SweepRow]) -> SweepComparison:
    """Compare released checkpoints, each with its own means in Tables 2 and 3."""
    found, beside, elsewhere = [], False, False
    for row in rows:
        for score, cell in row.cells.items():
            title, measure = score.split("/")
            sample = row.place["tests"][title]
            if sample["beside"] is None or measure != "f1":
                continue
            beside, test = True, PAPERS_TESTS[sample["beside"]]
            if not _on_the_papers_sentences(source, sample, test):
                elsewhere = True
                continue
            name = sample.get("paper", "")
            printed = number(COMPARED[test], system=name, corpus=MEAN) if name else None
            label = ", ".join([*row.labels.values(), title])
            value, std = (printed.value, printed.std) if printed else (None, None)
            found.append(Row(label, _measured(cell, ""), value, std, COMPARED[test]))
    return SweepComparison(source, found, beside, elsewhere)


def _on_the_papers_sentences(source: str, sample: Mapping[str, Any], test: str) -> bool:
    """Say whether a mean is over the corpora, and the split, of the paper's."""
    model = next(iter(MODELS.values()))
    names = {r.corpus for r in find(DETAILS, system=model, setting=test)} - {MEAN}
    if source == "Table 1":  # 200 validation sentences of each part of CrossNER
        names = {name for name in names if name.startswith("crossner-")}
        return sample["split"] == "valid" and {*sample["corpora"]} == names
    return sample["split"] == "test" and {*sample["corpora"]} == names


def _keys(source: str, row: SweepRow, test: str, measure: str) -> Iterator[tuple[Key, str]]:
    """Yield the key of a score in the table, if it has one; our model's name if it is another."""
    setup = row.place
    if "system" in setup:  # another than gner, whose numbers these are
        return
    backbone, form = setup["backbone"], (setup["labels"], setup["context"])
    system, same = model_of(backbone, parameters=row.parameters)
    another = "" if same else backbone
    metric = METRICS.get(measure)
    if metric is None:
        return
    if source == "Table 1":
        if form in FORMS and setup["beams"] == 1:
            yield (STUDY, FORMS[form], metric), "" if backbone == "Flan-T5-large" else backbone
    elif form == PLAIN and source == "Table 7" and test == "zero-shot":
        yield (system, f"{test}; beam={setup['beams']}", metric), another
    elif form == PLAIN and setup["beams"] == 1 and source == "Table 4":
        yield (system, test, metric), another
    elif form == PLAIN and setup["beams"] == 1 and source == "Table 6":
        yield (system, f"{test}; {_matching(setup)}", metric), another


def _matching(setup: Mapping[str, Any]) -> str:
    if setup["matching"] in ("position", "text"):
        return "w/o LCS+BT"
    return "Ours" if setup["back_tokenization"] else "w/o BT"


def _measured(cell: Cell, another: str) -> Measured:
    interval = cell.interval and (100 * cell.interval[0], 100 * cell.interval[1])
    deviation = None if cell.deviation is None else 100 * cell.deviation
    return Measured(100 * cell.mean, interval, another, deviation)
