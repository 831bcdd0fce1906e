"""The paper's numbers beside those of a study, as its file names them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gner_core.config.studies.results import PaperRef
from gner_core.errors import InputError
from gner_core.reports.paper.numbers import MEAN, find

FIGURES = {"f1": "F1", "UE": "UE", "NE": "NE", "BE": "BE"}
"""Ours → theirs."""


@dataclass(frozen=True, slots=True)
class PaperNumbers:
    """What the paper has beside a figure of a row."""

    ref: PaperRef
    mean: str | None
    """As printed, or the mean over the corpora that are tested here; None where it has no such."""
    corpora: Mapping[str, str]
    """By corpus, as printed."""


def paper_numbers(ref: PaperRef, corpora: Sequence[str]) -> PaperNumbers:
    """Return the numbers beside a figure that is the mean over some corpora.

    Where the paper names corpora, its mean is taken over the same: it has more of them in Table 3.

    Raises:
        InputError: where the paper has no such number.
    """
    figure = ref.score.split("/")[1]
    metric = FIGURES.get(figure)
    rows = find(ref.source, system=ref.system, metric=metric or "")
    found = {row.corpus or MEAN: row for row in rows if row.setting == ref.setting}
    if not found:
        raise InputError(
            f"{ref.source}, {ref.system}, {ref.setting}: no {figure} in numbers.csv; name them "
            "as they stand there"
        )
    printed = {name: row.text for name, row in found.items() if name != MEAN}
    if not printed or printed.keys() == {*corpora}:
        return PaperNumbers(ref, found[MEAN].text if MEAN in found else None, printed)
    if not {*corpora} <= printed.keys():
        return PaperNumbers(ref, None, printed)
    mean = sum(found[name].value for name in corpora) / max(len(corpora), 1)
    return PaperNumbers(ref, f"{mean:.2f}", printed)
