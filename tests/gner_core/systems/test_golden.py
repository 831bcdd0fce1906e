"""Prompts, targets, training texts, readings and scores equal those of the published code."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gner_core.config.reading.files import read_catalog
from gner_core.corpora.prepare import stream_split
from gner_core.records import Span, spans_of
from gner_core.systems.gollie.published import published_reading
from gner_core.systems.gollie.system import Gollie
from gner_core.systems.instructuie import published as instructuie_published
from gner_core.systems.instructuie.system import InstructUie
from gner_core.systems.interface import Counts
from gner_core.systems.strings import place
from gner_core.systems.uniner.published import published_counts, published_strings
from gner_core.systems.uniner.system import UniNer
from tests.gner_core.systems.params import gollie, instructuie, uniner

Record = dict[str, Any]
CUT = "made-long"
"""A prompt over the limit of the published tokenizer, which was cut there and decoded again."""


class Undrawn(random.Random):
    """Leaves everything in its order."""

    def shuffle(self, x: Any) -> None:
        """Shuffle nothing."""

    def sample(self, population: Any, k: int, **_: Any) -> list[Any]:
        """Return the first ones."""
        return list(population)[:k]


@pytest.fixture
def golden(shared: Path) -> Path:
    folder = shared / "systems" / "golden"
    if not folder.is_dir():
        pytest.skip("no golden records of the compared systems")
    return folder


def records(folder: Path, name: str) -> list[Record]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def gold(record: Record) -> list[Span]:
    return sorted(Span(*one) for one in record["gold"])


def f1(counts: Counts) -> float:
    return 2 * counts.right / max(counts.predicted + counts.gold, 1)


def test_uniner(golden: Path) -> None:
    system = UniNer(uniner(faithful=True))
    for record in records(golden, "uniner"):
        words, types = record["words"], record["types"]
        queries = system.queries(words, types)
        wanted = [(one["prompt"], one["type"]) for one in record["queries"]]
        assert [(query.prompt, query.asked) for query in queries] == wanted
        assert UniNer(uniner()).queries(words, types) == queries
        (pieces,) = system.examples(words, gold(record), types, Undrawn(), epoch=0)
        texts = [{"text": p.text, "bos": not n, "loss": p.loss} for n, p in enumerate(pieces)]
        assert texts == record["train_pieces"]
        targets = [one["target"] for one in record["queries"]]
        assert [p.text for p in pieces if p.loss][1:] == [f"{text}</s>" for text in targets]
        (drawn,) = system.examples(words, gold(record), types, random.Random(7), epoch=0)
        order = [p.text for p in drawn[3:] if p.text.startswith("USER:")]
        assert order == record["train_turn_order_shuffled_seed7"]


def test_uniner_answers(golden: Path) -> None:
    for record in records(golden, "parse_uniner"):
        words, types, raw = record["words"], [record["type"]], record["raw"]
        try:
            strings = [*published_strings(raw)]
        except ValueError:
            strings = []
        assert strings == record["published"]
        if "gold_target" in record:
            score = f1(published_counts(record["gold_target"], raw))
            assert score == pytest.approx(record["published_f1"], abs=1e-6)
        UniNer(uniner(faithful=True)).read(words, types, [raw])
        assert_wanted(UniNer(uniner()).read(words, types, [raw]).spans, record)


def test_instructuie(golden: Path) -> None:
    for record in records(golden, "instructuie"):
        words, types, spans = record["words"], record["types"], gold(record)
        for faithful in (True, False):
            system = InstructUie(instructuie(faithful=faithful, auxiliary=1.0))
            wanted = record.get("prompt_untruncated", record["prompt"])
            if not faithful:
                wanted = record.get("wanted_prompt", wanted)
            assert system.queries(words, types)[0].prompt == wanted
        if record["id"] == CUT:
            continue
        system = InstructUie(instructuie(faithful=True, auxiliary=1.0))
        texts = system.examples(words, spans, types, random.Random(1), epoch=0)
        assert [[piece.text for piece in text] for text in texts] == [
            [record["prompt"], record["target"]],
            [record["aux_es"]["prompt"], record["aux_es"]["target"]],
            [record["aux_et"]["prompt"], record["aux_et"]["target"]],
        ]
        worded = [instructuie(faithful=True, wording=wording) for wording in (1, 2, 3)]
        prompts = [InstructUie(params).queries(words, types)[0].prompt for params in worded]
        assert sorted(prompts) == sorted(record["prompts_multiple"])
        prefixed = record["prompt_with_task_and_dataset"]
        dataset = prefixed.partition("Dataset:")[2].partition("\n")[0]
        system = InstructUie(instructuie(faithful=True, dataset=dataset))
        assert system.queries(words, types)[0].prompt == prefixed


def test_instructuie_answers(golden: Path) -> None:
    for record in records(golden, "parse_instructuie"):
        words, types, raw = record["words"], record["types"], record["raw"]
        assert sorted(instructuie_published.published_parts(raw)) == record["published"]
        counts = instructuie_published.published_counts(record["gold_target"], raw)
        right = record["tp"]
        assert counts == (right, right + record["fp"], right + record["fn"])
        InstructUie(instructuie(faithful=True)).read(words, types, [raw])
        assert_wanted(InstructUie(instructuie()).read(words, types, [raw]).spans, record)


def test_gollie(golden: Path, tmp_path: Path) -> None:
    for number, record in enumerate(records(golden, "gollie")):
        variant, words, types = record["variant"], record["words"], record["types"]
        if variant == "train_noise_0.75":
            continue  # its names are masked with other random numbers
        params: Record = {}
        if variant != "baseline_no_guidelines":
            file = tmp_path / f"{number}.py"
            file.write_text(guidelines_file(record["guidelines"]))
            params = {"guidelines": "examples", "guidelines_file": str(file)}
        if variant == "test_no_examples":
            unshown = [guideline | {"examples": ["x"]} for guideline in record["guidelines"]]
            file.write_text(guidelines_file(unshown))
            params["guidelines"] = "definitions"
        for faithful in (True, False):
            if variant == "test_no_examples" and not faithful:
                continue  # the published prompt has comment signs without a comment
            system = Gollie(gollie(faithful=faithful, **params))
            wanted = "wanted_" if not faithful and "wanted_prompt" in record else ""
            assert system.queries(words, types)[0].prompt == record[f"{wanted}prompt"]
            ((asked, answered),) = system.examples(words, gold(record), types, Undrawn(), epoch=0)
            assert asked.text == record[f"{wanted}prompt"]
            assert answered.text == record[f"{wanted}target"]


def guidelines_file(guidelines: Sequence[Record]) -> str:
    """Return a Python file with the guidelines of a record."""
    classes = []
    for one in guidelines:
        listed = ", ".join(f'"{example}"' for example in one["examples"])
        comment = f"  # Such as: {listed}" if listed else ""
        definition = f'"""{one["definition"]}"""'
        classes.append(f"class {one['class']}(Entity):\n    {definition}\n    span: str{comment}\n")
    return "\n".join(classes)


def test_gollie_answers(golden: Path) -> None:
    for record in records(golden, "parse_gollie"):
        words, types, raw = record["words"], record["types"], record["raw"]
        reading = published_reading(raw, words, types)
        faithful = Gollie(gollie(faithful=True))
        if record["published"] is None:
            assert reading.fault is not None and reading.kept == ()
            assert faithful.read(words, types, [raw]) == ((), (), (), 0, (reading.fault,))
        else:
            assert [[one.name, one.span] for one in reading.kept] == record["published"]
            assert (reading.fault is not None) == record["parse_error"]
            assert len(reading.before) - len(reading.kept) == record["hallucinated"]
            score = f1(faithful.published(words, gold(record), types, [raw]))
            assert score == pytest.approx(record["published_f1"], abs=1e-6)
        assert_wanted(Gollie(gollie()).read(words, types, [raw]).spans, record)


def test_right_answers_are_found_in_the_zero_shot_tests(root: Path, shared: Path) -> None:
    catalog = read_catalog(root / "params" / "corpora" / "published")
    entities = found = 0
    for name, corpus in catalog.items():
        if "zero-shot" in corpus.roles:
            folder = shared / "datasets"
            for one in stream_split(name, corpus, split="test", folder=folder, repairs=Counter()):
                wanted = spans_of(one.tags)
                answers = [(s.label, " ".join(one.words[s.start : s.end])) for s in wanted]
                entities += len(wanted)
                found += len({*wanted} & {*place(one.words, answers).spans})
    assert (entities, found) == (21_830, 21_817)


def assert_wanted(spans: Sequence[Span], record: Record) -> None:
    if "wanted" in record:
        assert [[*span] for span in spans] == sorted(record["wanted"])
