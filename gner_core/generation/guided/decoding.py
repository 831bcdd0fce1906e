"""Guided decoding: the words are given, the model decides only the labels.

What a tokenizer makes of `word(O)`, `word(B-person)` and so on differs in few tokens. All others
are forced, several in one forward pass; a decision falls where the options part, among their next
tokens only. So every answer copies the sentence and is valid BIO. Where free greedy decoding
writes a well-formed copy in these tokens, greedy guided decoding gives the same labels: the token
that is best of all is then best among the allowed ones.

Behind a decision the tokens of the likeliest label are written ahead as far as that costs nothing,
and taken back where the model decides otherwise: `I` behind `B`, else `O`; where a type is asked for,
that of the sentence's last entity. That changes the number of passes, never the answer.

Beams are `generation.guided_beams`, options `generation.choices`, passes `generation.forward`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from gner_core.backbones.encoder import Encoder
from gner_core.errors import InputError
from gner_core.generation.guided.beams import decode_with_beams
from gner_core.generation.guided.cache import GROWTH
from gner_core.generation.guided.choices import ChoiceTable, Node
from gner_core.generation.guided.forward import Feed, Forward, forward_of
from gner_core.generation.guided.state import SentenceState, follow, log_probabilities
from gner_core.systems.gner.targets import BIO

CPU_TOKENS, GPU_TOKENS = 24, 512
"""Tokens of a pass, over all rows, that take hardly longer than one: weights must be read anyway."""


@dataclass(frozen=True, slots=True)
class GuidedAsk:
    """A sentence and the types to look for, in the order of the prompt."""

    words: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuidedAnswer:
    """One tag a word, valid BIO, and the probability of each among the allowed ones."""

    tags: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A place in a feed whose next token is to be decided."""

    at: int
    """Index of the token before it."""
    word: int
    node: Node
    drafted: int | None
    """Key of the child whose tokens were fed behind it."""


class GuidedGenerator:
    """Decides the labels of batches of sentences with one model."""

    def __init__(self, model: PreTrainedModel, encoder: Encoder, *, beams: int) -> None:
        """Bind model and tokenizer.

        Raises:
            InputError: for a target form other than BIO over the whole sentence, and for
                architectures and tokenizers that cannot be guided.
        """
        if encoder.form != BIO:
            raise InputError(
                "guided decoding writes BIO labels behind every word; set target: "
                '{labels: BIO, context: full, gap: ""} or decode.mode: free'
            )
        self.encoder = encoder
        self.beams = beams
        self.table = ChoiceTable(encoder.tokenizer)
        self.forward: Forward
        with torch.inference_mode():
            self.forward = forward_of(model.eval(), encoder)

    def fits(self, words: Sequence[str], source: int) -> bool:
        """Say whether a prompt of so many tokens, and the sentence without entities, fit (App. B)."""
        return self.encoder.fits(source, self.encoder.target_length(words, ["O"] * len(words)))

    @torch.inference_mode()
    def __call__(self, asks: Sequence[GuidedAsk]) -> list[GuidedAnswer]:
        """Return one answer per sentence, in order.

        Raises:
            InputError: for a sentence without words or types, and for types that the tokenizer
                cannot tell apart.
        """
        for ask in asks:
            if not ask.words or not ask.types or len(set(ask.types)) < len(ask.types):
                raise InputError("guided decoding needs words, and types that do not repeat")
        self.table.learn((ask.words, ask.types) for ask in asks)
        states = self._begin(asks)
        if self.beams > 1:
            states = decode_with_beams(states, self.forward, self.beams)
        else:
            self._decide_all(states)
        return [
            GuidedAnswer(tuple(state.tags), tuple(map(math.exp, state.logs)))
            for state in sorted(states, key=lambda state: state.index)
        ]

    def _begin(self, asks: Sequence[GuidedAsk]) -> list[SentenceState]:
        choices = [self.table.of(ask.words, ask.types) for ask in asks]
        prompts = self.encoder.prompts((ask.words, ask.types) for ask in asks)
        room = int(GROWTH * max(sentence.shortest() for sentence in choices))
        stem = self._stem(asks, prompts)
        rows = len(asks) * self.beams
        starts = self.forward.begin(prompts, stem=stem, rows=rows, room=room)
        states = []
        for index, (sentence, start) in enumerate(zip(choices, starts, strict=True)):
            node = sentence.root(0, before="O")
            pending = [*start.tokens, *node.forced]
            states.append(SentenceState(index, sentence, start.start, pending, 0, node))
        return states

    def _stem(self, asks: Sequence[GuidedAsk], prompts: Sequence[list[int]]) -> list[int]:
        """Return what all prompts begin with: the instruction, with the types if all have the same.

        It depends on this batch alone, and so do the answers, to the last bit.
        """
        same = len(asks) > 1 and len({ask.types for ask in asks}) == 1
        for types in (asks[0].types, None) if same else (None,):
            stem = self.encoder.stem(types)
            if all(prompt[: len(stem)] == stem for prompt in prompts):
                return stem
        return []

    def _decide_all(self, states: Sequence[SentenceState]) -> None:
        """Let all sentences run to their ends; unfinished ones stay neighbours in the cache."""
        running = list(states)
        on_cpu = self.forward.device.type == "cpu"
        while running:
            share = (CPU_TOKENS if on_cpu else GPU_TOKENS) // len(running)
            width = max([share, *(len(state.pending) for state in running)])
            plans = [_ahead(state, width) for state in running]
            feeds = [
                Feed(state.fed, tokens, [decision.at for decision in decisions])
                for state, (tokens, decisions) in zip(running, plans, strict=True)
            ]
            hidden = self.forward.feed(range(len(running)), feeds)
            scores = log_probabilities(
                self.forward,
                hidden,
                [
                    state.choices.ids(decision.word, decision.node)
                    for state, (_, decisions) in zip(running, plans, strict=True)
                    for decision in decisions
                ],
            )
            at = 0
            for state, (_, decisions) in zip(running, plans, strict=True):
                _decide(state, decisions, scores[at : at + len(decisions)])
                at += len(decisions)
            self._close_up(running)

    def _close_up(self, running: list[SentenceState]) -> None:
        """Move the last unfinished sentence into the place of a finished one."""
        for place in reversed(range(len(running))):
            if not running[place].finished:
                continue
            last = running.pop()
            if place < len(running):
                self.forward.copy(len(running), place, columns=last.fed, prompt=True)
                running[place] = last


