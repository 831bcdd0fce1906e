"""Params of a catalog entry: where a corpus comes from, how it is read, how its labels are named."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gner_core.strict import StrictModel
from gner_core.type_names import faults_of_labels

Split = Literal["train", "valid", "test"]

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+/\S*$")]


class Pin(StrictModel):
    """The bytes that a file must have."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    """Hash of the whole file."""
    bytes: int = Field(ge=0)
    """Size of the whole file; an annotation file may be empty."""


class HttpsSource(StrictModel):
    """Files that are fetched one by one."""

    kind: Literal["https"]
    verified: bool
    """Whether the files of this source have been downloaded and pinned."""
    urls: dict[str, Url]
    """Path of the corpus file → URL, pinned to a commit where the host has commits."""


class HubSource(StrictModel):
    """Files of a dataset repository on the Hugging Face hub (or a mirror named by HF_ENDPOINT)."""

    kind: Literal["hub"]
    verified: bool
    """Whether the files of this source have been downloaded and pinned."""
    repo: str
    """For example tner/tweetner7."""
    revision: str = Field(min_length=4)
    """Commit hash; a branch name would let the data change under the same name."""
    paths: dict[str, str]
    """Path of the corpus file → path in the repository."""


class ArchiveSource(StrictModel):
    """Members of one zip or tar archive."""

    kind: Literal["archive"]
    verified: bool
    """Whether the files of this source have been downloaded and pinned."""
    url: Url
    """URL of the archive: zip, or tar packed with gzip, bzip2, xz or not at all."""
    pin: Pin | None
    """Bytes of the archive, where known."""
    members: dict[str, str]
    """Path of the corpus file → member of the archive; a folder ends with a slash on both sides."""

    @model_validator(mode="after")
    def _members_pair(self) -> "ArchiveSource":
        if len(set(self.members.values())) != len(self.members):
            raise ValueError("members names one member twice")
        for path, member in self.members.items():
            if path.endswith("/") != member.endswith("/"):
                raise ValueError(f"members: {path} and {member}: a file or a folder?")
        return self


Source = Annotated[HttpsSource | HubSource | ArchiveSource, Field(discriminator="kind")]


class TaggedFormat(StrictModel):
    """A format that has one tag per token."""

    scheme: Literal["bio", "iob1", "bioes", "bilou", "bmes", "unlabelled", "io"]
    """bio: B- opens every entity. iob1: I- opens one, B- only right after another of its type.
    bioes: E- closes an entity of several tokens, S- is one of a single token.
    bilou: as bioes, with L- for E- and U- for S-. bmes: as bioes, with M- for I- (and W- for S-).
    unlabelled: B, I and the like without a label; all entities have the label `entity`.
    io: a tag is a bare label, so that neighbours of one label are one entity.
    Prefixes may be lower-case, and `_` may stand for the hyphen behind them."""


class TextFormat(StrictModel):
    """A format of running text with entities that have no tokens of their own."""

    tokens: Literal["blanks", "words"]
    """blanks: split at blanks only, as the paper's authors do; an entity that starts or ends
    inside a token takes the whole token. words: split as `gner predict` splits texts
    (`gner_core.corpora.words`), and where an entity starts or ends inside a word."""


class ConllFormat(TaggedFormat):
    """CoNLL columns: one token a line, an empty line between sentences.

    Lines of `-DOCSTART-` and comments (`# …`) are left out and counted.
    """

    kind: Literal["conll"]
    separator: Literal["tab", "space"]
    """What separates columns: one tab, or a run of blanks."""
    columns: int | None = Field(ge=2)
    """How many columns every line has; null: as many as the token and tag columns need, or more."""
    token_column: int = Field(ge=0)
    """Column of the token, from 0."""
    tag_column: int = Field(ge=-1)
    """Column of the tag, from 0; -1 is the last one."""
    token_prefix: str | None = Field(default=None, min_length=1)
    """Text before every token that is removed (`en:`); null where there is none."""
    id_column: int | None = Field(default=None, ge=0)
    """Column of ids in CoNLL-U, whose ranges (2-3) and empty nodes (3.1) are no words, or null."""

    @model_validator(mode="after")
    def _columns_exist(self) -> "ConllFormat":
        columns = self.columns or max(self.token_column, self.tag_column, 1) + 1
        if max(self.token_column, self.tag_column) >= columns:
            raise ValueError("token_column and tag_column must be below columns (counted from 0)")
        if (self.id_column or 0) >= columns:
            raise ValueError("id_column must be below columns (counted from 0)")
        if self.token_column == self.tag_column % columns:
            raise ValueError("token_column and tag_column must differ")
        return self


class JsonlFormat(TaggedFormat):
    """JSON records with a list of words and a list of tags: one a line, or in one JSON array.

    Names of fields may be paths: `instance.words`.
    """

    kind: Literal["jsonl"]
    words_field: str
    """Field of the list of words."""
    tags_field: str
    """Field of the list of tags, as long as the list of words: strings, or integers."""
    tag_names: tuple[str, ...] | None = None
    """Names of integer tags, in their order from 0; null where tags are strings."""


class ParquetFormat(TaggedFormat):
    """Parquet files of a dataset on the hub: a column of words, a column of tags."""

    kind: Literal["parquet"]
    words_field: str
    """Column of the lists of words."""
    tags_field: str
    """Column of the lists of tags: strings, or integers."""
    tag_names: tuple[str, ...] | None = None
    """Names of integer tags, in their order from 0; null takes the file's own ClassLabel names."""


