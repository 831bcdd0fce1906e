"""Guided decoding: the words are given, the model decides only the labels.

What a tokenizer makes of `word(O)`, `word(B-person)` and so on differs in few tokens. All others
are forced, several in one forward pass; a decision falls where the options part, among their next
tokens only. So every answer copies the sentence and is valid BIO. Where free greedy decoding
writes a well-formed copy in these tokens, greedy guided decoding gives the same labels: the token
that is best of all is then best among the allowed ones.

Tokens of likely labels are fed ahead of their decisions (`drafts`).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from gner_core.backbones.encoder import Encoder
from gner_core.errors import InputError
from gner_core.generation.guided.beams import decode_with_beams
from gner_core.generation.guided.choices import ChoiceTable
from gner_core.generation.guided.costs import PassCosts
from gner_core.generation.guided.drafts import Plan, Record, plan_pass
from gner_core.generation.guided.progress import SentenceProgress, follow, log_probabilities
from gner_core.generation.packed.cache import GROWTH
from gner_core.generation.packed.forward import (
    DecoderOnlyForward,
    EncoderDecoderForward,
    Feed,
    Forward,
)
from gner_core.systems.gner.targets import BIO


@dataclass(frozen=True, slots=True)
class GuidedQuery:
    """A sentence and the types to look for, in the order of the prompt."""

    words: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuidedAnswer:
    """One tag a word, valid BIO, and the probability of each among the allowed ones."""

    tags: tuple[str, ...]
    probabilities: tuple[float, ...]


class GuidedGenerator:
    """Decides the labels of batches of sentences with one model."""

    def __init__(
        self, model: PreTrainedModel, encoder: Encoder, *, beams: int, costs: PassCosts
    ) -> None:
        """Bind model and tokenizer; `costs` of passes decide how many drafts are fed.

        Raises:
            InputError: for a target form other than BIO over the whole sentence, and for
                architectures and tokenizers that cannot be guided.
        """
        if encoder.form != BIO:
            raise InputError(
                "guided decoding writes BIO labels behind every word; set target: "
                '{labels: BIO, context: full, gap: ""} or decode.mode: free'
            )
        self.model = model.eval()
        self.encoder = encoder
        self.beams = beams
        self.costs = costs
        self.table = ChoiceTable(encoder.tokenizer)
        with torch.inference_mode():
            self.forward: Forward = (
                DecoderOnlyForward(self.model, encoder, instruction=encoder.stem(None))
                if encoder.decoder_only
                else EncoderDecoderForward(self.model, encoder)
            )

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
        for query in queries:
            if not query.words or not query.types or len(set(query.types)) < len(query.types):
                raise InputError("guided decoding needs words, and types that do not repeat")
        self.table.learn((query.words, query.types) for query in queries)
        sentences = self._begin(queries)
        if self.beams > 1:
            decode_with_beams(sentences, self.forward, self.beams)
        else:
            self._decide_all(sentences)
        return [
            GuidedAnswer(tuple(sentence.tags), tuple(map(math.exp, sentence.logs)))
            for sentence in sentences
        ]

    def _begin(self, queries: Sequence[GuidedQuery]) -> list[SentenceProgress]:
        choices = [self.table.of(query.words, query.types) for query in queries]
        prompts = self.encoder.prompts((query.words, query.types) for query in queries)
        room = int(GROWTH * max(one.shortest() for one in choices))
        stems = self._stems(queries, prompts)
        rows = len(queries) * self.beams
        starts = self.forward.begin(prompts, stems=stems, rows=rows, room=room)
        sentences = []
        for options, start in zip(choices, starts, strict=True):
            node = options.root(0, before="O")
            pending = [*start.tokens, *node.forced]
            sentences.append(SentenceProgress(options, start.start, pending, 0, node))
        return sentences

    def _stems(
        self, queries: Sequence[GuidedQuery], prompts: Sequence[list[int]]
    ) -> list[list[int]]:
        """Return what each prompt begins with: the instruction, with types that others have, too.

        It depends on this batch alone, and so do the answers, to the last bit.
        """
        count = Counter(query.types for query in queries)
        stems = []
        for query, prompt in zip(queries, prompts, strict=True):
            tries = [*([query.types] if count[query.types] > 1 else []), None]
            found = (self.encoder.stem(types) for types in tries)
            stems.append(next((stem for stem in found if prompt[: len(stem)] == stem), []))
        return stems

    def _decide_all(self, sentences: Sequence[SentenceProgress]) -> None:
        """Decide all tags greedily; unfinished sentences stay in neighbouring rows of the cache."""
        running, record = list(sentences), Record()
        while running:
            plans = plan_pass(running, record, self.costs)
            feeds = [Feed(p.sentence.fed, p.tokens, [d.at for d in p.decisions]) for p in plans]
            hidden = self.forward.feed(range(len(running)), feeds)
            options = [
                plan.sentence.choices.ids(decision.word, decision.node)
                for plan in plans
                for decision in plan.decisions
            ]
            scores = iter(log_probabilities(self.forward, hidden, options))
            for plan in plans:
                _decide(plan, [next(scores) for _ in plan.decisions], record)
            self._close_up(running)

    def _close_up(self, running: list[SentenceProgress]) -> None:
        """Move the last unfinished sentence into the row of a finished one."""
        for row in reversed(range(len(running))):
            if not running[row].finished:
                continue
            last = running.pop()
            if row < len(running):
                self.forward.copy(len(running), row, columns=last.fed, prompt=True)
                running[row] = last


def _decide(plan: Plan, scores: Sequence[list[float]], record: Record) -> None:
    """Take the best child at every decision, up to the first that leaves what was fed."""
    sentence = plan.sentence
    start = sentence.fed
    for decision, logs in zip(plan.decisions, scores, strict=True):
        best = max(range(len(logs)), key=logs.__getitem__)
        key = list(decision.node.children)[best]
        tokens, tags, node = follow(sentence.choices, key, word=decision.word, node=decision.node)
        sentence.log += logs[best]
        if tags:
            sentence.tags += tags
            sentence.logs.append(sentence.log)
            sentence.log = 0.0
        sentence.fed = start + decision.at + 1
        sentence.pending = tokens
        if decision.drafted is not None:
            record.note(decision.guess, right=key == decision.drafted)
        if node is None:
            return
        sentence.word, sentence.node = decision.word + len(tags), node
        if key != decision.drafted:
            return
