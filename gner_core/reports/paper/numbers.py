"""The numbers that the paper states, from `numbers.csv`, and which of its models is meant.

Example:
    >>> number("Table 11", system="GNER-T5-small", corpus="crossner-ai", setting="zero-shot").value
    50.18
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import log
from pathlib import Path
from typing import Literal

FILE = Path(__file__).with_name("numbers.csv")
MEAN = "mean"
"""Name of the mean over corpora in the column `corpus`."""
RERUN = "Rerun (chrisjihee/GNER)"
PAPER = "Appendix B and G"
Test = Literal["zero-shot", "supervised"]
PAPERS_TESTS: dict[str, Test] = {"table-2": "zero-shot", "table-3": "supervised"}
"""What an experiment's test is set beside → the setting of the paper's tables."""

MODELS = {
    "Flan-T5-small": "GNER-T5-small",
    "Flan-T5-base": "GNER-T5-base",
    "Flan-T5-large": "GNER-T5-large",
    "Flan-T5-xl": "GNER-T5-xl",
    "Flan-T5-xxl": "GNER-T5-xxl",
    "LLaMA-7B": "GNER-LLaMA-7B",
}
"""Backbone → the paper's name of the model that is made from it."""
SCALES = {"M": 1e6, "B": 1e9}


@dataclass(frozen=True, slots=True)
class PaperNumber:
    """One number, as printed."""

    source: str
    """Table or section."""
    system: str
    setting: str
    dataset: str
    """As the paper calls it."""
    corpus: str
    """As the catalog calls it; "mean" for the mean over corpora, "" where it is no corpus."""
    metric: str
    text: str
    std: float | None
    """Deviation of five runs."""
    note: str
    """Where the paper contradicts itself."""

    @property
    def value(self) -> float:
        """The number; 77M is 77 million."""
        scale = SCALES.get(self.text[-1], 1.0)
        return float(self.text.rstrip("".join(SCALES))) * scale


@cache
def numbers() -> tuple[PaperNumber, ...]:
    """Return all rows."""
    with FILE.open(encoding="utf-8", newline="") as handle:
        return tuple(
            PaperNumber(
                text=row.pop("value"), std=float(std) if (std := row.pop("std")) else None, **row
            )
            for row in csv.DictReader(handle)
        )


def find(
    source: str,
    *,
    system: str | None = None,
    corpus: str | None = None,
    setting: str = "",
    metric: str = "F1",
) -> Iterator[PaperNumber]:
    """Yield the rows of a source; `setting` is how theirs begins."""
    for row in numbers():
        if (
            row.source == source
            and row.metric == metric
            and (system is None or row.system == system)
            and (corpus is None or row.corpus == corpus)
            and row.setting.startswith(setting)
        ):
            yield row


def number(source: str, *, system: str, corpus: str, setting: str = "") -> PaperNumber | None:
    """Return the first F1 score like this; None where the paper has none."""
    return next(find(source, system=system, corpus=corpus, setting=setting), None)


def model_of(backbone: str, *, parameters: int) -> tuple[str, bool]:
    """Return the paper's model of a backbone, and whether it is the same one.

    For a backbone that is not in the paper it is the one that comes nearest in parameters, by ratio.
    """
    if backbone in MODELS:
        return MODELS[backbone], True
    sizes = {row.system: row.value for row in find("Table 4", setting="model", metric="params")}
    ours = {name: sizes[name] for name in MODELS.values()}
    return min(ours, key=lambda name: abs(log(ours[name] / parameters))), False


def size_of(model: str) -> str:
    """Return the parameters of one of the paper's models as it prints them: 77M."""
    return next(find("Table 4", system=model, setting="model", metric="params")).text


def paper_gpu_hours() -> float:
    """Return the GPU hours of A100-80G that all of the paper's models took (Appendix G)."""
    return next(find(PAPER, metric="gpu_hours_A100")).value


def paper_kg() -> float:
    """Return the paper's estimate of CO2 equivalents, in kg (Appendix G)."""
    return next(find(PAPER, metric="kgCO2eq")).value
