"""Who is champion: the decision about an evaluated checkpoint, written down, then acted upon.

The first checkpoint becomes champion. After that the alias moves only to a checkpoint that is
better beyond the interval; one that is worse beyond it is a regression. A decision is one tag of
the checkpoint's version in the registry. It is written before the alias moves, and closed when all
that follows from it is done: one that was interrupted is taken up again as it was decided, unless
another champion came between. The alias only moves away from the champion that was compared, and
where a person moves it, it stays.

Decisions of one machine wait for each other under a lock. Does not own figures
(`tasks.reevaluation`) or MLflow's calls (`tasks.checkpoints.registry`).
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
from tasks.checkpoints.identity import registered
from tasks.checkpoints.registry import CHECKPOINT, STEP, WHERE, Registry, Version, answering
from tasks.checkpoints.suite import Suite, Trial, compared
from tasks.context import RunContext
from tasks.progress import logger
from tasks.reevaluation import mean_f1
from tasks.steps.results import Compare

Judgement = Literal["first", "named", "better", "even", "worse"]
"""first: there was no champion; named: it held the alias before it was evaluated."""
PROMOTING = ("first", "better")


@dataclass(frozen=True)
class Decision:
    """What was decided about a checkpoint. F1 and differences are shares, 0 to 1."""

    verdict: Judgement
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
    """The alias has moved to the checkpoint; a person may have moved it on since."""
    closed: bool = False
    """All that follows from it is done: alias, run, marks."""

    def figures(self) -> dict[str, float]:
        """Return its numbers by name, without those that it has not."""
        names = ("f1", "difference", "low", "high", "p")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


def decision_of(version: Version | None, suite: Suite) -> Decision | None:
    """Return what was decided about a version on these test sets."""
    found = version.decision(suite.key) if version else None
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
class Judge:
    """Decides about evaluated checkpoints on the same test sets."""

    suite: Suite
    run: RunContext
    registry: Registry
    _: KW_ONLY
    evaluate: Callable[[Trial], None]
    """Has the champion evaluated, if it is not yet."""
    compare: Callable[[Compare], dict[str, Any]]
    """Runs a step compare and returns its content."""

    def decide(self, trial: Trial) -> Decision:
        """Decide about a checkpoint, once, and act upon it.

        Raises:
            RegistryAwayError: when MLflow does not answer; nothing is decided then, or what was
                decided is taken up by the next call.
            InputError: when there is a champion that cannot be evaluated.
        """
        with answering():
            version = self.registry.register(trial.checkpoint)
        with self._alias(), answering():
            decision = self._taken_up(version)
        while decision is None:
            with answering():
                champion = self.registry.champion()
            rival = self._rival(champion, trial)
            if rival and not all(self.run.store.has(step.ref) for step in rival.tests.values()):
                self.evaluate(rival)
            with self._alias(), answering():
                if self.registry.champion() == champion:  # no other evaluation ended meanwhile
                    decision = self._act(version, self._judgement(trial, rival, champion))
        if not decision.closed:
            self._show(trial, decision, version)
        return decision

    def _alias(self) -> AbstractContextManager[None]:
        """Hold the right to move the alias."""
        registry = self.registry
        name = fingerprint([registry.uri, registry.model, registry.alias])
        return self.run.store.lock(ArtifactRef("champion", name))

    def _rival(self, champion: Version | None, trial: Trial) -> Trial | None:
        """Return the champion's trial, None where there is none or it is the checkpoint itself."""
        if champion is None or champion.tags.get(CHECKPOINT) == trial.checkpoint.key:
            return None
        given = self.suite.params.champion
        name = f"version {champion.number} of {given.model}, which holds the alias {given.alias}"
        mend = "move the alias to a version whose checkpoint is there, or delete it"
        where = champion.tags.get(WHERE)
        if not where:
            raise InputError(f"{name}: not registered by gner; {mend}")
        try:
            found = registered(champion.tags.get(STEP), where, self.run.store)
        except InputError as fault:
            raise InputError(f"{name}: {fault}; {mend}") from None
        if found.key != champion.tags[CHECKPOINT]:
            raise InputError(f"{name}: {where} holds another checkpoint now; {mend}")
        return self.suite.trial(found, self.run.store)

    def _judgement(self, trial: Trial, rival: Trial | None, champion: Version | None) -> Decision:
        params = self.suite.params
        number = champion.number if champion else None
        if rival is None:
            f1 = mean_f1(trial, self.run, metric=params.comparison.metric)
            return Decision("named" if champion else "first", f1, None, number, None)
        step = compared(rival, trial, params)
        content = self.compare(step)
        mean = content["mean"]
        return Decision(
            content["verdict"],
            mean["b"],
            rival.checkpoint.key,
            number,
            step.ref.path,
            difference=mean["value"],
            low=mean["low"],
            high=mean["high"],
            p=mean["p"],
        )

    def _taken_up(self, version: Version) -> Decision | None:
        """Return what was decided before; act upon it if that was not done.

        None where nothing was, or where another checkpoint became champion before this one could.
        """
        decision = decision_of(version, self.suite)
        if decision is None or decision.promoted or decision.verdict not in PROMOTING:
            return decision
        champion = self.registry.champion()
        number = champion.number if champion else None
        if number not in (decision.against_version, version.number):
            return None
        return self._act(version, decision)

    def _act(self, version: Version, decision: Decision) -> Decision:
        """Write a decision down, and move the alias if it says so."""
        self.registry.decide(version, self.suite.key, asdict(decision))
        if decision.verdict not in PROMOTING:
            return decision
        self.registry.promote(version)
        promoted = replace(decision, promoted=True)
        self.registry.decide(version, self.suite.key, asdict(promoted))
        return promoted

    def _show(self, trial: Trial, decision: Decision, version: Version) -> None:
        """Log the decision, mark a regression, and close the decision behind it."""
        one, tracker, registry = trial.checkpoint, self.run.tracker, self.registry
        marks = {"gner.verdict": str(decision.verdict)}
        logger().info("%s: %s, %s", one.name, decision.verdict, in_words(decision))
        if decision.verdict == "worse":
            marks["gner.regression"] = in_words(decision)
            if FlowRunContext.get():
                text = f"# Regression: {one.name}\n\n{in_words(decision)}\n\n`{one.where}`\n"
                create_markdown_artifact(text, key=f"regression-{one.name}")
        with tracker.step_run(
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
            registry.mark(version, marks)
            registry.decide(version, self.suite.key, closed)

        mlrun.after_all("closing of the decision", close)
