"""The plan of a re-evaluation: the same tests for every checkpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from gner_core.config.corpus import CorpusParams
from gner_core.config.reevaluation import ComparisonParams, Reevaluation
from gner_core.config.systems.gner import GnerSystem, MatchParams
from gner_core.errors import InputError
from gner_core.store.artifacts import Store
from gner_core.store.fingerprint import fingerprint
from tasks.checkpoints.identity import Checkpoint
from tasks.steps.data import Corpus, Sample, plan_corpora, plan_sample
from tasks.steps.models import Generate
from tasks.steps.results import Compare, Score
from tasks.steps.step import Step, values


@dataclass(frozen=True)
class Evaluation:
    """A checkpoint on all tests."""

    checkpoint: Checkpoint
    tests: Mapping[str, Score]

    def steps(self) -> Iterator[Step]:
        """Yield the steps that are the checkpoint's own, each after its inputs."""
        for score in self.tests.values():
            yield from (score.predictions, score)


@dataclass(frozen=True)
class Suite:
    """What is the same for all checkpoints: test sets, decoding, matching, scoring."""

    params: Reevaluation
    corpora: Mapping[str, Corpus]
    samples: Mapping[str, Sample]
    """By test."""

    @cached_property
    def key(self) -> str:
        """The hash of all that makes decisions comparable."""
        return fingerprint(
            {
                "tests": {test: step.ref.path for test, step in self.samples.items()},
                "decode": values(self.params.decode),
                "match": values(self.params.match),
                "comparison": values(self.params.comparison),
                "alias": self.params.champion.alias,
            }
        )

    def evaluation(self, checkpoint: Checkpoint, store: Store) -> Evaluation:
        """Return one checkpoint on all tests.

        Raises:
            InputError: when it cannot be read, or cannot be decoded as the file says.
        """
        said, decode = checkpoint.description(store), self.params.decode
        system = said.trained_for
        assert system is not None
        match: MatchParams | None = self.params.match
        if not isinstance(system, GnerSystem):  # it has one way to decode and to read
            match, decode = None, decode.freely()
        elif decode.mode == "guided" and not system.can_be_guided:
            raise InputError(
                f"{checkpoint.where}: writes {system.labels} with context {system.context}; "
                "decode.mode guided needs BIO or BI and full: set free"
            )
        tests = {}
        for test, sample in self.samples.items():
            title = f"{test}-{checkpoint.name}"
            written = Generate(
                title=title,
                model=checkpoint.step,
                data=sample,
                system=system,
                backbone=said.backbone,
                decode=decode,
            )
            scoring = self.params.scoring
            tests[test] = Score(title=title, predictions=written, match=match, scoring=scoring)
        return Evaluation(checkpoint, tests)


def compared(champion: Evaluation, candidate: Evaluation, params: ComparisonParams) -> Compare:
    """Return the step that compares a checkpoint with the champion."""
    return Compare(
        title=f"{candidate.checkpoint.name} against {champion.checkpoint.name}",
        params=params,
        champion=champion.tests,
        candidate=candidate.tests,
    )


def tested_corpora(params: Reevaluation) -> dict[str, CorpusParams]:
    """Return the corpora that the test sets name."""
    named = {name for sample in params.tests.values() for name in sample.corpora}
    return {name: corpus for name, corpus in params.corpora.items() if name in named}


def plan_suite(params: Reevaluation) -> Suite:
    """Return the steps that all checkpoints share.

    Raises:
        InputError: when a corpus file is missing.
    """
    corpora = plan_corpora(tested_corpora(params), params.data_root)
    samples = {
        test: plan_sample(f"{test} sentences", sample, corpora)
        for test, sample in params.tests.items()
    }
    return Suite(params, corpora, samples)
