"""The commands `gner data …`: what the catalog holds, fetching, preparing, counting, auditing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli.messages import print_json, show_fault
from flows.views.output import Output
from gner_core.errors import InputError
from gner_core.runtime.files import read_json

if TYPE_CHECKING:
    from gner_core.config.corpus import CorpusParams
    from gner_core.corpora.fetch import Report

app = typer.Typer(
    no_args_is_help=True,
    help="Corpora: list, fetch, prepare, stats, audit, lengths, show, check.",
)
PUBLISHED = Path(__file__).parents[2] / "params" / "corpora" / "published"

Names = Annotated[list[str], typer.Argument(help="Corpora of the catalog.", show_default=False)]
AnyNames = Annotated[
    list[str] | None,
    typer.Argument(help="Corpora of the catalog; without names, all that are at hand."),
]
Catalog = Annotated[
    Path, typer.Option(help="Catalog: a YAML file or a folder of them.", show_default=False)
]
Source = Annotated[
    str | None,
    typer.Option(metavar="DIR-or-URL", help="A mirror with the catalog's paths, used instead."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Use only what is on this machine.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("list")
def list_corpora(as_json: Json = False, catalog: Catalog = PUBLISHED) -> None:
    """List the catalog: roles, Table 8's counts, licence, verified or not, in the cache or not."""
    from flows.views.data import catalog_table, catalog_values
    from gner_core.config.reading.files import read_catalog

    corpora = read_catalog(catalog)
    cached = {name for name, corpus in corpora.items() if _is_cached(name, corpus)}
    if as_json:
        print_json(catalog_values(corpora, cached))
    else:
        Output().print(catalog_table(corpora, cached))


@app.command()
def fetch(
    names: Names,
    source: Source = None,
    offline: Offline = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Fetch files into the cache and verify them; a corpus that fails does not stop the others."""
    from flows.views.data import FetchBars

    console, failed = Output(), False
    for name, corpus in _chosen(names, catalog).items():
        with FetchBars(console) as bars:
            try:
                folder = _fetched(name, corpus, source, offline=offline, report=bars)
            except InputError as error:
                show_fault(str(error))
                failed = True
                continue
        console.print(f"{name}  {folder}")
    if failed:
        raise typer.Exit(2)


@app.command()
def prepare(
    names: Names,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Turn corpora into BIO sentences in the store, under the keys that `gner run` uses."""
    from flows.views.data import preparation_table
    from gner_core.corpora.statistics import doubts_about_labels

    corpora = _chosen(names, catalog, source)
    prepared = _prepared(corpora, source, offline=offline)
    if as_json:
        found = {name: (folder, _statistics(folder)) for name, folder in prepared}
        print_json(
            {name: {"folder": str(where), "splits": it} for name, (where, it) in found.items()}
        )
        return
    console = Output()
    for name, folder in prepared:
        statistics = _statistics(folder)
        console.print(preparation_table(name, statistics))
        for doubt in doubts_about_labels(corpora[name], statistics):
            console.print(f"look at: {name}: {doubt}", style="yellow")
        console.print(f"{folder}\n")


@app.command()
def stats(
    names: AnyNames = None,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Recount Table 8 of the paper; each difference stands with its reason."""
    from flows.views.data import differences, table8_table
    from gner_core.corpora.statistics import compare_with_table8

    corpora = _chosen(names, catalog, source)
    counted = {
        name: _statistics(folder) for name, folder in _prepared(corpora, source, offline=offline)
    }
    rows = [
        row
        for name, corpus in corpora.items()
        for row in compare_with_table8(name, corpus, counted[name])
    ]
    if as_json:
        found = [{**asdict(row), "differs": row.differs} for row in rows]
        print_json({"table8": found, "counts": counted})
        return
    console = Output()
    console.print(table8_table(corpora, counted, rows))
    for line in differences(rows):
        console.print(line)


@app.command()
def audit(
    names: AnyNames = None,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Look for repeated sentences, leaks between splits, shared types and label noise."""
    from flows.views.data import audit_tables
    from gner_core.corpora.audit import audit_corpus, shared_types
    from gner_core.records import iter_sentences

    corpora = _chosen(names, catalog, source)
    audits, trained, tested = [], {}, {}
    for name, folder in dict(_prepared(corpora, source, offline=offline)).items():
        corpus = corpora[name]
        splits = {s: iter_sentences(folder / f"{s}.parquet") for s in corpus.splits}
        audits.append(audit_corpus(name, splits))
        if "adaptation" in corpus.roles:
            trained[name] = _statistics(folder)["train"]["entities_by_type"]
        if "zero-shot" in corpus.roles and isinstance(corpus.labels, dict):
            tested[name] = list(dict.fromkeys(corpus.labels.values()))
    types = shared_types(tested, trained)
    if as_json:
        print_json({"corpora": [asdict(audit) for audit in audits], "zero_shot_types": types})
        return
    console = Output()
    for part in audit_tables(audits, tested, trained, types):
        console.print(part)


@app.command()
def lengths(
    names: AnyNames = None,
    *,
    backbone: Annotated[Path, typer.Option(help="File of a backbone: its limits and prompt.")],
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="Folder with a tokenizer.json; without it, the backbone is imported."),
    ] = None,
    split: Annotated[
        Literal["train", "valid", "test"] | None,
        typer.Option(help="train, valid or test; without it all together."),
    ] = None,
    labels: Annotated[
        Literal["BIO", "BI"], typer.Option(help="`system.labels` of the prompts and targets.")
    ] = "BIO",
    cut: Annotated[int, typer.Option(min=1, help="Words of the pieces of cut passages.")] = 100,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Count tokens of prompts and targets, and what is over the limits of a backbone."""
    from flows.views.data import lengths_table
    from gner_core.config.backbone import BackboneParams
    from gner_core.config.reading.files import read_params
    from gner_core.corpora.lengths import TokenCounter
    from gner_core.systems.gner.targets import BIO, LEAN
    from tasks.standalone.token_lengths import count_corpus, tokenizer_folder

    model = read_params(BackboneParams, backbone)
    form = LEAN if labels == "BI" else BIO
    counter = TokenCounter(tokenizer or tokenizer_folder(model), model, form)
    reports = []
    for name, corpus in _chosen(names, catalog, source).items():
        splits = tuple(known for known in corpus.splits if split in (None, known))
        if splits:
            folder = _fetched(name, corpus, source, offline=offline)
            reports.append(
                count_corpus(name, corpus, source=folder, splits=splits, counter=counter, cut=cut)
            )
    if as_json:
        print_json(
            [{**asdict(whole), "cut": pieces and asdict(pieces)} for whole, pieces in reports]
        )
        return
    Output().print(lengths_table(model, reports, cut=cut))


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A corpus of the catalog.")],
    *,
    split: Annotated[str, typer.Option(help="train, valid or test.")] = "train",
    sentences: Annotated[int, typer.Option("--sentences", "-n", min=1, help="How many.")] = 5,
    source: Source = None,
    offline: Offline = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Show the first sentences of a corpus with their entities in colour."""
    from flows.views.data import coloured
    from gner_core.corpora.splits import stream_any_split

    corpus = _chosen([name], catalog)[name]
    wanted = next((known for known in corpus.splits if known == split), None)
    if wanted is None:
        raise InputError(f"{name} has no split {split!r}, only {', '.join(corpus.splits)}")
    folder = _fetched(name, corpus, source, offline=offline)
    stream = stream_any_split(name, corpus, split=wanted, folder=folder, repairs=Counter())
    console = Output()
    for part in coloured(list(islice(stream, sentences))):
        console.print(part)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Your own corpus file, or a folder of brat files.")],
) -> None:
    """Find out how a file is written, read it whole, and print the catalog entry to use it."""
    from flows.views.data import check_report
    from gner_core.corpora.recognition import recognise
    from gner_core.corpora.recognition.files import plain_name

    if not file.exists():
        raise InputError(f"{file}: no such file or folder")
    if file.name in ("", ".."):  # they say where a folder is, and not its name
        file = file.resolve()
    name = f"{file.name}/" if file.is_dir() else file.name
    found = recognise(file.parent, {"train": (name,)}, name=plain_name(file.stem))
    console = Output()
    if not found.splits:
        for problem in found.problems:
            show_fault(problem)
        if getattr(found.params.format, "tag_names", None):  # an entry to be filled in
            console.print(found.snippet, soft_wrap=True)
        raise typer.Exit(2)
    for part in check_report(found):
        console.print(part, soft_wrap=True)


