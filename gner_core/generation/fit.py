"""Child process that fits decoding to tagged sentences: `python -m gner_core.generation.fit REQUEST.json`.

The penalty of O is chosen by the F1 of the decoded sentences, the temperature of confidences by the
log loss of the right labels. The output folder gets `fit.json`. A run that was killed repeats no
finished batch.
"""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from gner_core.artifact_files import FIT
from gner_core.backbones.number_format import number_format
from gner_core.config.scoring import BootstrapParams, ScoringParams
from gner_core.config.systems.gner import GnerSystem, MatchParams
from gner_core.errors import InputError
from gner_core.generation.guided.decoding import GuidedGenerator
from gner_core.generation.job import GenerateRequest
from gner_core.generation.parts import kept
from gner_core.generation.tagging import TaggingJob
from gner_core.generation.worker import share
from gner_core.matching.modes import Matcher
from gner_core.runtime.files import write_json
from gner_core.runtime.gpus import use_gpus
from gner_core.runtime.machine import took_gpus
from gner_core.runtime.worker import COMPUTED_IN, Report, run_worker
from gner_core.scoring.analysis.calibration import Calibration
from gner_core.scoring.analysis.significance import MEAN, compare, interval
from gner_core.scoring.analysis.temperature import Decided, LabelLoss, fitted_temperature
from gner_core.scoring.metrics.tally import RATIOS, Tally, tally
from gner_core.scoring.scored import Scored, score
from gner_core.systems.naming import retagged

MATCH = MatchParams(mode="gner", back_tokenization=False)
"""Decided labels are not matched."""


class FitRequest(GenerateRequest):
    """A checkpoint, tagged sentences, and what is fitted to them (`decode.fit`)."""

    scoring: ScoringParams


def start(request: FitRequest, report: Report) -> dict[str, Any]:
    """Fit on one GPU where there is one."""
    scratch = Path(request.scratch)
    purpose = "/".join(scratch.parts[-2:])  # the artifact
    took_gpus(scratch, use_gpus(1, purpose=purpose, share=True))
    return work(request, report)


def work(request: FitRequest, report: Report) -> dict[str, Any]:
    """Fit, and write the values with what speaks for them; return the same."""
    fit = request.decode.fit
    assert fit is not None
    fitting = Fitting(request, report, runs=len({0.0, *fit.outside_penalty}) + fit.temperature)
    penalties = sorted({0.0, *fit.outside_penalty}, key=abs)
    decoded = {penalty: fitting.decoded(outside_penalty=penalty) for penalty in penalties}
    found: dict[str, Any] = {"values": {}, **fitting.facts()}
    chosen = 0.0
    if fit.outside_penalty:
        tallies = {p: tally(scored, "pair", without=()) for p, scored in decoded.items()}
        found["outside_penalty"] = choice = chosen_penalty(tallies, request.scoring)
        chosen = found["values"]["outside_penalty"] = choice["value"]
    if fit.temperature:
        words = fitting.decided_words()
        value = found["values"]["temperature"] = fitted_temperature(words)
        after = fitting.decoded(outside_penalty=chosen, temperature=value)
        loss, bins = LabelLoss(words), request.scoring.confidence_bins
        found["temperature"] = {
            "log_loss": [loss(1.0), loss(value)],
            "calibration_error": [_error(scored, bins) for scored in (decoded[chosen], after)],
        }
    write_json(Path(request.output) / FIT, found)
    computed_in = number_format(request.backbone, exact=request.exact)
    return {"fit": found, "summary": {COMPUTED_IN: computed_in}}


