"""Which sentences of which corpora are drawn."""

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field, model_validator

from gner_core.config.corpus import CorpusParams, Split
from gner_core.errors import did_you_mean
from gner_core.strict import StrictModel


class SampleParams(StrictModel):
    """Which sentences of which corpora."""

    corpora: tuple[str, ...] = Field(min_length=1)
    """Names from the experiment's `corpora`."""
    split: Split
    """Which split to draw from."""
    per_corpus: int = Field(ge=1)
    """At most this many sentences of each corpus (the paper: 10,000)."""
    method: Literal["random", "first"]
    """Seeded random draw (the paper), or the first ones (the published code)."""
    seed: int
    """Seed of the draw."""

    @model_validator(mode="after")
    def _named_once(self) -> "SampleParams":
        if len(set(self.corpora)) != len(self.corpora):
            raise ValueError("corpora names one corpus twice")
        return self


def faults_of_sample(
    key: str, sample: SampleParams, corpora: Mapping[str, CorpusParams]
) -> Iterator[str]:
    """Yield which corpora of a sample the catalog does not hold, or not with its split.

    Args:
        key: key path of the sample in its file.
    """
    for name in sample.corpora:
        if name not in corpora:
            hint = did_you_mean(name, corpora) or f"; known: {', '.join(sorted(corpora))}"
            yield f"{key}.corpora: no corpus {name!r} in corpora{hint}"
        elif sample.split not in corpora[name].splits:
            splits = ", ".join(corpora[name].splits)
            yield f"{key}.split: {name} has no split {sample.split!r}, only {splits}"