def _chosen(
    names: list[str] | None, catalog: Path, source: str | None = None
) -> "dict[str, CorpusParams]":
    """Return the named corpora; without names, those whose files the mirror or the cache holds."""
    from gner_core.config.reading.files import read_catalog
    from tasks.paths import corpora_cache

    corpora = read_catalog(catalog)
    for name in names or ():
        if name not in corpora:
            raise InputError(f"no corpus {name!r} in {catalog}; there are: {', '.join(corpora)}")
    found = names or [
        name
        for name, corpus in corpora.items()
        if (_is_in(Path(source), corpus) if source else _is_cached(name, corpus))
    ]
    if not found:
        where = source or corpora_cache()
        raise InputError(f"{where}: holds no corpus of the catalog; name one, or fetch it first")
    return {name: corpora[name] for name in found}


def _is_in(folder: Path, corpus: "CorpusParams") -> bool:
    return all((folder / file).exists() for files in corpus.files.values() for file in files)


def _is_cached(name: str, corpus: "CorpusParams") -> bool:
    from gner_core.corpora.fetch.cache import CorpusCache
    from tasks.paths import corpora_cache

    return not CorpusCache(corpora_cache(), name, corpus).missing()


def _fetched(
    name: str,
    corpus: "CorpusParams",
    source: str | None,
    *,
    offline: bool,
    report: "Report | None" = None,
) -> Path:
    """Return the folder with the files of a corpus.

    Without a `report`, notes go to standard error, so that JSON on standard output stays whole.
    """
    from flows.views.data import FetchBars
    from tasks.standalone.corpora import fetched_corpus

    report = report or FetchBars(Output(stderr=True))
    return fetched_corpus(name, corpus, mirror=source, offline=offline, report=report)


def _prepared(
    corpora: "Mapping[str, CorpusParams]", source: str | None, *, offline: bool
) -> Iterator[tuple[str, Path]]:
    """Fetch and prepare one corpus after the other; yield its name and the folder in the store."""
    from tasks.paths import open_store
    from tasks.standalone.corpora import prepared_corpus
    from tasks.steps.data import CACHE

    for name, corpus in corpora.items():
        _fetched(name, corpus, source, offline=offline)
        yield name, prepared_corpus(name, corpus, data_root=CACHE, store=open_store())


def _statistics(folder: Path) -> dict[str, dict[str, dict[str, int]]]:
    from gner_core.artifact_files import STATISTICS

    found: dict[str, dict[str, dict[str, int]]] = read_json(folder / STATISTICS)
    return found
