"""Params of a re-evaluation: how new checkpoints are tested and what makes a champion.

Backbone and target form are those of each checkpoint's description (`gner_core.config.checkpoint`).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gner_core.config.corpus import CorpusParams
from gner_core.config.execution import ExecutionParams
from gner_core.config.sample import SampleParams, faults_of_sample
from gner_core.config.scoring import BootstrapParams, ScoringParams
from gner_core.config.systems.any import DecodeParams
from gner_core.config.systems.gner import MatchParams
from gner_core.strict import StrictModel

TestName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""Lower-case with dashes."""


class ComparisonParams(BootstrapParams):
    """The paired test of a checkpoint against the champion, over the same sentences."""

    metric: Literal["pair", "span"]
    """pair: the paper's, unique pairs of text and type; span: words and type of every mention."""


class ChampionParams(StrictModel):
    """Where the best checkpoint is marked, in MLflow's model registry."""

    model: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    """The registered model; every compared checkpoint becomes a version of it."""
    alias: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    """The alias that moves to a checkpoint which is better beyond the interval."""


class WatchedFolder(StrictModel):
    """A folder below which foreign checkpoints appear."""

    folder: str
    """Every folder in and below it with a config.json and weights, and no gner.json, is one."""
    about: str
    """The models file that says what they are."""


class WatchedRepository(StrictModel):
    """A repository of the Hugging Face hub, whose newest commit is a foreign checkpoint."""

    hub: str
    """OWNER/NAME."""
    about: str | None = None
    """The models file that says what it is; null for one of params/models/released/."""


class ScanParams(StrictModel):
    """Where a scan looks for checkpoints."""

    store: bool
    """Published steps train of the store."""
    folders: tuple[str, ...]
    """Folders below which every folder with a gner.json is a checkpoint; `folders: []` for none."""
    foreign: dict[TestName, WatchedFolder | WatchedRepository] = Field(default_factory=dict)
    """Where checkpoints appear that gner did not train, under names of your own."""
    registry: bool
    """Versions of the registered model: what other machines registered and this one can read."""
    stages: tuple[str, ...] | None
    """Only checkpoints of training stages with these names; null for all.
    A checkpoint that no stage is known of always counts."""


class Reevaluation(StrictModel):
    """A re-evaluation file: the input of the flow `reevaluate`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Lower-case name with dashes; names runs and artifacts."""
    data_root: str
    """As in an experiment: a folder, "package" or "cache"."""
    corpora: dict[str, CorpusParams] = Field(min_length=1)
    """The catalog; the file may name another YAML file here."""
    tests: dict[TestName, SampleParams] = Field(min_length=1)
    """The fixed test sets by name. The mean is over all corpora of all of them."""
    decode: DecodeParams
    match: MatchParams
    scoring: ScoringParams
    """Of the scores of each checkpoint alone; the file may name another YAML file here."""
    comparison: ComparisonParams
    champion: ChampionParams
    scan: ScanParams
    execution: ExecutionParams

    @model_validator(mode="after")
    def _tests_name_known_corpora_once(self) -> "Reevaluation":
        seen: dict[str, str] = {}
        faults: list[str] = []
        for title, sample in self.tests.items():
            faults += faults_of_sample(f"tests.{title}", sample, self.corpora)
            for corpus in sample.corpora:
                if seen.setdefault(corpus, title) != title:
                    faults.append(f"tests.{title} and tests.{seen[corpus]} both name {corpus}")
        if self.decode.fit:
            faults.append(
                "decode.fit: nothing is held out here; give values, which gner tune finds"
            )
        if faults:
            raise ValueError("\n".join(faults))
        return self