def _ahead(state: SentenceState, width: int) -> tuple[list[int], list[Decision]]:
    """Return what a sentence is fed: to its next decision, and on along drafts where there is room."""
    tokens = list(state.pending)
    word, node, before = state.word, state.node, state.tags[-1] if state.tags else "O"
    begun = next((tag for tag in reversed(state.tags) if tag.startswith("B-")), "O")
    decisions: list[Decision] = []
    while True:
        at, draft = len(tokens) - 1, _draft(node, before=before, begun=begun)
        if draft is not None:
            more, tags, following = follow(state.choices, draft, word=word, node=node)
        if draft is None or following is None or len(tokens) + len(more) > width:
            return tokens, [*decisions, Decision(at, word, node, None)]
        decisions.append(Decision(at, word, node, draft))
        tokens += more
        word, node, before = word + len(tags), following, tags[-1] if tags else before


def _draft(node: Node, *, before: str, begun: str) -> int | None:
    """Return the likeliest child: an entity goes on for a word, then comes `O`, or the last type."""
    inside = f"I-{before[2:]}" if before.startswith("B-") else "O"
    return next((node.leads[tag] for tag in (inside, "O", begun) if tag in node.leads), None)


def _decide(
    state: SentenceState, decisions: Sequence[Decision], scores: Sequence[list[float]]
) -> None:
    """Take the best child at every decision, up to the first that leaves what was fed."""
    start = state.fed
    for decision, logs in zip(decisions, scores, strict=True):
        best = max(range(len(logs)), key=logs.__getitem__)
        key = list(decision.node.children)[best]
        tokens, tags, node = follow(state.choices, key, word=decision.word, node=decision.node)
        state.log += logs[best]
        if tags:
            state.tags += tags
            state.logs.append(state.log)
            state.log = 0.0
        state.fed = start + decision.at + 1
        state.pending = tokens
        if node is None:
            return
        state.word, state.node = decision.word + len(tags), node
        if key != decision.drafted:
            return
