"""What the differences of a study say about the claims that it is to decide."""

from dataclasses import dataclass
from typing import Literal

from gner_core.config.studies.results import Claim, Points, ShownStudy
from gner_core.reports.results.content import StudyView, matching
from gner_core.reports.sweep.content import Difference
from gner_core.reports.sweep.differences import PAIRED, difference_of, runs_of, same_sentences

Word = Literal["confirmed", "refuted", "undecided", "not run"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about a claim."""

    study: ShownStudy
    claim: Claim
    word: Word
    difference: Difference | None = None
    """Of the points that it is about to those that they are compared with: a share."""
    why: str = ""
    """Where there is no difference, or no interval of it."""


def judged(study: ShownStudy, view: StudyView | None) -> list[Verdict]:
    """Return the verdicts on all claims of a study; `view` is None where nothing of it has run."""
    if view is None:
        return [Verdict(study, claim, "not run") for claim in study.claims]
    return [_verdict(claim, view) for claim in study.claims]


def _verdict(claim: Claim, view: StudyView) -> Verdict:
    test, figure = claim.score.split("/")
    of, against = matching(view.rows, claim.of), matching(view.rows, claim.against)
    if missing := _missing(claim.of, view) + _missing(claim.against, view):
        points = f"{missing} point{'' if missing == 1 else 's'}"
        return Verdict(view.shown, claim, "not run", why=f"{points} not finished")
    if any(PAIRED[figure] not in view.runs[n, test].counts for r in of + against for n in r.names):
        return Verdict(view.shown, claim, "not run", why=f"{claim.score} is not known")
    if not same_sentences([*of, *against], test, view.runs):
        return Verdict(view.shown, claim, "undecided", why="tested on different sentences")
    before, after = (runs_of(rows, claim.score, view.runs) for rows in (against, of))
    found = difference_of(before, after, figure, view.record.scoring)
    return Verdict(view.shown, claim, word_of(claim, found), found)


def _missing(labels: Points, view: StudyView) -> int:
    """Return how many of the points with some labels are not shown."""
    done = [point.labels for point in view.points]
    planned = [one for one in view.record.planned if labels.items() <= one.items()]
    return sum(one not in done for one in planned)


def word_of(claim: Claim, found: Difference) -> Word:
    """Return what a difference, a share, says about a claim in points.

    It decides where its whole interval lies on one side of what the claim names.
    """
    assert found.low is not None  # claims are about what is drawn
    assert found.high is not None
    low, high = 100 * found.low, 100 * found.high
    if claim.above is not None:
        return (
            "confirmed" if low > claim.above else "refuted" if high < claim.above else "undecided"
        )
    assert claim.below is not None  # one of the two is given
    return "confirmed" if high < claim.below else "refuted" if low > claim.below else "undecided"
