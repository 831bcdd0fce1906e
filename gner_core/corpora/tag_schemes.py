"""Converts published tags of any scheme to BIO tags with the label names of the params.

A BIO tag depends on the published tag and the one before it, so the conversion of each pair of tags
is computed once: a corpus of a million sentences has some hundred different pairs.

Example:
    >>> bio = BioTags(scheme="bioes", labels={"PER": "person"}, labels_to_o=())
    >>> bio.convert(["S-PER", "B-PER", "E-PER"], repairs=Counter())
    ('B-person', 'B-person', 'I-person')
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal

from gner_core.type_names import plain_label, type_key

Scheme = Literal["bio", "iob1", "bioes", "bilou", "bmes", "unlabelled", "io"]

PREFIXES = {
    "bio": {"B": "B", "I": "I"},
    "iob1": {"B": "B", "I": "I"},
    "bioes": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "bilou": {"B": "B", "I": "I", "L": "E", "U": "S"},
    "bmes": {"B": "B", "M": "I", "E": "E", "S": "S", "W": "S"},
}
"""Scheme → its prefixes → those of BIOES."""
ALONE = {prefix: plain for known in PREFIXES.values() for prefix, plain in known.items()}
"""The prefixes of all schemes: what tags without labels may be."""
OPENS, CLOSES = frozenset("BS"), frozenset("ES")
ENDS_WITH_LABEL = ("iob1", "io")
"""Schemes in which another published label begins an entity, also where both are one type."""
TAG = re.compile(r"\s*(?:O|[BIESLUMW][-_].*\S.*)\s*", re.DOTALL | re.IGNORECASE)
"""A tag of any scheme with prefixes, such as `B-person`, `b-person` or `B_person`."""
BARE_LABEL = re.compile(r"[^\W\d][\w/&.+ -]*")
"""What a label without a prefix looks like."""
_SECOND = re.compile(r"[|,;](?:O\b|[BIESLUMW][-_])")
"""What stands in a cell with several tags, as `B-LOC|B-ORG`."""
ODD_LINE_END = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What ends lines for some programs; files are cut at LF, CRLF or CR."""
UNLABELLED = "entity"
"""The label of all entities where tags are prefixes alone."""


def is_tag(value: str, scheme: str) -> bool:
    """Say whether a cell is surely a tag; of bare labels, which any cell may be, only `O` is."""
    if scheme == "io":
        return value.strip() == "O"
    if scheme == "unlabelled":
        return value.strip().upper() in {"O", *ALONE}
    return bool(TAG.fullmatch(value))


class TagError(ValueError):
    """A tag that cannot be converted."""

    def __init__(self, tag: str, problem: str) -> None:
        super().__init__(problem)
        self.tag = tag


class BioTags:
    """Converts the tags of one corpus."""

    def __init__(
        self,
        *,
        scheme: Scheme,
        labels: Mapping[str, str] | Literal["open"],
        labels_to_o: Sequence[str],
    ) -> None:
        """Take the params of a corpus (`CorpusParams` says what they mean)."""
        self.scheme = scheme
        self.labels = labels if labels == "open" else {plain_label(k): labels[k] for k in labels}
        self.labels_to_o = frozenset(map(plain_label, labels_to_o))
        self._bio_of = cache(self._convert)

    def convert(self, tags: Sequence[str], *, repairs: Counter[str]) -> tuple[str, ...]:
        """Return BIO tags of the same length.

        Raises:
            TagError: for a tag of no known form or label.
        """
        # The pair after the last tag shows whether an entity was left open.
        found = list(map(self._bio_of, ("O", *tags), (*tags, "O")))
        for _, faults in found:
            if faults:
                repairs.update(faults)
        return tuple([tag for tag, _ in found[:-1]])

    def _convert(self, tag_before: str, tag: str) -> tuple[str, list[str]]:
        """Return the BIO tag of a tag, and what had to be mended."""
        before_prefix, before, published_before = self._read(tag_before)
        prefix, label, published = self._read(tag)
        faults = []
        is_open = bool(before) and before_prefix not in CLOSES
        same = label == before
        if self.scheme in ENDS_WITH_LABEL:
            same = same and type_key(published) == type_key(published_before)
        follows = is_open and same and prefix not in OPENS
        prefixes = PREFIXES.get(self.scheme, {})
        if len(prefixes) > 2 and is_open and not follows:
            closing = " or ".join(f"{p}-" for p, plain in prefixes.items() if plain in CLOSES)
            faults.append(f"entities without {closing} at their end ended")
        if label and not follows and prefix not in OPENS and self.scheme != "io":
            faults.append(
                "IOB1: I- at the start of an entity turned into B-"
                if self.scheme == "iob1"
                else f"{tag.strip()[0]}- without B- turned into B-"
            )
        return ((f"I-{label}" if follows else f"B-{label}") if label else "O"), faults

    def _read(self, tag: str) -> tuple[str, str, str]:
        """Return ("O", "", "") or (prefix of BIOES, label of the params, published label)."""
        plain = plain_label(tag)
        if plain == "O" or (plain == "o" and self.scheme != "io"):
            return "O", "", ""
        prefix, published = self._parts(tag, plain)
        if published in self.labels_to_o:
            return "O", "", ""
        if self.labels == "open":
            if published == "O":
                raise TagError(tag, "an entity is labelled O, which is no type; labels_to_o: [O]")
            if self.scheme == "io" and published[:2] in ("B-", "I-"):
                raise TagError(
                    tag,
                    f"{published[:60]!r} is a tag of scheme bio, and no bare label; write scheme: bio, "
                    "or name the label in labels",
                )
            return prefix, published, published
        label = self.labels.get(published)
        if label is None:
            known = ", ".join([*self.labels, *sorted(self.labels_to_o)])
            raise TagError(tag, f"label {published[:60]!r} is not in the corpus' labels: {known}")
        return prefix, label, published

    def _parts(self, tag: str, plain: str) -> tuple[str, str]:
        """Return (prefix of BIOES, published label) of a tag other than O."""
        if ODD_LINE_END.search(tag.strip()):
            raise TagError(tag, f"tag {tag[:60]!r} holds a line end: save the file with LF")
        if self.scheme == "io":
            if not plain:
                raise TagError(tag, "empty tag; expected O or a label")
            return "I", plain
        if self.scheme == "unlabelled":
            if plain.upper() not in ALONE:
                raise TagError(tag, f"unknown tag {tag[:60]!r}; expected O, B or I")
            return ALONE[plain.upper()], UNLABELLED
        # Labels may hold hyphens: split at the first.
        prefix, separator, published = plain[:1].upper(), plain[1:2], plain[2:].strip()
        if separator not in ("-", "_") or prefix not in PREFIXES[self.scheme] or not published:
            forms = " or ".join(f"{known}-<label>" for known in PREFIXES[self.scheme])
            hint = self._hint(prefix) if separator in ("-", "_") and published else ""
            raise TagError(tag, f"unknown tag {tag[:60]!r}; expected O, {forms}{hint}")
        if _SECOND.search(published):
            raise TagError(tag, f"{tag[:60]!r} is several tags; a word has one: keep the one meant")
        return PREFIXES[self.scheme][prefix], published

    def _hint(self, prefix: str) -> str:
        """Say which schemes know a prefix."""
        schemes = " or ".join(one for one, prefixes in PREFIXES.items() if prefix in prefixes)
        if not schemes:
            return ""
        if len(PREFIXES[self.scheme]) == 2:
            return f"; {prefix}- needs scheme: {schemes}"
        return f"; {prefix}- is of {schemes}: the scheme is another, or the file mixes several"