class WordSpansFormat(StrictModel):
    """JSON records with a list of words and entities with positions of words."""

    kind: Literal["word_spans"]
    words_field: str
    """Field of the list of words."""
    entities_field: str
    """Field of the list of entities, each an object or a list."""
    entity_keys: tuple[str, str, str] | tuple[int, int, int]
    """Where an entity has its start, end and label: keys of an object, or indices of a list."""
    end_included: bool
    """Whether the end is the last word, or the one after it; positions count from 0."""


class TextSpansFormat(TextFormat):
    """JSON records with a text and entities with positions of characters."""

    kind: Literal["text_spans"]
    text_field: str
    """Field of the text."""
    entities_field: str
    """Field of the list of entities, each an object or a list."""
    entity_keys: tuple[str, str, str] | tuple[int, int, int]
    """Where an entity has its start, end and label: keys of an object, or indices of a list."""
    end_included: bool
    """Whether the end is the last character, or the one after it; positions count from 0."""


class LabelStudioFormat(TextFormat):
    """The JSON export of Label Studio; of a task the first annotation counts that is finished."""

    kind: Literal["label_studio"]
    text_field: str
    """Field of a task's `data` that holds the text."""


class SpacyFormat(TaggedFormat):
    """The JSON form of spaCy's training data: documents, paragraphs, sentences, tokens."""

    kind: Literal["spacy"]


class BratFormat(TextFormat):
    """brat standoff: a folder of `.txt` files, each with an `.ann` file; a file is one passage."""

    kind: Literal["brat"]


class PubtatorFormat(TextFormat):
    """PubTator: title and abstract (one passage), then a line per entity."""

    kind: Literal["pubtator"]


class QuestionsFormat(TextFormat):
    """A format of passages with questions for types."""

    unanswered_types: Literal["keep", "drop"]
    """Whether the types of a sentence include those of its passage's questions that it holds no
    entity of: without any answer, or answered in another piece of a passage that was cut."""


class ConversationsFormat(QuestionsFormat):
    """The form of Pile-NER: a passage, then questions for types with lists of mentions."""

    kind: Literal["conversations"]


class AnswersFormat(QuestionsFormat):
    """JSON records with a passage, one type, and a JSON list of mentions as a text.

    Records with the same passage become one.
    """

    kind: Literal["answers"]
    text_field: str
    """Field of the passage."""
    type_field: str
    """Field of the type."""
    answer_field: str
    """Field of the JSON list of mentions."""


Format = Annotated[
    ConllFormat
    | JsonlFormat
    | ParquetFormat
    | WordSpansFormat
    | TextSpansFormat
    | LabelStudioFormat
    | SpacyFormat
    | BratFormat
    | PubtatorFormat
    | ConversationsFormat
    | AnswersFormat,
    Field(discriminator="kind"),
]


class Counts(StrictModel):
    """Sentences of each split and number of types, as Table 8 of the paper states them."""

    train: int | None
    valid: int | None
    test: int | None
    types: int | None


