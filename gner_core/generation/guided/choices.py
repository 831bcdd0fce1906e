"""What may be written for each word of a sentence: the tokens of every allowed `word(tag)`.

`O` and every `B-<type>` are allowed everywhere, `I-<type>` only after `B-` or `I-` of that type.
The options of a word form a trie of tokens: a decision is needed only where they differ. A form that
leaves `O` unmarked writes the bare word, with which all its options begin in most vocabularies: the
decision falls between the label and what the next word, or the end, may begin with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from gner_core.config.systems.gner import TargetForm
from gner_core.errors import InputError
from gner_core.systems.gner.targets import marked

ANCHOR = "a(O)"
"""Text before a word that is not the first, so that it is tokenized as inside a sentence."""
AFTER = -1
"""Key of the child for an option that ends here, while others go on with more tokens."""
KEPT_TRIES = 20_000
"""Tries kept, a few hundred megabytes: if there are more, the next batch starts without any."""
Tokens = tuple[int, ...]


@dataclass(slots=True)
class Node:
    """A node of a trie: tokens that must follow, then either children to choose from or a tag."""

    forced: Tokens
    children: dict[int, "Node"] = field(default_factory=dict)
    tag: str | None = None
    leads: dict[str, int] = field(default_factory=dict)
    """Tag → key of the child that leads to it."""


Branches = dict[tuple[int, tuple[str, ...]], Node]
"""Nodes of one word by depth and by the tags below them."""


class Choices:
    """The options of every word of one sentence."""

    def __init__(
        self, table: "ChoiceTable", words: tuple[str, ...], types: tuple[str, ...]
    ) -> None:
        """Bind a sentence; `types` are sorted and do not repeat."""
        self.table = table
        self.words = words
        self.types = types

    def __len__(self) -> int:
        return len(self.words)

    def root(self, word: int, *, before: str) -> Node:
        """Return the trie of a word after a word with the tag `before`."""
        return self.table.root(self.words[word], self.types, first=word == 0, inside=before[2:])

    def ids(self, word: int, node: Node) -> list[Tokens]:
        """Return the tokens with which each child of a node may begin, in their order."""
        return [
            self._following(word, child) if key == AFTER else (key,)
            for key, child in node.children.items()
        ]

    def shortest(self) -> int:
        """Return the tokens of the sentence without any entity, with its end token."""
        options = self.table.options
        return 1 + sum(
            len(options(word, self.types, first=n == 0, inside="")["O"])
            for n, word in enumerate(self.words)
        )

    def _following(self, word: int, leaf: Node) -> Tokens:
        """Return the tokens with which the next word, or the end, may begin after a word's tag."""
        found: list[int] = []
        for after in range(word + 1, len(self)):
            assert leaf.tag is not None
            root = self.root(after, before=leaf.tag)
            if root.forced:
                return (*found, root.forced[0])
            found += [key for key in root.children if key != AFTER]
            if AFTER not in root.children:
                return tuple(found)
            leaf = root.children[AFTER]  # the tokenizer writes this word as nothing
        return (*found, self.table.end)


class ChoiceTable:
    """Cached tokens and tries of words."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, form: TargetForm) -> None:
        """Bind a tokenizer and a form that can be guided.

        Raises:
            InputError: when it does not split texts at blanks.
        """
        self.tokenizer = tokenizer
        self.form = form
        self.end: int = tokenizer.eos_token_id
        (self._anchor,) = self._encode([ANCHOR])
        self._tokens: dict[tuple[str, bool], dict[str, Tokens]] = {}
        self._roots: dict[tuple[str, tuple[str, ...], bool, str], Node] = {}
        self._branches: dict[tuple[str, tuple[str, ...], bool], Branches] = {}

    def of(self, words: Sequence[str], types: Sequence[str]) -> Choices:
        """Return the choices of a sentence."""
        return Choices(self, tuple(words), tuple(sorted(types)))

    def learn(self, sentences: Iterable[tuple[Sequence[str], Sequence[str]]]) -> None:
        """Tokenize the words of whole sentences in one call."""
        if len(self._roots) > KEPT_TRIES:
            self._tokens.clear()
            self._roots.clear()
            self._branches.clear()
        wanted: dict[tuple[str, bool], dict[str, None]] = {}
        for words, types in sentences:
            tags = ["O", *(f"B-{name}" for name in types)]
            for n, word in enumerate(words):
                wanted.setdefault((word, n == 0), {}).update(dict.fromkeys(tags))
        self._make((word, first, tag) for (word, first), tags in wanted.items() for tag in tags)

    def options(
        self, word: str, types: tuple[str, ...], *, first: bool, inside: str
    ) -> dict[str, Tokens]:
        """Return tag → tokens of the word with it; `inside` is the type of the entity before, or ""."""
        tags = ["O", *(f"B-{name}" for name in types)]
        if inside:
            tags.append(f"I-{inside}")
        known = self._tokens.get((word, first), {})
        self._make((word, first, tag) for tag in tags if tag not in known)
        known = self._tokens[word, first]
        return {tag: known[tag] for tag in tags}

    def root(self, word: str, types: tuple[str, ...], *, first: bool, inside: str) -> Node:
        """Return the trie of a word's options."""
        key = (word, types, first, inside)
        node = self._roots.get(key)
        if node is None:
            options = self.options(word, types, first=first, inside=inside)
            branches = self._branches.setdefault((word, types, first), {})
            node = self._roots[key] = _trie(list(options.items()), 0, branches)
        return node

    def _make(self, wanted: Iterable[tuple[str, bool, str]]) -> None:
        missing = [key for key in wanted if key[2] not in self._tokens.get(key[:2], {})]
        texts = [
            f"{'' if first else f'{ANCHOR} '}{marked(word, tag, self.form)}"
            for word, first, tag in missing
        ]
        size = len(self._anchor)
        for (word, first, tag), text, ids in zip(missing, texts, self._encode(texts), strict=True):
            if not first and ids[:size] != self._anchor:
                raise InputError(
                    f"the tokenizer does not split {text!r} at the blank: guided decoding cannot "
                    "force words; set decode.mode: free"
                )
            self._tokens.setdefault((word, first), {})[tag] = ids if first else ids[size:]

    def _encode(self, texts: list[str]) -> list[Tokens]:
        if not texts:
            return []
        encoded = self.tokenizer(
            texts,
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return [tuple(ids) for ids in encoded["input_ids"]]


def _trie(options: list[tuple[str, Tokens]], depth: int, known: Branches) -> Node:
    """Return the trie of options (tag, tokens) that share their first `depth` tokens.

    Nodes that are `known` from the same word are shared by tries with other `I-` tags.

    Raises:
        InputError: when the tokenizer writes two tags alike.
    """
    name = (depth, tuple(tag for tag, _ in options))
    if name in known:
        return known[name]
    shortest = min(len(ids) for _, ids in options)
    shared = depth
    while shared < shortest and len({ids[shared] for _, ids in options}) == 1:
        shared += 1
    node = known[name] = Node(options[0][1][depth:shared])
    groups: dict[int, list[tuple[str, Tokens]]] = {}
    for tag, ids in options:
        groups.setdefault(ids[shared] if len(ids) > shared else AFTER, []).append((tag, ids))
    if len(groups) == 1:
        if len(options) > 1:
            one, other = options[0][0], options[1][0]
            raise InputError(
                f"the tokenizer writes {one!r} and {other!r} alike; rename one of the types"
            )
        node.tag = options[0][0]
        return node
    for key, group in groups.items():
        node.children[key] = _trie(group, shared + (key != AFTER), known)
        node.leads.update((tag, key) for tag, _ in group)
    return node
