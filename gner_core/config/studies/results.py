"""Params of a page of results: which studies it shows, and what they are to decide."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gner_core.config.studies.sweep import Label, Name, Score
from gner_core.strict import StrictModel

DRAWN = ("f1", "strict_f1", "own_f1", "UE", "NE", "BE")
"""Figures with an interval: what a claim can be about."""
Points = dict[Name, Label]
"""Axis → label of its value: all points of a study with these labels, whatever their others are."""
Test = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class PaperRef(StrictModel):
    """A number of the paper beside one of ours, named as in `gner_core/reports/paper/numbers.csv`.

    Of its rows for corpora, that for each tested corpus stands beside ours of that corpus.
    """

    of: Points
    """The row of the study."""
    score: Score
    source: str
    """Table or section, such as Table 11."""
    system: str
    setting: str


class Claim(StrictModel):
    """A sentence that the difference between two groups of points confirms, refutes or leaves open.

    It says that `of` is better than `against` by more than `above` points, or by less than `below`.
    """

    says: str = Field(min_length=1)
    score: Score
    of: Points
    against: Points
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> "Claim":
        if (self.above is None) == (self.below is None):
            raise ValueError(
                "above, below: give one of the two, in points; `above: 0` is the plain"
            )
        if self.score.split("/")[1] not in DRAWN:
            raise ValueError(f"score: {self.score} has no interval; take {', '.join(DRAWN)}")
        if self.of == self.against:
            raise ValueError("against: the same points as in `of`")
        return self


class ShownStudy(StrictModel):
    """An experiment or a sweep, as it is shown."""

    name: Name
    """Of its files: the counts in NAME.json, its figure in NAME.svg, an account by hand in NAME.notes.md."""
    file: str
    """The experiment or sweep, relative to this file."""
    title: str
    text: str = ""
    """Markdown in front of the table."""
    show: tuple[Score, ...] = Field(min_length=1)
    """Columns of the table, as in a sweep."""
    by_corpus: tuple[Test, ...] = ()
    """Tests of which each corpus is shown."""
    by_type: tuple[Test, ...] = ()
    """Tests of which each type is shown, and what it is taken for."""
    figure: Literal["rows", "corpora", "none"] = "none"
    """Rows: the figure of the sweep, lines or bars; corpora: bars by corpus of the first test there."""
    baseline: Points | None = None
    """The row with which the others are compared; null for the first."""
    paper: tuple[PaperRef, ...] = ()
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _figure_has_corpora(self) -> "ShownStudy":
        if self.figure == "corpora" and not self.by_corpus:
            raise ValueError("figure: corpora draws the first test of by_corpus, which is empty")
        return self

    def scores(self) -> list[str]:
        """Return all scores that are shown or decide a claim, each once."""
        named = [*self.show, *(one.score for one in self.claims)]
        return list(dict.fromkeys([*named, *(f"{test}/f1" for test in self.tests_in_detail())]))

    def tests_in_detail(self) -> list[str]:
        """Return the tests that are shown by corpus or by type."""
        return list(dict.fromkeys([*self.by_corpus, *self.by_type]))

    def tests(self) -> list[str]:
        """Return the names of all tests of which something is shown."""
        return list(dict.fromkeys(score.split("/")[0] for score in self.scores()))


class Group(StrictModel):
    """Studies below one heading."""

    title: str
    text: str = ""
    studies: tuple[ShownStudy, ...]


class ResultsParams(StrictModel):
    """A results file: the input of `gner report results`."""

    title: str
    page: str
    """The Markdown file that is written, relative to this file; counts and figures are in the folder of
    the same name beside it."""
    text: str = ""
    groups: tuple[Group, ...]

    @model_validator(mode="after")
    def _names_and_headings_differ(self) -> "ResultsParams":
        names = Counter(study.name for study in self.studies())
        groups = [group.title for group in self.groups]
        titles = Counter([*groups, *(study.title for study in self.studies())])
        for what, found in (("studies are named", names), ("headings are", titles)):
            twice = [name for name, times in found.items() if times > 1]
            if twice:
                raise ValueError(f"groups: several {what} {', '.join(twice)}")
        return self

    def studies(self) -> list[ShownStudy]:
        """Return all studies in their order."""
        return [study for group in self.groups for study in group.studies]