def chosen_penalty(tallies: Mapping[float, Tally], params: BootstrapParams) -> dict[str, Any]:
    """Return the penalty with the highest mean F1 over corpora, and the curve that speaks for it.

    Of equals, it is the first. Where its difference from a penalty of 0 is not above 0 with its
    whole interval, it is 0.

    Args:
        tallies: of each penalty, the same sentences; 0 among them.
    """
    curve = []
    for penalty, one in tallies.items():
        mean = interval(one.sentences, params)[MEAN]
        macro = one.scores(without=())["macro"]
        ratios = {name: macro[name] for name in RATIOS}
        curve.append({"penalty": penalty, **ratios, "interval": [mean.low, mean.high]})
    best = max(curve, key=lambda row: row["f1"])["penalty"]
    gain = compare(tallies[0.0].sentences, tallies[best].sentences, params)[MEAN]
    return {
        "value": best if gain.low > 0 else 0.0,
        "best": best,
        "difference": {"value": gain.value, "low": gain.low, "high": gain.high},
        "curve": sorted(curve, key=lambda row: row["penalty"]),
    }


def _error(scored: list[Scored], bins: int) -> float | None:
    """Return the calibration error of entities; None where none was found."""
    calibration = Calibration(bins)
    for sentence in scored:
        calibration.add_sentence(sentence)
    return calibration.error if calibration.total else None


class Fitting:
    """The sentences of a fit, decoded in several ways with one model."""

    def __init__(self, request: FitRequest, report: Report, *, runs: int) -> None:
        """Read tokenizer and sentences, and plan the batches.

        Args:
            runs: how often the sentences will be decoded.

        Raises:
            InputError: for an unusable tokenizer, and when no sentence is within the limits, or one
                has entities of types that its prompt does not name.
        """
        assert isinstance(request.system, GnerSystem)
        self.request = request
        self.job = TaggingJob(request, request.system)
        self.total = runs * len(self.job.sentences)
        self.done = 0
        self.report = report
        self._match = Matcher(MATCH, request.system.target, back={})
        if not self.job.parts:
            raise InputError("no sentence to fit decoding to is within the model's token limits")
        for sentence in self.job.sentences:
            if others := {tag[2:] for tag in sentence.tags if tag != "O"} - {*sentence.types}:
                names = ", ".join(sorted(others))
                raise InputError(
                    f"{sentence.id}: has entities of types that are not asked: {names}"
                )

    def facts(self) -> dict[str, int]:
        """Return how much the fit rests on."""
        kept_in = [n for part in self.job.parts for n in part]
        return {
            "sentences": len(kept_in),
            "skipped": len(self.job.sentences) - len(kept_in),
            "words": sum(len(self.job.sentences[n].words) for n in kept_in),
        }

    def decoded(self, **changes: float) -> list[Scored]:
        """Return the sentences with the labels that decoding with some other values gives them."""
        decode = self.request.decode.fitted(changes)
        self.generator.rate_by(decode)
        names = "-".join(f"{name}={value:g}" for name, value in changes.items())
        folder = Path(self.request.scratch) / names
        folder.mkdir(exist_ok=True)
        share(self.job, folder, partial(self._report, self.done), rank=0)
        self.done += len(self.job.sentences)
        self.report(self.done, self.total)
        done = kept(folder, read=self.job.read)
        sentences = enumerate(self.job.sentences)
        return [score(self.job.skipped(n) or done[s.id], self._match) for n, s in sentences]

    def decided_words(self) -> list[list[Decided]]:
        """Return the decisions that lead to the right label of every word."""
        found = []
        for part in self.job.parts:
            asked = [n for n in part if self.job.asked[n]]
            queries = [self.job.query(n) for n in asked]
            tags = [self._asked(n) for n in asked]
            found += [w for one in self.generator.decided_words(queries, tags) for w in one]
        return found

    def _asked(self, index: int) -> list[str]:
        """Return the tags of a sentence with the names that its prompt has for types."""
        names = {ours: name for name, ours in self.job.ours[index].items()}
        return retagged(self.job.sentences[index].tags, names)

    @property
    def generator(self) -> GuidedGenerator:
        """What decides the labels."""
        generator = self.job.generator
        assert isinstance(generator, GuidedGenerator)
        return generator

    def _report(self, before: int, done: int, _: int, *, share: float) -> None:  # noqa: ARG002
        self.report(before + done, self.total)


def main(path: str) -> None:
    """Run as a worker: `path` is the request file."""
    run_worker(path, FitRequest, start)


if __name__ == "__main__":
    main(sys.argv[1])
