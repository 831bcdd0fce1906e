"""The scores of every type: its support, and what it is taken for."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from gner_core.reports.experiment.content import EvaluationView
from gner_core.reports.tables import Cell, Column, Row, Table, number, ratio, share, text
from gner_core.scoring.analysis.errors import NOTHING
from gner_core.scoring.metrics.pairs import normalised

COUNTS = ("gold", "predicted", "right")
MENTIONS = ("missed", "wrong boundary", "spurious")
SHOWN = 4
"""Other types that a type is taken for, at most."""


def types(view: EvaluationView) -> Table:
    """Return the scores of a test by corpus and type, the type with most gold entities first.

    Confusions are left out where matching does not locate entities.
    """
    located = "errors" in view.scores
    columns = [Column("type", number=False), *map(Column, ("precision", "recall"))]
    columns += [Column("F1", stays=True), *map(Column, COUNTS)]
    if located:
        columns += [*map(Column, MENTIONS), Column("taken for", number=False)]
    rows = []
    for corpus, found in view.scores["corpora"].items():
        taken = _taken_for(view.scores["errors"]["corpora"][corpus]["confusion"]) if located else {}
        strict = view.scores["span"]["corpora"][corpus]["types"] if located else {}
        exact = {normalised(name): one["right"] for name, one in strict.items()}
        ranked = sorted(found["types"].items(), key=lambda item: (-item[1]["gold"], item[0]))
        for name, one in ranked:
            cells = [
                text(name),
                ratio(one["precision"], of=one["predicted"]),
                ratio(one["recall"], of=one["gold"]),
                share(one["f1"]),
                *(number(one[key]) for key in COUNTS),
                *(_confusions(name, taken, exact) if located else ()),
            ]
            rows.append(Row(cells, corpus))
    return Table(f"types-{view.title}", columns, rows, "corpus")


Taken = Mapping[str, Counter[str]]
"""Gold type → predicted types of the entities that overlap; both may be nothing."""


def _taken_for(confusion: Mapping[str, Mapping[str, int]]) -> Taken:
    """Return confusions by normalised types, as scores have them."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for gold, predicted in confusion.items():
        for label, count in predicted.items():
            found[_plain(gold)][_plain(label)] += count
    return found


def _plain(label: str) -> str:
    return label if label == NOTHING else normalised(label)


def _confusions(name: str, taken: Taken, exact: Mapping[str, int]) -> tuple[Cell, ...]:
    """Return the mentions missed, with a wrong boundary and spurious; then those of other types."""
    mine = taken.get(name, Counter())
    others = Counter({t: n for t, n in mine.items() if t not in (name, NOTHING)}).most_common()
    listed = ", ".join(f"{label} {count:,}" for label, count in others[:SHOWN])
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    extra = taken.get(NOTHING, Counter())[name]
    moved = mine[name] - exact.get(name, 0)
    return number(mine[NOTHING]), number(moved), number(extra), text(listed + more)
