"""Guided decoding: the words are given, the model decides only the labels.

What a tokenizer makes of `word(O)`, `word(B-person)` and so on differs in few tokens. All others
are forced, several in one forward pass; a decision falls where the options part, among their next
tokens only. So every answer copies the sentence and is valid BIO. Where free greedy decoding
writes a well-formed copy in these tokens, greedy guided decoding gives the same labels: the token
that is best of all is then best among the allowed ones. (Where a word without a label may be
followed by several tokens, their probabilities add up, and may together outweigh the best one.)

Tokens of likely labels are fed ahead of their decisions (`drafts`). A sentence may be read in
several orders of its types (`panel`), and labels may have offsets (`offsets`).
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from gner_core.backbones.encoder import Encoder
from gner_core.config.systems.any import PLAIN, RatingParams
from gner_core.errors import InputError
from gner_core.generation.guided.beams import decode_with_beams, rate_first_words
from gner_core.generation.guided.choices import ChoiceTable
from gner_core.generation.guided.costs import PassCosts
from gner_core.generation.guided.drafts import Plan, Record, plan_pass
from gner_core.generation.guided.forced import forced_words
from gner_core.generation.guided.offsets import Offsets, Orders
from gner_core.generation.guided.panel import Panel
from gner_core.generation.guided.progress import Path, Rated, SentenceProgress, follow
from gner_core.generation.packed.cache import GROWTH
from gner_core.generation.packed.forward import (
    STEM_TOKENS,
    DecoderOnlyForward,
    EncoderDecoderForward,
    Feed,
    Forward,
)
from gner_core.runtime.cycles import no_search_for_cycles
from gner_core.scoring.analysis.temperature import Decided


@dataclass(frozen=True, slots=True)
class GuidedQuery:
    """A sentence and the types to look for, in the order of the prompt."""

    words: tuple[str, ...]
    types: tuple[str, ...]
    others: Orders = ()
    """Further orders of the types, over which probabilities are averaged."""

    @property
    def orders(self) -> Orders:
        """All orders of the types."""
        return (self.types, *self.others)


@dataclass(frozen=True, slots=True)
class GuidedAnswer:
    """One tag a word, valid BIO, and the probability of each among the allowed ones.

    That is the model's own, averaged over the orders; offsets are not in it.
    """

    tags: tuple[str, ...]
    probabilities: tuple[float, ...]


def all_outside(words: int) -> GuidedAnswer:
    """Return the answer about a sentence for which no type is asked."""
    return GuidedAnswer(("O",) * words, (1.0,) * words)


class GuidedGenerator:
    """Decides the labels of batches of sentences with one model."""

    def __init__(
        self,
        model: PreTrainedModel,
        encoder: Encoder,
        *,
        beams: int,
        costs: PassCosts,
        rating: RatingParams = PLAIN,
    ) -> None:
        """Bind model and tokenizer; `costs` of passes decide how many drafts are fed.

        Raises:
            InputError: for target forms, architectures and tokenizers that cannot be guided.
        """
        if not encoder.form.can_be_guided:
            raise InputError(
                "guided decoding decides the labels of every word; set system.labels BIO or BI and "
                "system.context full, or decode.mode: free"
            )
        self.model = model.eval()
        self.encoder = encoder
        self.beams = beams
        self.costs = costs
        self.table = ChoiceTable(encoder.tokenizer, encoder.form)
        self.expected: frozenset[tuple[str, ...]] = frozenset()
        with torch.inference_mode():
            self.forward: Forward = (
                DecoderOnlyForward(self.model, encoder, instruction=encoder.stem(None))
                if encoder.decoder_only
                else EncoderDecoderForward(self.model, encoder)
            )
        self.panel = Panel(self.forward)
        self.rate_by(rating)

    def rate_by(self, rating: RatingParams) -> None:
        """Rate labels in another way from now on; `orders` are those of the queries."""
        self.panel.temperature = rating.temperature
        self.offsets = Offsets(rating, self._rate_single_words)

    def expect(self, lists: Iterable[tuple[str, ...]]) -> None:
        """Keep the beginnings of prompts that will come again from batch to batch.

        Args:
            lists: types of prompts to come; those that repeat most often are kept, as many as there
                is room for.
        """
        kept, room = set(), STEM_TOKENS
        for types, times in Counter(lists).most_common():
            if times == 1 or (room := room - len(self.encoder.stem(types))) < 0:
                break
            kept.add(types)
        self.expected = frozenset(kept)

    def fits(self, words: Sequence[str], source: int) -> bool:
        """Say whether a prompt of `source` tokens and the sentence without entities fit (App. B)."""
        return self.encoder.backbone.fits(
            source, self.encoder.target_length(words, ["O"] * len(words))
        )

    @torch.inference_mode()
    def __call__(self, queries: Sequence[GuidedQuery]) -> list[GuidedAnswer]:
        """Return one answer per sentence, in order.

        Raises:
            InputError: for a sentence without words or types, and for types that the tokenizer
                cannot tell apart.
        """
        found: dict[int, GuidedAnswer] = {}
        with no_search_for_cycles():
            for alike in self._checked(queries):
                found.update(zip(alike, self._answers([queries[n] for n in alike]), strict=True))
        return [found[n] for n in range(len(queries))]

    @torch.inference_mode()
    def decided_words(
        self, queries: Sequence[GuidedQuery], tags: Sequence[Sequence[str]]
    ) -> list[list[list[Decided]]]:
        """Return the decisions that lead to given labels, by sentence and word.

        Args:
            tags: of every sentence, valid BIO of its types.

        Raises:
            InputError: as for answers.
        """
        found: dict[int, list[list[Decided]]] = {}
        for alike in self._checked(queries):
            sentences = self._begin([queries[n] for n in alike])
            words = forced_words(sentences, [tags[n] for n in alike], self.panel)
            found.update(zip(alike, words, strict=True))
        return [found[n] for n in range(len(queries))]

    def _checked(self, queries: Sequence[GuidedQuery]) -> list[list[int]]:
        """Return the indices of queries that have as many orders each.

        Raises:
            InputError: for a query without words, or with no types or repeated ones.
        """
        for query in queries:
            if not query.words or not query.types or len(set(query.types)) < len(query.types):
                raise InputError("guided decoding needs words, and types that do not repeat")
        self.table.learn((query.words, query.types) for query in queries)
        orders = [len(query.orders) for query in queries]
        return [[n for n, one in enumerate(orders) if one == k] for k in sorted({*orders})]

    def _answers(self, queries: Sequence[GuidedQuery]) -> list[GuidedAnswer]:
        """Answer queries that have as many orders each."""
        offsets = [self.offsets.of(query.orders) for query in queries]  # uses the panel, too
        sentences = self._begin(queries)
        for sentence, own in zip(sentences, offsets, strict=True):
            sentence.offsets = own
        if self.beams > 1 or self.offsets.any:
            decode_with_beams(sentences, self.panel, self.beams)
        else:
            self._decide_all(sentences)
        return [
            GuidedAnswer(tuple(sentence.tags), tuple(map(math.exp, sentence.logs)))
            for sentence in sentences
        ]

    def _rate_single_words(self, words: Sequence[str], orders: Orders) -> list[dict[str, float]]:
        """Return the log probability of every tag of sentences of one word."""
        sentences = self._begin([GuidedQuery((word,), orders[0], orders[1:]) for word in words])
        return rate_first_words(sentences, self.panel)

    def _begin(self, queries: Sequence[GuidedQuery]) -> list[SentenceProgress]:
        choices = [self.table.of(query.words, query.types) for query in queries]
        asked = [(query.words, types) for query in queries for types in query.orders]
        prompts = self.encoder.prompts(asked)
        stems = self._stems([types for _, types in asked], prompts)
        orders = len(queries[0].orders)
        parts = [slice(at, at + orders) for at in range(0, len(asked), orders)]
        starts = self.panel.begin(
            [prompts[part] for part in parts],
            stems=[stems[part] for part in parts],
            rows=len(queries) * self.beams,
            room=int(GROWTH * max(one.shortest() for one in choices)),
        )
        sentences = []
        for options, start in zip(choices, starts, strict=True):
            node = options.root(0, before="O")
            pending = [*start.tokens, *node.forced]
            one = SentenceProgress(options, start.start, pending, 0, node)
            one.path = Path.start(orders)
            sentences.append(one)
        return sentences

    def _stems(
        self, lists: Sequence[tuple[str, ...]], prompts: Sequence[list[int]]
    ) -> list[list[int]]:
        """Return what each prompt begins with: the instruction, with types that others have, too.

        It depends on this batch and what is expected alone, and so do the answers, to the last bit.
        """
        count = Counter(lists)
        stems = []
        for types, prompt in zip(lists, prompts, strict=True):
            known = count[types] > 1 or types in self.expected
            found = (self.encoder.stem(one) for one in ([types, None] if known else [None]))
            stems.append(next((stem for stem in found if prompt[: len(stem)] == stem), []))
        return stems

    def _decide_all(self, sentences: Sequence[SentenceProgress]) -> None:
        """Decide all tags greedily; unfinished sentences stay in neighbouring rows."""
        running, record = list(sentences), Record()
        while running:
            plans = plan_pass(
                running, record, lambda tokens: self.costs(tokens * self.panel.orders)
            )
            feeds = [Feed(p.sentence.fed, p.tokens, [d.at for d in p.decisions]) for p in plans]
            options = [
                plan.sentence.choices.ids(decision.word, decision.node)
                for plan in plans
                for decision in plan.decisions
            ]
            rated = iter(self.panel.rate(range(len(running)), feeds, options))
            for plan in plans:
                _decide(plan, [next(rated) for _ in plan.decisions], record)
            self._close_up(running)

    def _close_up(self, running: list[SentenceProgress]) -> None:
        """Move the last unfinished sentence into the row of a finished one."""
        for row in reversed(range(len(running))):
            if not running[row].finished:
                continue
            last = running.pop()
            if row < len(running):
                self.panel.copy(len(running), row, columns=last.fed, prompt=True)
                running[row] = last


def _decide(plan: Plan, rated: Sequence[Rated], record: Record) -> None:
    """Take the best child at every decision, up to the first that leaves what was fed."""
    sentence = plan.sentence
    start = sentence.fed
    for decision, one in zip(plan.decisions, rated, strict=True):
        best = _best(sentence.path, one)
        key = list(decision.node.children)[best]
        tokens, tags, node = follow(sentence.choices, key, word=decision.word, node=decision.node)
        sentence.path = sentence.path.after(one, best)
        if tags:
            sentence.tags += tags
            sentence.logs.append(sentence.path.confidence)
            sentence.path = Path.start(len(one.logs))
        sentence.fed = start + decision.at + 1
        sentence.pending = tokens
        if not tokens:  # the next word is decided at the same token, which is fed again
            sentence.fed -= 1
            sentence.pending = [plan.tokens[decision.at]]
        if decision.drafted is not None:
            record.note(decision.guess, right=key == decision.drafted)
        if node is None:
            return
        sentence.word, sentence.node = decision.word + len(tags), node
        if key != decision.drafted:
            return


def _best(path: Path, rated: Rated) -> int:
    """Return the most probable option of a decision, the first among equals."""
    logs = rated.logs[0]
    if len(rated.logs) > 1:
        logs = [path.after(rated, n).log for n in range(len(logs))]
    return max(range(len(logs)), key=logs.__getitem__)
