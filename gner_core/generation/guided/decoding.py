"""Guided decoding: the words are given, the model decides only the labels.

What a tokenizer makes of `word(O)`, `word(B-person)` and so on differs in few tokens. All others
are forced, several in one forward pass; a decision falls where the options part, among their next
tokens only. So every answer copies the sentence and is valid BIO. Where free greedy decoding
writes a well-formed copy in these tokens, greedy guided decoding gives the same labels: the token
that is best of all is then best among the allowed ones.

After a decision the tokens of the likeliest label are fed as a draft where that costs nothing, and
overwritten if the model decides otherwise: `I` after `B`, else `O`; for a type, that of the
sentence's last entity. Drafts change the number of passes, never the answer.
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
from gner_core.generation.guided.forward import DecoderOnlyForward, EncoderDecoderForward, Feed
from gner_core.generation.guided.progress import SentenceProgress, follow, log_probabilities
from gner_core.systems.gner.targets import BIO

CPU_TOKENS, GPU_TOKENS = 24, 512
"""Tokens of a pass, over all rows, that take hardly longer than one: reading weights dominates."""


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


@dataclass(frozen=True, slots=True)
class Decision:
    """A position in a feed after which a token is to be decided."""

    at: int
    """Index of the token before it."""
    word: int
    node: Node
    drafted: int | None
    """Key of the child whose tokens were fed as a draft; None where none were."""


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
        self.model = model.eval()
        self.encoder = encoder
        self.beams = beams
        self.table = ChoiceTable(encoder.tokenizer)
        encoder_decoder = encoder.backbone.family == "encoder_decoder"
        family = EncoderDecoderForward if encoder_decoder else DecoderOnlyForward
        with torch.inference_mode():
            self.forward = family(self.model, encoder)

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
        stem = self._stem(queries, prompts)
        rows = len(queries) * self.beams
        starts = self.forward.begin(prompts, stem=stem, rows=rows, room=room)
        sentences = []
        for options, start in zip(choices, starts, strict=True):
            node = options.root(0, before="O")
            pending = [*start.tokens, *node.forced]
            sentences.append(SentenceProgress(options, start.start, pending, 0, node))
        return sentences

    def _stem(self, queries: Sequence[GuidedQuery], prompts: Sequence[list[int]]) -> list[int]:
        """Return what all prompts begin with: the instruction, with the types if all have the same.

        It depends on this batch alone, and so do the answers, to the last bit.
        """
        same = len(queries) > 1 and len({query.types for query in queries}) == 1
        for types in (queries[0].types, None) if same else (None,):
            stem = self.encoder.stem(types)
            if all(prompt[: len(stem)] == stem for prompt in prompts):
                return stem
        return []

    def _decide_all(self, sentences: Sequence[SentenceProgress]) -> None:
        """Decide all tags greedily; unfinished sentences stay in neighbouring rows of the cache."""
        running = list(sentences)
        on_cpu = self.forward.device.type == "cpu"
        while running:
            share = (CPU_TOKENS if on_cpu else GPU_TOKENS) // len(running)
            width = max([share, *(len(sentence.pending) for sentence in running)])
            plans = [_ahead(sentence, width) for sentence in running]
            feeds = [
                Feed(sentence.fed, tokens, [decision.at for decision in decisions])
                for sentence, (tokens, decisions) in zip(running, plans, strict=True)
            ]
            hidden = self.forward.feed(range(len(running)), feeds)
            scores = log_probabilities(
                self.forward,
                hidden,
                [
                    sentence.choices.ids(decision.word, decision.node)
                    for sentence, (_, decisions) in zip(running, plans, strict=True)
                    for decision in decisions
                ],
            )
            at = 0
            for sentence, (_, decisions) in zip(running, plans, strict=True):
                _decide(sentence, decisions, scores[at : at + len(decisions)])
                at += len(decisions)
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


def _ahead(sentence: SentenceProgress, width: int) -> tuple[list[int], list[Decision]]:
    """Return what a sentence is fed, up to its next decision or along drafts, and the decisions."""
    tokens = list(sentence.pending)
    word, node, before = sentence.word, sentence.node, sentence.tags[-1] if sentence.tags else "O"
    begun = next((tag for tag in reversed(sentence.tags) if tag.startswith("B-")), "O")
    decisions: list[Decision] = []
    while True:
        at, draft = len(tokens) - 1, _draft(node, before=before, begun=begun)
        if draft is not None:
            more, tags, following = follow(sentence.choices, draft, word=word, node=node)
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
    sentence: SentenceProgress, decisions: Sequence[Decision], scores: Sequence[list[float]]
) -> None:
    """Take the best child at every decision, up to the first that leaves what was fed."""
    start = sentence.fed
    for decision, logs in zip(decisions, scores, strict=True):
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
        if node is None:
            return
        sentence.word, sentence.node = decision.word + len(tags), node
        if key != decision.drafted:
            return
