"""Writes the page of results from what is kept of each study, and from nothing else.

The same files give the same bytes on every machine: figures are rounded after everything is computed,
and all draws are seeded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gner_core.config.studies.results import Group, ResultsParams, ShownStudy
from gner_core.errors import InputError
from gner_core.reports.markdown import anchor, block, folded, joined, table, text
from gner_core.reports.results.claims import Verdict, judged
from gner_core.reports.results.content import StudyView, name_of
from gner_core.reports.results.facts import facts, hours
from gner_core.reports.results.figures import figure_of
from gner_core.reports.results.paper import PaperNumbers, paper_numbers
from gner_core.reports.results.record import StepRecord, StudyRecord
from gner_core.reports.results.tables import (
    corpora_table,
    only_test,
    rows_table,
    types_table,
)
from gner_core.reports.sweep.content import ERRORS
from gner_core.reports.sweep.page import difference_shown, title_of

NOTICE = "<!-- Written by `gner report results`: do not change it by hand. -->"
WORDS = {
    "confirmed": "**confirmed**",
    "refuted": "**refuted**",
    "undecided": "undecided",
    "not run": "not run",
}
CLASSES = {
    "UE": "UE: gold mentions that nothing overlaps",
    "NE": "NE: those that only other types overlap",
    "BE": "BE: those that their type overlaps, with other words",
}


@dataclass(frozen=True)
class Page:
    """A page of results with all that it is rendered from."""

    params: ResultsParams
    records: Mapping[str, StudyRecord]
    """Name of a study → what is kept of it."""
    notes: Mapping[str, str]
    """Name of a study → the account that was written by hand, in Markdown."""
    commands: Mapping[str, str]
    """Name of a study → the command that runs it."""
    again: str
    """The command that writes this page."""
    folder: str
    """The folder of counts and figures, as the page links to it."""

    @cached_property
    def views(self) -> Mapping[str, StudyView]:
        """The studies of which at least one point is finished."""
        views = {
            study.name: StudyView(study, self.records[study.name])
            for study in self.params.studies()
            if study.name in self.records
        }
        return {name: view for name, view in views.items() if view.points}

    @cached_property
    def figures(self) -> Mapping[str, bytes]:
        """The SVG files by study."""
        found = {name: figure_of(view) for name, view in self.views.items()}
        return {name: svg for name, svg in found.items() if svg is not None}

    @cached_property
    def verdicts(self) -> Mapping[str, Sequence[Verdict]]:
        """What is known about the claims of each study."""
        studies = self.params.studies()
        return {study.name: judged(study, self.views.get(study.name)) for study in studies}

    def render(self) -> str:
        """Return the page in Markdown.

        Raises:
            InputError: where a number of the paper is named that it has not.
        """
        parts = [
            NOTICE,
            f"# {self.params.title}",
            self.params.text,
            self._claims(),
            *(self._group(group) for group in self.params.groups),
            self._not_run(),
            self._again(),
        ]
        return joined(parts) + "\n"

    def _claims(self) -> str:
        verdicts = [one for some in self.verdicts.values() for one in some]
        if not verdicts:
            return ""
        rows = [
            [
                text(one.claim.says),
                WORDS[one.word],
                _difference(one),
                f"[{text(one.study.title)}]({anchor(one.study.title)})",
            ]
            for one in verdicts
        ]
        head = ["claim", "at this size", "difference", "study"]
        return joined(["## The claims", table(head, rows, texts=(0, 1, 3)), self._method()])

    def _method(self) -> str:
        """Say how intervals are drawn."""
        views = list(self.views.values())
        if not views:
            return ""
        scoring = views[0].record.scoring
        return (
            "Differences are in points. A claim is confirmed where the whole interval of its difference is on "
            "the claimed side of its threshold (0 unless it names another), refuted where all of it is on the "
            f"other side, and otherwise undecided. Intervals ({100 * scoring.level:g} %) are bootstrap "
            f"intervals over sentences and seeds: {scoring.resamples:,} times, sentences are drawn with replacement within each corpus, "
            "the same for both sides of a difference, and so are the seeds where there are several."
        )

    def _group(self, group: Group) -> str:
        return joined(
            [f"## {group.title}", group.text, *(self._study(study) for study in group.studies)]
        )

    def _study(self, study: ShownStudy) -> str:
        view = self.views.get(study.name)
        parts = [f"### {study.title}", study.text]
        if view is None:
            parts += ["Not run yet:", block(self.commands[study.name])]
        else:
            parts += self._figures_of(view)
        return joined([*parts, self.notes.get(study.name, "")])

    def _figures_of(self, view: StudyView) -> list[str]:
        study = view.shown
        papers = self._papers(view)
        parts = [_unfinished(view.record), rows_table(view, papers), _legend(view, papers)]
        if study.name in self.figures:
            parts.append(f"![{text(study.title)}]({self.folder}/{study.name}.svg)")
        parts += [
            joined([f"F1 by corpus, {text(test)}:", corpora_table(view, test, papers)])
            for test in study.by_corpus
        ]
        parts += [
            folded(f"Every type, {text(test)}{_of_baseline(view)}", types_table(view, test))
            for test in study.by_type
            if _has_types(view, test)
        ]
        parts.append("\n".join(f"- {_sentence(one)}" for one in self.verdicts[study.name]))
        counts = f"{self.folder}/{study.name}.json"
        return [*parts, facts(view, command=self.commands[study.name], counts=counts)]

    def _papers(self, view: StudyView) -> list[PaperNumbers]:
        found = []
        for number, ref in enumerate(view.shown.paper):
            corpora = list(view.rows[0].corpora[ref.score.split("/")[0]])
            try:
                found.append(paper_numbers(ref, corpora))
            except InputError as error:
                raise InputError(f"{view.shown.name}: paper.{number}: {error}") from None
        return found

    def _not_run(self) -> str:
        """Return what is missing, with the commands that run it."""
        lines = []
        for study in self.params.studies():
            view = self.views.get(study.name)
            if view is None:
                lines.append(f"- {text(study.title)}: `{self.commands[study.name]}`")
            elif missing := view.record.missing:
                names = "; ".join(text(name_of(labels)) for labels in missing)
                lines.append(f"- {text(study.title)}, {names}: `{self.commands[study.name]}`")
        return joined(["## Not run", "\n".join(lines)]) if lines else ""

    def _again(self) -> str:
        """Say how everything is made again."""
        steps: dict[str, StepRecord] = {}
        for view in self.views.values():
            steps |= view.record.steps
        took = f"All steps together took {hours(steps)}. " if steps else ""
        commands = [self.commands[study.name] for study in self.params.studies()]
        says = (
            f"{took}Every command can be stopped and given again: finished steps are skipped. The "
            f"last one writes the counts of what is finished into `{self.folder}/`, and this page "
            "from nothing but those counts. With `--verify` it computes all counts again from the "
            "store, and with `--check` it says whether this page is its output."
        )
        return joined(["## How to make it again", says, block("\n".join([*commands, self.again]))])


def _unfinished(record: StudyRecord) -> str:
    done, planned = len(record.points), len(record.planned)
    if done == planned:
        return ""
    return f"**{done} of {planned} points are finished**; the others were not run."


def _legend(view: StudyView, papers: Sequence[PaperNumbers]) -> str:
    """Return what the table shows, in one paragraph."""
    figures = {score.split("/")[1] for score in view.shown.show}
    test = only_test(view)
    parts = [f"{f'Test {text(test)}: in' if test else 'In'} points; in brackets the interval."]
    if len(view.rows) > 1 and view.baseline:
        name = text(name_of(view.baseline.labels))
        parts.append(f"Small: difference to {name}; bold where its interval excludes 0.")
    shares = [CLASSES[name] for name in ERRORS if name in figures]
    parts += [f"{'; '.join(shares)}; in percent of the gold mentions."] if shares else []
    sources = dict.fromkeys(f"{paper.ref.source}, {text(paper.ref.system)}" for paper in papers)
    parts += [f"The paper's: {'; '.join(sources)}."] if sources else []
    return " ".join(parts)


def _has_types(view: StudyView, test: str) -> bool:
    return all(point.tests[test].types for point in view.points)


def _of_baseline(view: StudyView) -> str:
    row = view.baseline or view.rows[0]
    return f": {text(name_of(row.labels))}" if len(view.rows) > 1 else ""


def _difference(verdict: Verdict) -> str:
    if verdict.difference is None:
        return verdict.why
    return difference_shown(verdict.difference, verdict.claim.score)


def _sentence(verdict: Verdict) -> str:
    """Return a claim with what is known about it."""
    claim = verdict.claim
    sides = f"{text(name_of(claim.of))} against {text(name_of(claim.against))}"
    bound = claim.above if claim.above is not None else claim.below
    side = "above" if claim.above is not None else "below"
    named = f", claimed {side} {bound:g}".replace("-", "−") if bound else ""
    known = _difference(verdict)
    score = text(title_of(claim.score))
    what = f"{sides}, {score}: {known}" if known else f"{sides}, {score}"
    return f"At this size {WORDS[verdict.word]}: {text(claim.says)} ({what}{named})"
