"""Generation for gner: one prompt a sentence, whose answer labels its words."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from gner_core.artifact_files import BACK, PREDICTIONS
from gner_core.backbones.encoder import Encoder
from gner_core.backbones.load import load_tokenizer
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.generation.free.answerer import Answerer
from gner_core.generation.free.answers import Call
from gner_core.generation.guided.costs import NOMINAL, pass_costs
from gner_core.generation.guided.decoding import GuidedGenerator, GuidedQuery, all_outside
from gner_core.generation.job import TOO_LONG, GenerateRequest, Job
from gner_core.generation.parts import plan_parts
from gner_core.matching.back_tokenization import BackTokens
from gner_core.records import Prediction, Sentence, read_predictions, write_predictions
from gner_core.runtime.files import write_json
from gner_core.systems.gner.prompts import other_orders
from gner_core.systems.gner.targets import target
from gner_core.systems.naming import ours_by_name, retagged, type_names


class TaggingJob(Job[Prediction]):
    """The sentences of a generation with their prompts, and their batches (`parts`)."""

    def __init__(self, request: GenerateRequest, system: GnerSystem) -> None:
        """Read tokenizer and sentences, and plan the batches.

        Raises:
            InputError: for an unusable tokenizer, for a sentence over the limits where `too_long` is
                "error", and where two types of a sentence have one name.
        """
        super().__init__(request)
        names = type_names(system.type_names)
        self.ours = [ours_by_name(types, names) for types in self.types]
        """Per sentence the names of its types in the order of the prompt, with our types."""
        self.asked = [tuple(ours) for ours in self.ours]
        self.encoder = Encoder(load_tokenizer(Path(request.model)), request.backbone, system.target)
        pairs = zip(self.sentences, self.asked, strict=True)
        self.sources = self.encoder.prompts((s.words, types) for s, types in pairs)
        self.budgets = [self._budget(index) for index in range(len(self.sentences))]
        fitting = [index for index, budget in enumerate(self.budgets) if budget]
        sizes = [len(self.sources[index]) + self.budgets[index] for index in fitting]
        orders = request.decode.orders  # of a sentence, which are decoded together
        plan = plan_parts(
            sizes, batch=max(1, request.batch // orders), tokens=request.batch_tokens // orders
        )
        self.parts = [[fitting[n] for n in part] for part in plan]

    def _budget(self, index: int) -> int:
        """Return how many tokens an answer may have, 0 for a sentence over the limits."""
        sentence, source = self.sentences[index], len(self.sources[index])
        plain = self.encoder.target_length(sentence.words, ["O"] * len(sentence.words))
        if self.encoder.backbone.fits(source, plain):
            return self.encoder.budget(sentence.words, self.asked[index], source)
        if self.request.decode.too_long == "error":
            raise InputError(
                f"{sentence.id}: a prompt of {source} tokens and an answer of {plain} are over the "
                "backbone's limits; set decode.too_long: skip, or cut_at_words in the corpus"
            )
        return 0

    def skipped(self, index: int) -> Prediction | None:
        """Return the empty prediction of a sentence over the limits, None for others."""
        if self.budgets[index]:
            return None
        return self._prediction(index, "", finished=False, skipped=TOO_LONG)

    def back_tokens(self) -> BackTokens:
        """Return what the tokenizer gives back for the words and types of the sentences."""
        back = BackTokens(self.encoder.round_trip)
        back.learn(
            text
            for sentence, names in zip(self.sentences, self.asked, strict=True)
            for text in (*sentence.words, *names)
        )
        return back

    def write(self, path: Path, records: Sequence[Prediction]) -> None:
        """Write predictions as one Parquet file."""
        write_predictions(path, records)

    def read(self, path: Path) -> list[Prediction]:
        """Read a file that `write` has written."""
        return read_predictions(path)

    def finish(self, folder: Path, records: Sequence[Prediction]) -> dict[str, Any]:
        """Write predictions.parquet and back_tokenization.json; return facts for the summary."""
        write_predictions(folder / PREDICTIONS, records)
        back = self.back_tokens().changed
        write_json(folder / BACK, back)
        done = [n for n, p in enumerate(records) if p.skipped is None]
        asked = {n: len(self.query(n).orders) for n in done}
        return {
            "sentences": len(records),
            "calls": sum(asked.values()),
            "prompt_tokens": sum(len(self.sources[n]) * asked[n] for n in asked),
            "answer_tokens": self.encoder.count([p.text for p in records if p.skipped is None]),
            "cut_off": sum(not p.finished and p.skipped is None for p in records),
            "skipped": sum(p.skipped is not None for p in records),
        }

    def generated(self, part: Sequence[int]) -> list[Prediction]:
        """Return the predictions of a batch."""
        if isinstance(self.generator, Answerer):
            calls = [[Call(self.sources[n], self.budgets[n])] for n in part]
            free = self.generator(calls, common=self.encoder.stem(None))
            return [
                self._prediction(index, answer.text, finished=answer.finished)
                for index, (answer,) in zip(part, free, strict=True)
            ]
        asked = [n for n in part if self.asked[n]]  # without types, all words are outside
        guided = dict(zip(asked, self.generator([self.query(n) for n in asked]), strict=True))
        return [
            self._prediction(
                index,
                target(self.sentences[index].words, answer.tags, self.encoder.form),
                finished=True,
                decided=tuple(retagged(answer.tags, self.ours[index])),
                probabilities=answer.probabilities,
            )
            for index in part
            for answer in [guided.get(index) or all_outside(len(self.sentences[index].words))]
        ]

    def query(self, index: int) -> GuidedQuery:
        """Return what guided decoding is asked about a sentence."""
        types, decode = self.asked[index], self.request.decode
        others = other_orders(types, count=decode.orders - 1, seed=decode.seed)
        return GuidedQuery(self.sentences[index].words, types, others)

    def _prediction(
        self,
        index: int,
        text: str,
        *,
        finished: bool,
        skipped: str | None = None,
        decided: tuple[str, ...] | None = None,
        probabilities: tuple[float, ...] | None = None,
    ) -> Prediction:
        s: Sentence = self.sentences[index]
        known = (s.id, s.corpus, s.words, s.tags, self.types[index])
        return Prediction(*known, text, finished, skipped, decided, probabilities)

    def forget(self) -> None:
        """Keep nothing of the batches before: neither tokens of words nor beginnings of prompts."""
        self.generator = self._made()

    @cached_property
    def generator(self) -> Answerer | GuidedGenerator:
        """What writes, with the model, which is loaded when it is first needed."""
        return self._made()

    def _made(self) -> Answerer | GuidedGenerator:
        request, decode = self.request, self.request.decode
        if decode.mode == "free":
            beams, batch = decode.beams, request.batch
            return Answerer(self.model, self.encoder, beams=beams, batch=batch, way="shared")
        costs = NOMINAL if request.exact else pass_costs(self.model)
        guided = GuidedGenerator(
            self.model, self.encoder, beams=decode.beams, costs=costs, rating=decode
        )
        every = (self.query(index) for part in self.parts for index in part)
        guided.expect(types for query in every for types in query.orders)
        return guided