class TakenOut(StrictModel):
    """A split without published files: sentences drawn from another split, which then lacks them.

    The draw depends on seed and content alone; equal sentences stay together.
    """

    rule: Literal["taken_out"]
    of: Split
    """Split that the sentences are taken out of."""
    sentences: int = Field(ge=1)
    """How many."""
    seed: int
    """Seed of the draw."""


class SameAs(StrictModel):
    """A split that repeats another one, as the paper has it for MIT: its valid files are test."""

    rule: Literal["same_as"]
    of: Split
    """Split that is repeated."""


Role = Literal["adaptation", "zero-shot", "supervised"]


class CorpusParams(StrictModel):
    """One corpus: where it is, how to read it, what its labels are called."""

    files: dict[Split, tuple[str, ...]] = Field(min_length=1)
    """Files of each split, relative to the experiment's `data_root`, to a mirror and to the cache;
    a folder (brat) ends with a slash."""
    made: dict[Split, Annotated[TakenOut | SameAs, Field(discriminator="rule")]] = Field(
        default_factory=dict
    )
    """Splits that have no files: how each is made from one that has."""
    format: Format
    labels: dict[str, str] | Literal["open"]
    """Published label → label in prompts; or "open": whatever occurs (Pile-NER)."""
    labels_to_o: tuple[str, ...]
    """Published labels whose words become O (CrossNER `misc`)."""
    cut_at_words: int | None
    """Cut passages longer than this at sentence ends, in words; null keeps them whole."""
    changed_at_most: float = Field(default=0.01, ge=0, le=1)
    """Largest share of a split's entities with positions that reading may widen or drop."""
    licence: str
    """Licence as stated by the source."""
    origin: str
    """Where the files come from."""
    redistributable: bool | None = None
    """Whether the licence allows redistribution; null where none is stated."""
    roles: tuple[Role, ...] = ()
    """What the paper uses the corpus for."""
    pins: dict[str, Pin] = Field(default_factory=dict)
    """Path of a file → the bytes it must have; a file without a pin is only checked by reading."""
    sources: tuple[Source, ...] = ()
    """Where the files can be fetched, in order of preference; empty for your own files."""
    obtain: str | None = None
    """How to get the files where no source gives them freely."""
    table8: Counts | None = None
    """The corpus' row in Table 8 of the paper."""
    deviations: dict[Literal["train", "valid", "test", "types"], str] = Field(default_factory=dict)
    """Count of Table 8 → why it differs here."""

    @property
    def splits(self) -> tuple[Split, ...]:
        """Return the names of all splits, those with files and those that are made."""
        names: tuple[Split, ...] = ("train", "valid", "test")
        return tuple(name for name in names if name in self.files or name in self.made)

    @property
    def verified(self) -> bool:
        """Say whether every file is pinned and some source is known to give these bytes."""
        files = {name for names in self.files.values() for name in names}
        return files <= set(self.pins) and any(source.verified for source in self.sources)

    @model_validator(mode="after")
    def _splits_name_files(self) -> "CorpusParams":
        for split, names in self.files.items():
            if not names:
                raise ValueError(f"files: {split} names no file; name one, or leave {split} out")
        return self

    @model_validator(mode="after")
    def _labels_are_plain(self) -> "CorpusParams":
        if self.labels == "open":
            return self
        if not self.labels:
            raise ValueError("labels is empty; name every label or write: labels: open")
        if faults := list(faults_of_labels(self.labels, self.labels_to_o)):
            raise ValueError("\n".join(faults))
        return self

    @model_validator(mode="after")
    def _made_splits_have_an_origin(self) -> "CorpusParams":
        for split, rule in self.made.items():
            if split in self.files:
                raise ValueError(f"made: {split} has files; leave one of the two out")
            if rule.of not in self.files:
                raise ValueError(f"made: {split} is of {rule.of!r}, which has no files")
        return self

    @model_validator(mode="after")
    def _pins_name_files(self) -> "CorpusParams":
        files = [name for names in self.files.values() for name in names]
        for pinned in self.pins:
            inside = any(name.endswith("/") and pinned.startswith(name) for name in files)
            if pinned not in files and not inside:
                raise ValueError(f"pins names {pinned!r}, which is not among files")
        return self
