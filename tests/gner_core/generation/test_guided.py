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
from gner_core.generation.free import FreeGenerator
from gner_core.generation.guided.costs import NOMINAL
from gner_core.generation.guided.decoding import GuidedAnswer, GuidedGenerator, GuidedQuery
from gner_core.records import Sentence, is_bio
from gner_core.systems.gner.targets import BIO, target
from gner_core.training.data.examples import collate
from tests.gner_core.conftest import TinyModel

TYPES = ("person", "place (city)", "person, fictional")


def loaded(tiny: TinyModel) -> tuple[PreTrainedModel, Encoder]:
    encoder = Encoder(load_tokenizer(tiny.folder), tiny.backbone, BIO)
    model = load_model(tiny.folder, tiny.backbone, dtype="float32", attention="sdpa").eval()
    with torch.no_grad():  # as they come, random models say the same of every word
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model, encoder


@cache
def plain_model(folder: Path, backbone: BackboneParams) -> tuple[PreTrainedModel, Encoder]:
    return loaded(TinyModel(folder, backbone))


def generator(tiny: TinyModel, *, beams: int = 1) -> GuidedGenerator:
    return GuidedGenerator(*loaded(tiny), beams=beams, costs=NOMINAL)


class Plain:
    """Labels of one sentence, each option by a forward pass over everything before it."""

    def __init__(self, tiny: TinyModel, ask: GuidedQuery) -> None:
        self.model, self.encoder = plain_model(tiny.folder, tiny.backbone)
        self.ask = ask
        self.temperature = 1.0
        (self.source,) = self.encoder.prompts([(ask.words, ask.types)])

    def tokens(self, tags: Sequence[str]) -> list[int]:
        text = target(self.ask.words[: len(tags)], tags, BIO)
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

    def logs(self, tags: Sequence[str]) -> dict[str, float]:
        """Log probability of every allowed tag of the next word."""
        return dict(self._split(self.options(tags), len(self.tokens(tags))))

    def _split(self, options: dict[str, list[int]], depth: int) -> list[tuple[str, float]]:
        if len(options) == 1:
            return [(name, 0.0) for name in options]
        groups: dict[int, dict[str, list[int]]] = {}
        for name, ids in options.items():
            groups.setdefault(ids[depth], {})[name] = ids
        logs = [0.0]
        if len(groups) > 1:
            before = next(iter(options.values()))[:depth]
            logits = self.next_logits(before)[list(groups)] / self.temperature
            logs = logits.log_softmax(0).tolist()
        pairs = zip(groups.values(), logs, strict=True)
        return [
            (name, log + more)
            for group, log in pairs
            for name, more in self._split(group, depth + 1)
        ]

    def greedy(self) -> list[str]:
        """Decide token by token among the allowed ones."""
        tags: list[str] = []
        while len(tags) < len(self.ask.words):
            options, depth = self.options(tags), len(self.tokens(tags))
            while len(options) > 1:
                tokens = list(dict.fromkeys(ids[depth] for ids in options.values()))
                before = next(iter(options.values()))[:depth]
                best = tokens[int(self.next_logits(before)[tokens].argmax())]
                options = {name: ids for name, ids in options.items() if ids[depth] == best}
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


def test_greedy_labels_are_the_best_allowed_tokens(
    tiny_model: TinyModel, queries: list[GuidedQuery]
) -> None:
    answers = generator(tiny_model)(queries)
    for ask, answer in zip(queries, answers, strict=True):
        plain = Plain(tiny_model, ask)
        assert list(answer.tags) == plain.greedy()
        for n, (tag, probability) in enumerate(zip(answer.tags, answer.probabilities, strict=True)):
            assert math.log(probability) == pytest.approx(
                plain.logs(answer.tags[:n])[tag], abs=1e-4
            )
    assert len({tag for answer in answers for tag in answer.tags}) > 1  # not all the same


@pytest.mark.parametrize("beams", [2, 4])
def test_beams_find_the_labels_of_a_plain_search(
    tiny_model: TinyModel, queries: list[GuidedQuery], beams: int
) -> None:
    for ask, answer in zip(queries, generator(tiny_model, beams=beams)(queries), strict=True):
        assert answer.tags == Plain(tiny_model, ask).beams(beams)


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


@pytest.mark.parametrize("beams", [1, 3])
def test_a_batch_equals_one_sentence_at_a_time(
    tiny_model: TinyModel, news: list[Sentence], beams: int
) -> None:
    guided = generator(tiny_model, beams=beams)
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


@pytest.fixture(scope="module")
def copying(
    tiny_model: TinyModel, news: list[Sentence], tmp_path_factory: pytest.TempPathFactory
) -> TinyModel:
    """A model that has learned some short sentences by heart, and so writes them well."""
    torch.manual_seed(1)
    encoder = Encoder(load_tokenizer(tiny_model.folder), tiny_model.backbone, BIO)
    model = load_model(tiny_model.folder, tiny_model.backbone, dtype="float32").eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    family = tiny_model.backbone.family
    batch = collate(
        [encoder.example(s.words, s.tags, s.types) for s in learned(news)],
        family=family, pad=0, share_prefix=False,
    )  # fmt: skip
    batch.pop("prefix", None)
    for _ in range(250):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.02:
            break
    folder = tmp_path_factory.mktemp(f"copying-{family}")
    model.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    return TinyModel(folder, tiny_model.backbone)


def learned(news: list[Sentence]) -> list[Sentence]:
    return sorted(news, key=lambda s: len(s.words))[:3]


def test_where_free_decoding_copies_the_sentence_the_labels_are_the_same(
    copying: TinyModel, news: list[Sentence]
) -> None:
    encoder = Encoder(load_tokenizer(copying.folder), copying.backbone, BIO)
    model = load_model(copying.folder, copying.backbone, dtype="float32", attention="sdpa")
    queries = [GuidedQuery(s.words, s.types) for s in learned(news)]
    sources = encoder.prompts((ask.words, ask.types) for ask in queries)
    free = FreeGenerator(model, encoder, beams=1)(sources, [150] * len(sources))
    guided = GuidedGenerator(model, encoder, beams=1, costs=NOMINAL)(queries)
    same = [
        answer.text
        == encoder.decode(encoder.tokenizer(target(ask.words, found.tags, BIO)).input_ids)
        for ask, answer, found in zip(queries, free, guided, strict=True)
    ]
    assert all(same)
    assert {tag[:1] for found in guided for tag in found.tags} == {"B", "I", "O"}


def test_true_t5_tokens_force_words_outside_the_vocabulary(
    shared: Path, tiny_model: TinyModel
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
    encoder = Encoder(tokenizer, tiny_model.backbone, BIO)
    guided = GuidedGenerator(T5ForConditionalGeneration(config), encoder, beams=1, costs=NOMINAL)
    words = ("Wałęsa", "{", "ø", "~", "wrote", "\\LaTeX", "3½", "mustn't", ",")
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

    table = ChoiceTable(load_tokenizer(shared / "tokenizers" / "t5"))
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
