"""Guided decoding with beams: several labelings of a sentence are kept from word to word (§6).

Hypotheses always have the same words, so they are compared by the probability of their labels
alone, without length or forced tokens. At each word the best `beams` labelings of all hypotheses
are kept. A group of options is expanded only while one of its labels could be among the best, so
offsets of labels are exact, too: a group counts with the highest of its labels'.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gner_core.generation.guided.choices import Choices, Node
from gner_core.generation.guided.panel import Panel
from gner_core.generation.guided.progress import Path, Rated, SentenceProgress, follow
from gner_core.generation.packed.forward import Feed


@dataclass(slots=True)
class Hypothesis:
    """A labeling of the first words of a sentence, in a row of the cache."""

    row: int
    fed: int
    pending: list[int]
    root: Node
    """The options of the next word."""
    tags: tuple[str, ...] = ()
    logs: tuple[float, ...] = ()
    """Log probability of every tag, at the temperature of confidences."""
    log: float = 0.0
    """Log probability of all tags, with their offsets."""


@dataclass(slots=True, eq=False)
class Option:
    """A tag after a hypothesis, or a group of tags that is not expanded yet."""

    parent: Hypothesis
    path: Path
    """Log probability of the hypothesis with this option."""
    log: float
    """The same with the offset of the tag; of a group, the highest that one of its tags may have."""
    tokens: list[int]
    """After those that the parent has in the cache."""
    tag: str | None
    node: Node | None
    """The next decision: inside the options of this word, or of the next word; None at the end."""


@dataclass(slots=True)
class Search:
    """The hypotheses of one sentence."""

    index: int
    """Number of the sentence in its batch."""
    choices: Choices
    offsets: Mapping[str, float]
    hypotheses: list[Hypothesis]
    pool: list[Option] = field(default_factory=list)

    @property
    def word(self) -> int:
        """Index of the word that is being decided."""
        return len(self.hypotheses[0].tags)

    def best(self, count: int) -> list[Option]:
        """Return the best options, the first found among equals."""
        return sorted(self.pool, key=lambda option: -option.log)[:count]


def decode_with_beams(sentences: Sequence[SentenceProgress], panel: Panel, beams: int) -> None:
    """Give every sentence the tags of its best labeling.

    Args:
        sentences: before their first decision; sentence n has row n.
        panel: with `beams` rows per sentence.
    """
    searches = _searches(sentences)
    rows = _Rows(panel, used=len(sentences), count=len(sentences) * beams)
    while searches:
        _rate_word(searches, panel, beams)
        for search in searches:
            search.hypotheses = _next(search.best(beams), search, rows)
        for search in [s for s in searches if s.word == len(s.choices)]:
            best = search.hypotheses[0]
            sentences[search.index].tags = list(best.tags)
            sentences[search.index].logs = list(best.logs)
            searches.remove(search)
            rows.free(h.row for h in search.hypotheses)
        rows.close_up([(s.index, h) for s in searches for h in s.hypotheses])


def rate_first_words(sentences: Sequence[SentenceProgress], panel: Panel) -> list[dict[str, float]]:
    """Return the log probability of every tag of each sentence's first word."""
    searches = _searches(sentences)
    _rate_word(searches, panel, sys.maxsize)
    return [{option.tag: option.log for option in s.pool if option.tag} for s in searches]


def _searches(sentences: Sequence[SentenceProgress]) -> list[Search]:
    return [
        Search(index, s.choices, s.offsets, [Hypothesis(index, s.fed, s.pending, s.node)])
        for index, s in enumerate(sentences)
    ]


def _rate_word(searches: Sequence[Search], panel: Panel, beams: int) -> None:
    """Fill the pools with the options of the next word: the best `beams` of each are tags."""
    live = [(search, h) for search in searches for h in search.hypotheses]
    for search in searches:
        search.pool = []
    roots = [Option(h, Path.start(panel.orders, h.log), h.log, [], None, h.root) for _, h in live]
    _expand(panel, [(s, o, h.pending) for (s, h), o in zip(live, roots, strict=True)])
    while groups := [pair for search in searches for pair in _unexpanded(search, beams)]:
        _expand(panel, [(search, option, option.tokens) for search, option in groups])


