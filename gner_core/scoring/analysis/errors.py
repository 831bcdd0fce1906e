"""What went wrong: UE, NE and BE of Table 1, confusions of types, faults of the texts (Table 9).

Each gold entity is one of, in this order: right (words and type); unlabeled (every word is O, UE);
boundary (a predicted entity of its type overlaps it, BE); noisy (only other types overlap it, NE,
with a flag where the words differ too). A predicted entity that overlaps no gold entity is a false
positive. The paper gives no denominator, so counts come with three: gold entities, gold and
predicted entities together, and words.

Example:
    >>> dict(entity_errors(("B-a", "I-a", "O"), ("O", "B-a", "O")).counts)
    {'gold': 1, 'predicted': 1, 'words': 3, 'BE': 1, 'union': 2}
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Any

from gner_core.records import Span, spans_of
from gner_core.scoring.scored import Scored

CLASSES = ("UE", "NE", "BE")
DENOMINATORS = ("gold", "union", "words")
_TAG = re.compile(r"\((?:[BISE]-[^()]*|O)\)", re.IGNORECASE)
NOTHING = "O"
"""Means no entity in the confusion table."""
EDITS = ("omitted", "added", "substituted")
"""Kinds of word edits (Table 9): attributes of `Scored`."""


@dataclass(slots=True)
class Errors:
    """Counts of entity errors, and (gold type, predicted type) → entities that overlap."""

    counts: Counter[str] = field(default_factory=Counter)
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add_sentence(self, sentence: Scored) -> None:
        """Classify and count the entities of a sentence."""
        self.extend(
            _span_errors(spans_of(sentence.gold), sentence.predicted_spans, len(sentence.gold))
        )

    def extend(self, other: "Errors") -> None:
        """Add the counts of other sentences."""
        self.counts.update(other.counts)
        self.confusion.update(other.confusion)

    def values(self) -> dict[str, Any]:
        """Return counts, the shares of the three classes (0 to 1) and the confusion table."""
        shares = {
            name: {of: self.counts[name] / max(self.counts[of], 1) for of in DENOMINATORS}
            for name in CLASSES
        }
        confusion: dict[str, dict[str, int]] = {}
        for (gold, found), count in sorted(self.confusion.items()):
            confusion.setdefault(gold, {})[found] = count
        return {"counts": dict(self.counts), "shares": shares, "confusion": confusion}


def entity_errors(gold: Sequence[str], predicted: Sequence[str]) -> Errors:
    """Classify the entities of one sentence."""
    return _span_errors(spans_of(gold), spans_of(predicted), len(gold))


def _span_errors(wanted: Sequence[Span], found: Sequence[Span], words: int) -> Errors:
    errors = Errors()
    exact = set(wanted) & set(found)
    errors.counts.update(gold=len(wanted), predicted=len(found), words=words)
    for span in wanted:
        touching = [other for other in found if span.overlaps(other)]
        kind = "right" if span in exact else _kind(span, touching)
        errors.counts[kind] += 1
        if kind == "NE" and not any((o.start, o.end) == (span.start, span.end) for o in touching):
            errors.counts["NE, boundary wrong too"] += 1
        same = [span] if span in exact else touching
        for other in same or [Span(0, 0, NOTHING)]:
            errors.confusion[span.label, other.label] += 1
    for other in found:
        if not any(span.overlaps(other) for span in wanted):
            errors.counts["false positive"] += 1
            errors.confusion[NOTHING, other.label] += 1
    errors.counts["union"] += len(wanted) + len(found) - len(exact)
    return errors


def _kind(span: Span, touching: Sequence[Span]) -> str:
    if not touching:
        return "UE"
    return "BE" if any(other.label == span.label for other in touching) else "NE"


def text_faults(scored: Sequence[Scored]) -> dict[str, int]:
    """Count texts by what is wrong with them; a text can be in several rows."""
    return {
        "all": len(scored),
        "exact copy": sum(not (s.omitted or s.added or s.substituted) for s in scored),
        **{f"{kind} words": sum(getattr(s, kind) > 0 for s in scored) for kind in EDITS},
        "unknown types": sum(s.unknown_types > 0 for s in scored),
        "ambiguous entities": sum(s.ambiguous > 0 for s in scored),
        "text left over": sum(s.unread for s in scored),
        "cut off": sum(s.cut_off for s in scored),
        "empty": sum(not s.text.strip() for s in scored),
        "skipped": sum(s.skipped is not None for s in scored),
    }


def word_edits(scored: Sequence[Scored]) -> dict[str, int]:
    """Count words that were omitted, added and substituted in all texts (Table 9)."""
    return {kind: sum(getattr(s, kind) for s in scored) for kind in EDITS}


def edit_examples(scored: Sequence[Scored], *, limit: int) -> dict[str, list[tuple[str, str]]]:
    """Return for each kind of word edit the first sentences with one, and their texts without tags."""
    return {
        kind: [
            (" ".join(s.words), " ".join(_TAG.sub(" ", s.text).split()))
            for s in islice(filter(attrgetter(kind), scored), limit)
        ]
        for kind in EDITS
    }
