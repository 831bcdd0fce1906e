"""Guided decoding against a plain reading of its rule: whole forward passes, no cache, no batch."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_model, load_tokenizer
from gner_core.config.backbone import BackboneParams
from gner_core.config.systems.gner import TargetForm
from gner_core.errors import InputError
from gner_core.generation.guided.costs import NOMINAL
from gner_core.generation.guided.decoding import GuidedAnswer, GuidedGenerator, GuidedQuery
from gner_core.records import Sentence, is_bio
from gner_core.systems.gner.targets import BIO, LEAN, target
from tests.gner_core.conftest import TinyModel

TYPES = ("person", "place (city)", "person, fictional")


def loaded(tiny: TinyModel, form: TargetForm = BIO) -> tuple[PreTrainedModel, Encoder]:
    encoder = Encoder(load_tokenizer(tiny.folder), tiny.backbone, form)
    model = load_model(tiny.folder, tiny.backbone, dtype="float32", attention="sdpa").eval()
    with torch.no_grad():  # as they come, random models say the same of every word
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model, encoder


@cache
def plain_model(
    folder: Path, backbone: BackboneParams, lean: bool
) -> tuple[PreTrainedModel, Encoder]:
    return loaded(TinyModel(folder, backbone), LEAN if lean else BIO)


def generator(tiny: TinyModel, form: TargetForm = BIO, *, beams: int = 1) -> GuidedGenerator:
    return GuidedGenerator(*loaded(tiny, form), beams=beams, costs=NOMINAL)


class Plain:
    """Labels of one sentence, each option by a forward pass over everything before it."""

    def __init__(self, tiny: TinyModel, ask: GuidedQuery, form: TargetForm = BIO) -> None:
        self.model, self.encoder = plain_model(tiny.folder, tiny.backbone, form == LEAN)
        self.ask = ask
        self.temperature = 1.0
        (self.source,) = self.encoder.prompts([(ask.words, ask.types)])

    def tokens(self, tags: Sequence[str]) -> list[int]:
        text = target(self.ask.words[: len(tags)], tags, self.encoder.form)
        ids: list[int] = self.encoder.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def next_logits(self, before: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            if self.encoder.backbone.family == "encoder_decoder":
                start = self.model.config.decoder_start_token_id
                logits = self.model(
                    input_ids=torch.tensor([self.source]),
                    decoder_input_ids=torch.tensor([[start, *before]]),
                ).logits
            else:
                logits = self.model(torch.tensor([[*self.source, *before]])).logits
        return logits[0, -1]

    def options(self, tags: Sequence[str]) -> dict[str, list[int]]:
        """Tag → all tokens up to and with it."""
        last = tags[-1] if tags else "O"
        names = ["O", *(f"B-{name}" for name in self.ask.types)]
        names += [f"I-{last[2:]}"] if last != "O" else []
        return {name: self.tokens([*tags, name]) for name in names}

    def following(self, tags: Sequence[str]) -> tuple[int, ...]:
        """First tokens of all that may follow some tagged words."""
        if len(tags) == len(self.ask.words):
            return (self.encoder.end,)
        size = len(self.tokens(tags))
        return tuple(sorted({ids[size] for ids in self.options(tags).values()}))

    def logs(self, tags: Sequence[str]) -> dict[str, float]:
        """Log probability of every allowed tag of the next word."""
        return dict(self._split(tags, self.options(tags), len(self.tokens(tags))))

    def _split(
        self, tags: Sequence[str], options: dict[str, list[int]], depth: int
    ) -> list[tuple[str, float]]:
        if len(options) == 1:
            return [(name, 0.0) for name in options]
        return [
            (name, log + more)
            for group, log in self._groups(tags, options, depth)
            for name, more in self._split(tags, group, depth + 1)
        ]

    def _groups(
        self, tags: Sequence[str], options: dict[str, list[int]], depth: int
    ) -> list[tuple[dict[str, list[int]], float]]:
        """Options by what comes after `depth` tokens, each group with its log probability."""
        groups: dict[tuple[int, ...], dict[str, list[int]]] = {}
        for name, ids in options.items():
            ended = len(ids) == depth
            after = self.following([*tags, name]) if ended else (ids[depth],)
            groups.setdefault(after, {})[name] = ids
        before = next(iter(options.values()))[:depth]
        logits = self.next_logits(before)
        sums = (
            torch.stack([logits[list(after)].logsumexp(0) for after in groups]) / self.temperature
        )
        return [*zip(groups.values(), sums.log_softmax(0).tolist(), strict=True)]

    def greedy(self) -> list[str]:
        """Decide token by token among the allowed ones."""
        tags: list[str] = []
        while len(tags) < len(self.ask.words):
            options, depth = self.options(tags), len(self.tokens(tags))
            while len(options) > 1:
                groups = self._groups(tags, options, depth)
                options = max(groups, key=lambda group: group[1])[0]
                depth += 1
            tags += options
        return tags

    def beams(self, count: int) -> tuple[str, ...]:
        kept: list[tuple[float, tuple[str, ...]]] = [(0.0, ())]
        for _ in self.ask.words:
            longer = [
                (log + more, (*tags, tag))
                for log, tags in kept
                for tag, more in self.logs(tags).items()
            ]
            kept = sorted(longer, reverse=True)[:count]
        return kept[0][1]

    def every(self, tags: tuple[str, ...] = (), log: float = 0.0) -> dict[tuple[str, ...], float]:
        """Log probability of every labeling of the sentence."""
        if len(tags) == len(self.ask.words):
            return {tags: log}
        found: dict[tuple[str, ...], float] = {}
        for tag, more in self.logs(tags).items():
            found |= self.every((*tags, tag), log + more)
        return found


both_forms = pytest.mark.parametrize("form", [BIO, LEAN], ids=lambda form: form.labels)


def queries_of(news: list[Sentence]) -> list[GuidedQuery]:
    """Return sentences of odd words and of news, of different lengths."""
    return [
        GuidedQuery(("Łódź", "(B-12)", "PhP(O)Cl2", "👩‍🚀", ")"), TYPES),
        *[GuidedQuery(s.words[: 4 + 3 * n], s.types) for n, s in enumerate(news[:2])],
        GuidedQuery(("one",), ("person",)),
        GuidedQuery(("two", "Ada"), TYPES),
    ]


@pytest.fixture
def queries(news: list[Sentence]) -> list[GuidedQuery]:
    return queries_of(news)


@both_forms
def test_greedy_labels_are_the_best_allowed_tokens(
    tiny_model: TinyModel, queries: list[GuidedQuery], form: TargetForm
) -> None:
    answers = generator(tiny_model, form)(queries)
    for ask, answer in zip(queries, answers, strict=True):
        plain = Plain(tiny_model, ask, form)
        assert list(answer.tags) == plain.greedy()
        for n, (tag, probability) in enumerate(zip(answer.tags, answer.probabilities, strict=True)):
            assert math.log(probability) == pytest.approx(
                plain.logs(answer.tags[:n])[tag], abs=1e-4
            )
    assert len({tag for answer in answers for tag in answer.tags}) > 1  # not all the same


@pytest.mark.parametrize(("form", "beams"), [(BIO, 2), (BIO, 4), (LEAN, 3)])
def test_beams_find_the_labels_of_a_plain_search(
    tiny_model: TinyModel, queries: list[GuidedQuery], beams: int, form: TargetForm
) -> None:
    answers = generator(tiny_model, form, beams=beams)(queries)
    for ask, answer in zip(queries, answers, strict=True):
        assert answer.tags == Plain(tiny_model, ask, form).beams(beams)


def test_as_many_beams_as_labelings_find_the_best_of_all(tiny_model: TinyModel) -> None:
    known = (
        "It",
        "Seven",
        "Danube",
    )  # the T5's best labeling begins with another than the best tag
    asks = [
        GuidedQuery(words, TYPES[: 4 - len(words)])
        for words in (known, ("Ada", "in", "Rome"), ("Łódź", "(B-12)"))
    ]
    guided = generator(tiny_model, beams=13)
    answers = guided(asks)
    for ask, answer in zip(asks, answers, strict=True):
        every = Plain(tiny_model, ask).every()
        assert len(every) == {2: 11, 3: 13}[len(ask.words)]
        assert answer.tags == max(every, key=every.__getitem__)
        found = sum(map(math.log, answer.probabilities))
        assert found == pytest.approx(every[answer.tags], abs=1e-4)
    if tiny_model.backbone.family == "encoder_decoder":
        assert list(answers[0].tags) != Plain(tiny_model, asks[0]).greedy()


@pytest.mark.parametrize(("form", "beams"), [(BIO, 1), (BIO, 3), (LEAN, 3)])
def test_a_batch_equals_one_sentence_at_a_time(
    tiny_model: TinyModel, news: list[Sentence], beams: int, form: TargetForm
) -> None:
    guided = generator(tiny_model, form, beams=beams)
    queries = [GuidedQuery(s.words, s.types) for s in news]
    together = [answer for at in (0, 12) for answer in guided(queries[at : at + 12])]
    alone = [guided([ask])[0] for ask in queries]
    assert [a.tags for a in together] == [a.tags for a in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, rel=1e-3)


def test_words_are_copied_and_labels_are_valid(tiny_model: TinyModel, news: list[Sentence]) -> None:
    queries = [GuidedQuery(s.words, s.types) for s in news]
    for ask, answer in zip(queries, generator(tiny_model)(queries), strict=True):
        assert len(answer.tags) == len(ask.words)
        assert is_bio(answer.tags)
        assert {tag[2:] for tag in answer.tags if tag != "O"} <= set(ask.types)
        assert all(0 < p <= 1 for p in answer.probabilities)


@both_forms
def test_true_t5_tokens_force_words_outside_the_vocabulary(
    shared: Path, tiny_model: TinyModel, form: TargetForm
) -> None:
    if tiny_model.backbone.family == "decoder_only":
        pytest.skip("the T5 vocabulary belongs to encoder-decoders")
    from transformers import T5Config, T5ForConditionalGeneration

    tokenizer = load_tokenizer(shared / "tokenizers" / "t5")
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=32128, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
        decoder_start_token_id=0,
    )  # fmt: skip
    encoder = Encoder(tokenizer, tiny_model.backbone, form)
    guided = GuidedGenerator(T5ForConditionalGeneration(config), encoder, beams=1, costs=NOMINAL)
    nothing = ("\u200b", "\u200b") if form == LEAN else ()  # T5 leaves these out
    words = ("Wałęsa", "{", "ø", "~", "wrote", "\\LaTeX", "3½", *nothing, "mustn't", ",", *nothing)
    (answer,) = guided([GuidedQuery(words, ("person", "product (software)", "smørrebrød"))])
    assert len(answer.tags) == len(words)
    assert is_bio(answer.tags)


@pytest.mark.parametrize(
    ("words", "types"), [((), ("person",)), (("a",), ()), (("a",), ("person", "person"))]
)
def test_unusable_asks_are_refused(
    tiny_model: TinyModel, words: tuple[str, ...], types: tuple[str, ...]
) -> None:
    with pytest.raises(InputError, match="words, and types that do not repeat"):
        generator(tiny_model)([GuidedQuery(words, types)])


def test_other_target_forms_are_refused(tiny_model: TinyModel) -> None:
    model, encoder = loaded(tiny_model)
    encoder.form = TargetForm(labels="brackets", context="full", gap="")
    with pytest.raises(InputError, match=r"decode\.mode: free"):
        GuidedGenerator(model, encoder, beams=1, costs=NOMINAL)


def test_types_that_a_vocabulary_cannot_tell_apart_are_refused(
    shared: Path, tiny_model: TinyModel
) -> None:
    from gner_core.generation.guided.choices import ChoiceTable

    table = ChoiceTable(load_tokenizer(shared / "tokenizers" / "t5"), BIO)
    with pytest.raises(InputError, match="alike; rename one of the types"):
        table.of(("word",), ("ł", "ø")).root(0, before="O")


def test_answers_are_the_same_after_another_batch(
    tiny_model: TinyModel, queries: list[GuidedQuery]
) -> None:
    guided = generator(tiny_model)
    first: list[GuidedAnswer] = guided(queries)
    guided(queries[1:3])
    again = guided(queries)
    assert [a.tags for a in first] == [a.tags for a in again]