def _unexpanded(search: Search, beams: int) -> list[tuple[Search, Option]]:
    """Return the groups among the best options, one per hypothesis."""
    found: dict[int, Option] = {}
    for option in search.best(beams):
        if option.tag is None:
            found.setdefault(option.parent.row, option)
    return [(search, option) for option in found.values()]


def _expand(panel: Panel, groups: Sequence[tuple[Search, Option, list[int]]]) -> None:
    """Replace groups by their options, with one forward pass.

    The tokens of a group lead from the end of its parent's, which are in the cache, to its decision.
    """
    groups = sorted(groups, key=lambda group: group[1].parent.row)
    feeds = [Feed(o.parent.fed, tokens, [len(tokens) - 1]) for _, o, tokens in groups]
    nodes = [(search.choices, search.word, option.node) for search, option, _ in groups]
    options = [choices.ids(word, node) for choices, word, node in nodes if node]
    rated = panel.rate([option.parent.row for _, option, _ in groups], feeds, options)
    for (search, option, tokens), one in zip(groups, rated, strict=True):
        if option.tokens:
            search.pool.remove(option)
        else:  # the parent's own tokens are in the cache from now on
            option.parent.fed += len(tokens)
        search.pool += _children(search, option, one)


def _children(search: Search, option: Option, rated: Rated) -> list[Option]:
    node = option.node
    assert node is not None
    children = []
    for n, (key, child) in enumerate(node.children.items()):
        tokens, tags, following = follow(search.choices, key, word=search.word, node=node)
        path = option.path.after(rated, n)
        log = path.log + _highest(search.offsets, child)
        tag = tags[0] if tags else None
        tokens = [*option.tokens, *tokens]
        children.append(Option(option.parent, path, log, tokens, tag, following))
    return children


def _highest(offsets: Mapping[str, float], node: Node) -> float:
    """Return the highest offset of the tags below a node."""
    if not offsets:
        return 0.0
    tags = node.leads if node.tag is None else (node.tag,)
    return max(offsets.get(tag, 0.0) for tag in tags)


def _next(options: Sequence[Option], search: Search, rows: "_Rows") -> list[Hypothesis]:
    """Return the hypotheses of the next word, each in a row of its own."""
    parents = {option.parent.row: option.parent for option in options}
    rows.free(h.row for h in search.hypotheses if h.row not in parents)
    taken: set[int] = set()
    hypotheses = []
    for option in options:
        parent, row = option.parent, option.parent.row
        fed, pending = parent.fed, option.tokens
        if not pending:  # the next word is decided at the same token, which is fed again
            fed, pending = fed - 1, parent.pending[-1:]
        if row in taken:
            row = rows.take(search.index, source=row, columns=parent.fed)
        taken.add(row)
        assert option.tag is not None
        hypotheses.append(
            Hypothesis(
                row,
                fed,
                pending,
                option.node or parent.root,
                (*parent.tags, option.tag),
                (*parent.logs, option.path.confidence - parent.log),
                option.log,
            )
        )
    return hypotheses


class _Rows:
    """Which rows are free, and which sentence's prompt each has."""

    def __init__(self, panel: Panel, *, used: int, count: int) -> None:
        self.panel = panel
        self.owner = {row: row for row in range(used)}
        self.unused = list(range(used, count))

    def free(self, rows: Iterable[int]) -> None:
        self.unused = sorted([*self.unused, *rows])

    def take(self, sentence: int, *, source: int, columns: int) -> int:
        """Return a free row, made equal to another of the same sentence."""
        same = (row for row in self.unused if self.owner.get(row) == sentence)
        row = next(same, self.unused[0])
        self.unused.remove(row)
        self.panel.copy(source, row, columns=columns, prompt=self.owner.get(row) != sentence)
        self.owner[row] = sentence
        return row

    def close_up(self, live: Sequence[tuple[int, Hypothesis]]) -> None:
        """Move the last rows into the gaps, so that a pass reads the cache without a copy."""
        last_first = sorted(live, key=lambda pair: -pair[1].row)
        for sentence, hypothesis in last_first:
            if not self.unused or self.unused[0] >= len(live) or hypothesis.row < len(live):
                break
            row = self.take(sentence, source=hypothesis.row, columns=hypothesis.fed)
            self.free([hypothesis.row])
            hypothesis.row = row
