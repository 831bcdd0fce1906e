"""What systems beside gner answered: calls, tokens, and what of the answers is no entity."""

from collections.abc import Sequence
from typing import Any

from gner_core.scoring.scored import Answers, Scored


def answer_faults(scored: Sequence[Scored]) -> dict[str, int]:
    """Count sentences by what is wrong with the answers; one can be in several rows."""
    answers = [_of(s) for s in scored]
    return {
        "all": len(scored),
        "hallucinated": sum(bool(one.hallucinated) for one in answers),
        "unknown types": sum(bool(one.unknown) for one in answers),
        "ambiguous entities": sum(s.ambiguous > 0 for s in scored),
        "unread": sum(s.unread for s in scored),
        "cut off": sum(s.cut_off for s in scored),
        "empty": sum(not s.text.strip() for s in scored),
        "skipped": sum(s.skipped is not None for s in scored),
    }


def answer_counts(scored: Sequence[Scored]) -> dict[str, Any]:
    """Return calls, tokens and strings of each corpus and of all together."""
    corpora: dict[str, list[Scored]] = {}
    for sentence in scored:
        corpora.setdefault(sentence.corpus, []).append(sentence)
    return {
        "corpora": {name: _counts(some) for name, some in corpora.items()},
        "all": _counts(scored),
    }


def _counts(scored: Sequence[Scored]) -> dict[str, int]:
    answers = [_of(s) for s in scored]
    return {
        "sentences": len(scored),
        "calls": sum(one.calls for one in answers),
        "prompt tokens": sum(one.read for one in answers),
        "answer tokens": sum(one.written for one in answers),
        "hallucinated": sum(len(one.hallucinated) for one in answers),
        "unknown types": sum(len(one.unknown) for one in answers),
        "ambiguous": sum(s.ambiguous for s in scored),
        "unread": sum(len(one.unread) for one in answers),
    }


def _of(scored: Scored) -> Answers:
    assert scored.answers is not None  # all sentences of a test have the same system
    return scored.answers
