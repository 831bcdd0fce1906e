"""Tag schemes, mentions, tokens and cuts, case by case."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gner_core.corpora.cutting import pieces, sentence_starts, starts_among_words
from gner_core.corpora.mentions import find_mentions, without_overlaps
from gner_core.corpora.readers.raw import Mention, RawText
from gner_core.corpora.tag_schemes import BioTags, Scheme, TagError
from gner_core.corpora.tokens import tokenise
from gner_core.corpora.words import split_words
from gner_core.records import spans_of, tags_of


def convert(scheme: Scheme, tags: str, **labels: str) -> tuple[str, Counter[str]]:
    repairs: Counter[str] = Counter()
    bio = BioTags(scheme=scheme, labels=labels or "open", labels_to_o=("M",))
    return " ".join(bio.convert(tags.split(), repairs=repairs)), repairs


@pytest.mark.parametrize(
    ("scheme", "published", "bio", "repairs"),
    [
        ("bio", "B-a I-a O B-a", "B-a I-a O B-a", {}),
        ("bio", "I-a I-a O I-b I-a", "B-a I-a O B-b B-a", {"I- without B- turned into B-": 3}),
        ("bio", "B-a-b I-a-b I-a", "B-a-b I-a-b B-a", {"I- without B- turned into B-": 1}),
        ("bio", "B-M I-M I-a", "O O B-a", {"I- without B- turned into B-": 1}),
        (
            "iob1",
            "I-a I-a B-a I-a O I-b",
            "B-a I-a B-a I-a O B-b",
            {"IOB1: I- at the start of an entity turned into B-": 2},
        ),
        ("io", "a a O a b E-x E-x", "B-a I-a O B-a B-b B-E-x I-E-x", {}),
        ("io", "M M a", "O O B-a", {}),
        ("bioes", "S-a B-a I-a E-a S-a O", "B-a B-a I-a I-a B-a O", {}),
        ("bioes", "S-M B-M E-M S-a", "O O O B-a", {}),
        (
            "bioes",
            "B-a O E-a S-b I-b B-b",
            "B-a O B-a B-b B-b B-b",
            {
                "entities without E- or S- at their end ended": 3,
                "E- without B- turned into B-": 1,
                "I- without B- turned into B-": 1,
            },
        ),
        ("bio", "b-x i-x o B_x I_x", "B-x I-x O B-x I-x", {}),
        ("bio", "B-Lieu\u0301 I-Lie\u00fa", "B-Lie\u00fa I-Lie\u00fa", {}),
        ("unlabelled", "B I O S b l", "B-entity I-entity O B-entity B-entity I-entity", {}),
    ],
)
def test_schemes(scheme: Scheme, published: str, bio: str, repairs: dict[str, int]) -> None:
    assert convert(scheme, published) == (bio, repairs)


def test_labels_that_share_a_name_go_on_as_one_entity() -> None:
    assert convert("bio", "B-x I-y", x="same", y="same")[0] == "B-same I-same"


def test_another_label_begins_an_entity_where_a_scheme_has_no_other_sign() -> None:
    assert convert("iob1", "I-x I-y", x="same", y="same")[0] == "B-same B-same"
    assert convert("io", "x x y X", x="same", y="same", X="same")[0] == (
        "B-same I-same B-same B-same"
    )
    assert convert("io", "x X", x="same", X="same")[0] == "B-same I-same"


@pytest.mark.parametrize(
    "tag", ["X-a", "B-", "I", "B:a", "", "0", "B- ", "S-a", "s_a", "B-a|B-b", "B-a|O", "B-a\u2028b"]
)
def test_unknown_tags_are_refused_and_named(tag: str) -> None:
    bio = BioTags(scheme="bio", labels="open", labels_to_o=())
    for _ in range(2):  # nothing is learnt from a fault
        with pytest.raises(TagError) as error:
            bio.convert(["O", "B-a", tag], repairs=Counter())
        assert error.value.tag == tag


def test_a_bare_label_may_not_be_blank() -> None:
    with pytest.raises(TagError, match="empty tag"):
        BioTags(scheme="io", labels="open", labels_to_o=()).convert(["a", " "], repairs=Counter())


def mentions_in(passage: str, *answers: tuple[str, str]) -> tuple[list[str], Counter[str]]:
    repairs: Counter[str] = Counter()
    found = find_mentions(passage, answers, repairs=repairs)
    return [f"{m.start}:{passage[m.start : m.end]}" for m in found], repairs


def test_mentions_are_found_at_every_place_outside_words() -> None:
    passage = "Tea, tea and teapots; green tea-leaf tea"
    assert mentions_in(passage, ("x", "tea")) == (["5:tea", "28:tea", "37:tea"], {})
    assert mentions_in(passage, ("x", "pot"), ("x", " "), ("x", "milk")) == (
        [],
        {
            "mentions found only inside words left out": 1,
            "empty mentions left out": 1,
            "mentions not found in their passage left out": 1,
        },
    )
    assert mentions_in("f(x) = {y}", ("v", "f(x)"), ("v", "{y}")) == (["0:f(x)", "7:{y}"], {})


def test_of_overlapping_mentions_the_longest_then_the_leftmost_stays() -> None:
    repairs: Counter[str] = Counter()
    given = [
        (0, 2, "a"),
        (1, 4, "b"),
        (4, 6, "c"),
        (5, 7, "d"),
        (4, 6, "e"),
        (4, 6, "c"),
        (8, 9, "f"),
    ]
    kept = without_overlaps([Mention(*place) for place in given], repairs=repairs)
    assert kept == [Mention(1, 4, "b"), Mention(4, 6, "c"), Mention(8, 9, "f")]
    assert repairs == {
        "repeated entities left out": 1,
        "overlapping entities left out": 2,
        "second labels of the same words left out": 1,
    }


PLACES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from("ab")).map(
        lambda m: Mention(m[0], m[0] + m[1], m[2])
    ),
    max_size=12,
)


@given(PLACES)
def test_overlaps_are_resolved_as_by_trying_one_after_the_other(mentions: list[Mention]) -> None:
    repairs: Counter[str] = Counter()
    kept = without_overlaps(mentions, repairs=repairs)
    expected: list[Mention] = []
    for m in sorted(mentions, key=lambda m: (m.start - m.end, m.start)):
        if all(m.end <= k.start or k.end <= m.start for k in expected):
            expected.append(m)
    assert kept == sorted(expected)
    assert len(kept) + repairs.total() == len(mentions)


@given(st.text("ab1é .,-'\n\t(", max_size=40), PLACES)
def test_tokens_keep_text_and_entities(text: str, mentions: list[Mention]) -> None:
    inside = [m for m in mentions if m.end <= len(text)]
    for rule in ("blanks", "words"):
        repairs: Counter[str] = Counter()
        sentence = tokenise(RawText(text, inside, 1), rule=rule, repairs=repairs)  # type: ignore[arg-type]
        assert "".join(sentence.words) == "".join(text.split())
        left_out = sum(n for kind, n in repairs.items() if kind.endswith("left out"))
        assert len(spans_of(sentence.tags)) + left_out == len(inside)
        if rule == "words":
            kept = without_overlaps(inside, repairs=Counter())
            texts = ["".join(text[m.start : m.end].split()) for m in kept]
            covered = ["".join(sentence.words[s.start : s.end]) for s in spans_of(sentence.tags)]
            assert covered == [t for t in texts if t]


def test_words_are_those_of_predicting_split_at_the_edges_of_entities() -> None:
    text = "In 1,250.5 mg/l (anti-rust) U.S. wares, 東京で pre2000, don't."
    repairs: Counter[str] = Counter()
    sentence = tokenise(RawText(text, [Mention(44, 47, "x")], 1), rule="words", repairs=repairs)
    assert text[44:47] == "pre"
    predicted = [word.text for word in split_words(text)]
    at = predicted.index("pre2000")
    assert sentence.words == [*predicted[:at], "pre", "2000", *predicted[at + 1 :]]
    assert predicted[:at] == "In 1,250.5 mg/l ( anti-rust ) U.S. wares , 東 京 で".split()
    assert repairs == {"words split where an entity ends in them": 1}


def test_sentence_ends() -> None:
    text = 'Dr. Moe left. "Why?" asked Ida Berg (aged 7.) He paid 3.50 e.g. in cash!\n\nso it is.'
    assert [text[place:][:6] for place in sentence_starts(text)] == ['"Why?"', "so it "]
    assert sentence_starts("it ended . so did he ! » He left") == [11, 25]
    assert starts_among_words("It ended . so did he ! Then".split()) == (3, 7)


@given(
    st.lists(st.sampled_from(["a", ".", "word.", "B"]), min_size=1, max_size=40),
    st.integers(1, 10),
    st.data(),
)
def test_pieces_lose_no_word_and_cut_no_entity(
    words: list[str], limit: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    kept = without_overlaps([Mention(start, end, "x")], repairs=Counter())
    tags = ["O"] * len(words)
    tags[start:end] = ["B-x"] + ["I-x"] * (kept[0].end - kept[0].start - 1)
    starts = starts_among_words(words)
    found = list(pieces(tags, starts, limit=limit))
    assert [p for a, b in found for p in range(a, b)] == list(range(len(words)))
    assert not any(tags[a].startswith("I-") for a, _ in found)
    assert tags_of(spans_of(tags), len(tags)) == tuple(tags)
    for a, b in found:
        if b - a > limit:  # then it is a single sentence, or one that an entity holds together
            assert not [s for s in starts if a < s < b and not tags[s].startswith("I-")]
