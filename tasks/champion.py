"""Whether an evaluated checkpoint becomes champion.

The first checkpoint whose F1 is not 0 does. After that the alias moves only to a candidate that is
better beyond the interval; one that is worse beyond it is a regression. A decision is one tag of the
checkpoint's version in the registry. It is written before the alias moves, and closed when all that
follows from it is done. One that was interrupted is resumed as it was decided, unless there is another
champion by then. The alias only moves away from the champion that was compared, and where a person
moves it, it stays. Decisions of one machine wait for each other under a lock.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import KW_ONLY, asdict, dataclass, replace
from typing import Any, Literal

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from gner_core.errors import InputError
from gner_core.store.artifacts import ArtifactRef
from gner_core.store.fingerprint import fingerprint
from tasks.checkpoints.identity import Checkpoint, registered
from tasks.checkpoints.registry import CHECKPOINT, WHERE, Registry, answering, decision_in
from tasks.checkpoints.suite import Evaluation, Suite, compared
from tasks.context import RunContext
from tasks.progress import logger
from tasks.reevaluation import mean_f1
from tasks.steps.results import Compare
from tasks.tracking.records import Version

Verdict = Literal["first", "zero", "named", "better", "even", "worse"]
"""first: there was no champion; zero: nor is there one now, since the F1 is 0; named: it held the
alias before it was evaluated."""
PROMOTING = ("first", "better")


@dataclass(frozen=True)
class Decision:
    """What was decided about a checkpoint. F1 and differences are shares, 0 to 1."""

    verdict: Verdict
    f1: float
    """Mean over the corpora of all test sets."""
    against: str | None
    """Key of the champion that it was compared with."""
    against_version: int | None
    compare: str | None
    """The published step compare."""
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    promoted: bool = False
    """The alias has moved to the checkpoint; a person may have moved it since."""
    closed: bool = False
    """Alias, run and tags are written."""

    def figures(self) -> dict[str, float]:
        """Return its numbers by name, those that there are."""
        names = ("f1", "difference", "low", "high", "p")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def decision_of(version: Version | None, suite: Suite) -> Decision | None:
    """Return what was decided about a version on these test sets."""
    found = decision_in(version, suite.key) if version else None
    return Decision(**found) if found else None


def in_words(decision: Decision) -> str:
    """Return the figures of a decision in points."""
    f1 = f"F1 {100 * decision.f1:.2f}"
    if decision.difference is None or decision.low is None or decision.high is None:
        return f1
    return (
        f"{f1}, {100 * decision.difference:+.2f} against the champion "
        f"({100 * decision.low:+.2f} … {100 * decision.high:+.2f}, p {decision.p:.3f})"
    )


@dataclass(frozen=True)
class Promotion:
    """Decides about candidates on the same test sets, and moves the alias."""

    suite: Suite
    run: RunContext
    registry: Registry
    _: KW_ONLY
    evaluate: Callable[[Evaluation], None]
    """Evaluates the champion, if it is not evaluated yet."""
    compare: Callable[[Compare], dict[str, Any]]
    """Runs a step compare and returns its content."""

    def decide(self, candidate: Evaluation) -> Decision:
        """Decide about an evaluated checkpoint, once, and act upon it.

        Raises:
            RegistryAwayError: when MLflow does not answer; nothing is decided then, or the next
                call resumes what was decided.
            InputError: when there is a champion that cannot be evaluated.
        """
        with answering():
            version = self.registry.register(candidate.checkpoint)
        with self._alias_lock(), answering():
            decision = self._resumed(version)
        while decision is None:
            with answering():
                holder = self.registry.champion(self.alias)
            champion = self._champion(holder, candidate)
            if champion and not all(self.run.store.has(one.ref) for one in champion.tests.values()):
                self.evaluate(champion)
            with self._alias_lock(), answering():
                if self.registry.champion(self.alias) == holder:  # no other process moved it
                    decided = self._decision(candidate, champion, holder)
                    decision = self._act(version, decided)
        if not decision.closed:
            self._show(candidate.checkpoint, decision, version)
        return decision

    @property
    def alias(self) -> str:
        """The alias that marks the champion."""
        return self.suite.params.champion.alias

    def _alias_lock(self) -> AbstractContextManager[None]:
        """Hold the right to move the alias."""
        registry = self.registry
        name = fingerprint([registry.mlflow.uri, registry.model, self.alias])
        return self.run.store.lock(ArtifactRef("champion", name))

    def _champion(self, holder: Version | None, candidate: Evaluation) -> Evaluation | None:
        """Return the champion on all tests, None where there is none or it is the candidate."""
        if holder is None or holder.tags.get(CHECKPOINT) == candidate.checkpoint.key:
            return None
        model = self.registry.model
        name = f"version {holder.number} of {model}, which holds the alias {self.alias}"
        mend = "move the alias to a version whose checkpoint is there, or delete it"
        where = holder.tags.get(WHERE)
        if not where:
            raise InputError(f"{name}: not registered by gner; {mend}")
        try:
            found = registered(holder.tags, self.run.store)
        except InputError as fault:
            raise InputError(f"{name}: {fault}; {mend}") from None
        if found.key != holder.tags[CHECKPOINT]:
            raise InputError(f"{name}: {where} holds another checkpoint now; {mend}")
        return self.suite.evaluation(found, self.run.store)

    def _decision(
        self, candidate: Evaluation, champion: Evaluation | None, holder: Version | None
    ) -> Decision:
        params = self.suite.params.comparison
        number = holder.number if holder else None
        if champion is None:
            f1 = mean_f1(candidate, self.run, metric=params.metric)
            verdict: Verdict = "named" if holder else "first" if f1 > 0 else "zero"
            return Decision(verdict, f1, None, number, None)
        step = compared(champion, candidate, params)
        content = self.compare(step)
        mean = content["mean"]
        return Decision(
            content["verdict"],
            mean["b"],
            champion.checkpoint.key,
            number,
            step.ref.path,
            difference=mean["value"],
            low=mean["low"],
            high=mean["high"],
            p=mean["p"],
        )

    def _resumed(self, version: Version) -> Decision | None:
        """Return what was decided before, after acting upon it if that was not done.

        None where nothing was decided, or where another checkpoint became champion first.
        """
        decision = decision_of(version, self.suite)
        if decision is None or decision.promoted or decision.verdict not in PROMOTING:
            return decision
        holder = self.registry.champion(self.alias)
        number = holder.number if holder else None
        if number not in (decision.against_version, version.number):
            return None
        return self._act(version, decision)

    def _act(self, version: Version, decision: Decision) -> Decision:
        """Write a decision down, and move the alias if it says so."""
        self.registry.decide(version, self.suite.key, asdict(decision))
        if decision.verdict not in PROMOTING:
            return decision
        self.registry.promote(version, self.alias)
        promoted = replace(decision, promoted=True)
        self.registry.decide(version, self.suite.key, asdict(promoted))
        return promoted

    def _show(self, one: Checkpoint, decision: Decision, version: Version) -> None:
        """Log the decision, mark a regression, and close the decision once all is logged."""
        marks = {"gner.verdict": str(decision.verdict)}
        logger().info("%s: %s, %s", one.name, decision.verdict, in_words(decision))
        if decision.verdict == "worse":
            marks["gner.regression"] = in_words(decision)
            if FlowRunContext.get():
                text = f"# Regression: {one.name}\n\n{in_words(decision)}\n\n`{one.where}`\n"
                create_markdown_artifact(text, key=f"regression-{one.name}")
        with self.run.tracker.step_run(
            f"{one.name} comparison",
            key=fingerprint([self.suite.key, one.key]),
            kind="comparison",
            params=self.suite.params.comparison.model_dump(mode="json"),
            reuse_as=f"comparison-{one.name}",
        ) as mlrun:
            mlrun.values(decision.figures())
            mlrun.tags(
                {
                    **marks,
                    "gner.checkpoint": one.step.ref.path,
                    "gner.champion": decision.against or "",
                    "gner.compare": decision.compare or "",
                }
            )
        closed = asdict(replace(decision, closed=True))

        def close() -> None:
            self.registry.mark(version, marks)
            self.registry.decide(version, self.suite.key, closed)

        mlrun.after_all("closing of the decision", close)
