"""The commands `gner data …`: what the catalog holds, fetching, preparing, counting, auditing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.faults import input_errors, show_fault
from gner_core.config.corpus import Split

if TYPE_CHECKING:
    from gner_core.config.corpus import CorpusParams
    from gner_core.corpora.fetch import Report

app = typer.Typer(
    no_args_is_help=True,
    help="Corpora: list, fetch, prepare, count, audit, show, check.",
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
    typer.Option(metavar="DIR-or-URL", help="A mirror with the catalog's paths, asked instead."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Use only what is on this machine.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("list")
def list_corpora(catalog: Catalog = PUBLISHED) -> None:
    """List the catalog: roles, Table 8's counts, licence, verified or not, in the cache or not."""
    with input_errors():
        from rich.console import Console

        from flows.views.data import catalog_table
        from gner_core.config.reading.files import read_catalog
        from gner_core.corpora.fetch.cache import CorpusCache
        from tasks.paths import corpora_cache

        corpora = read_catalog(catalog)
        cached = {
            name
            for name, c in corpora.items()
            if not CorpusCache(corpora_cache(), name, c).missing()
        }
        Console().print(catalog_table(corpora, cached))


@app.command()
def fetch(
    names: Names,
    source: Source = None,
    offline: Offline = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Fetch files into the cache and verify them; a corpus that fails does not stop the others."""
    with input_errors():
        from rich.console import Console

        from flows.views.data import FetchBars
        from gner_core.errors import InputError
        from tasks.standalone.corpora import fetched_corpus

        console, failed = Console(), False
        for name, corpus in _named(names, catalog).items():
            with FetchBars(console) as bars:
                try:
                    folder = fetched_corpus(
                        name, corpus, mirror=source, offline=offline, report=bars
                    )
                except InputError as error:
                    show_fault(str(error))
                    failed = True
                    continue
            console.print(f"{name}  {folder}", soft_wrap=True, highlight=False)
        if failed:
            raise typer.Exit(2)


@app.command()
def prepare(
    names: Names,
    source: Source = None,
    offline: Offline = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Turn corpora into BIO sentences in the store, under the keys that `gner run` uses."""
    with input_errors():
        from rich.console import Console

        from flows.views.data import preparation_table

        console = Console()
        for name, corpus in _named(names, catalog).items():
            folder = _prepared(name, corpus, source, offline=offline)
            console.print(preparation_table(name, _statistics(folder)))
            console.print(f"{folder}\n", soft_wrap=True, highlight=False)


@app.command()
def stats(
    names: AnyNames = None,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Recount Table 8 of the paper; each difference stands with its reason."""
    with input_errors():
        from dataclasses import asdict

        from rich.console import Console

        from flows.views.data import differences, table8_table
        from gner_core.corpora.statistics import compare_with_table8

        corpora = _at_hand(names, catalog, source)
        counted = {
            name: _statistics(_prepared(name, corpus, source, offline=offline))
            for name, corpus in corpora.items()
        }
        rows = [
            row
            for name, corpus in corpora.items()
            for row in compare_with_table8(name, corpus, counted[name])
        ]
        if as_json:
            found = [{**asdict(row), "differs": row.differs} for row in rows]
            typer.echo(json.dumps({"table8": found, "counts": counted}, indent=1))
            return
        console = Console()
        console.print(table8_table(corpora, counted, rows))
        for line in differences(rows):
            console.print(line, soft_wrap=True, highlight=False)


@app.command()
def audit(
    names: AnyNames = None,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Look for repeated sentences, leaks between splits, shared types and label noise."""
    with input_errors():
        from rich.console import Console

        from flows.views.data import audit_tables
        from gner_core.corpora.audit import audit_corpus, shared_types
        from gner_core.records import iter_sentences

        corpora = _at_hand(names, catalog, source)
        folders = {
            name: _prepared(name, corpus, source, offline=offline)
            for name, corpus in corpora.items()
        }
        audits = [
            audit_corpus(
                name,
                {s: iter_sentences(folders[name] / f"{s}.parquet") for s in corpus.splits},
            )
            for name, corpus in corpora.items()
        ]
        trained = {
            name: _statistics(folders[name])["train"]["entities_by_type"]
            for name, corpus in corpora.items()
            if "adaptation" in corpus.roles
        }
        asked = {
            name: list(dict.fromkeys(corpus.labels.values()))
            for name, corpus in corpora.items()
            if "zero-shot" in corpus.roles and isinstance(corpus.labels, dict)
        }
        types = shared_types(asked, trained)
        if as_json:
            found = [audit.as_dict() for audit in audits]
            typer.echo(json.dumps({"corpora": found, "zero_shot_types": types}, indent=1))
            return
        console = Console()
        for part in audit_tables(audits, asked, trained, types):
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
        Split | None, typer.Option(help="train, valid or test; without it all together.")
    ] = None,
    cut: Annotated[int, typer.Option(min=1, help="Words of the pieces of cut passages.")] = 100,
    source: Source = None,
    offline: Offline = False,
    as_json: Json = False,
    catalog: Catalog = PUBLISHED,
) -> None:
    """Count tokens of prompts and targets, and what is over the limits of a backbone."""
    with input_errors():
        from rich.console import Console

        from flows.views.data import lengths_table
        from gner_core.config.reading.files import read_backbone
        from gner_core.corpora.lengths import TokenCounter
        from gner_core.systems.gner.targets import BIO
        from tasks.standalone.corpora import fetched_corpus
        from tasks.standalone.token_lengths import count_corpus, tokenizer_folder
        from tasks.steps.data import CACHE

        model = read_backbone(backbone)
        place = tokenizer or tokenizer_folder(model, data_root=CACHE)
        counter = TokenCounter(place, model, BIO)
        reports = []
        for name, corpus in _at_hand(names, catalog, source).items():
            splits = tuple(known for known in corpus.splits if split in (None, known))
            if not splits:
                continue
            folder = fetched_corpus(name, corpus, mirror=source, offline=offline, report=_log())
            reports.append(
                count_corpus(name, corpus, source=folder, splits=splits, counter=counter, cut=cut)
            )
        if as_json:
            found = [
                {**report.as_dict(), "cut": cut_up and cut_up.as_dict()}
                for report, cut_up in reports
            ]
            typer.echo(json.dumps(found, indent=1))
            return
        Console().print(lengths_table(model, reports, cut=cut))


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
    with input_errors():
        from collections import Counter
        from itertools import islice

        from rich.console import Console

        from flows.views.data import coloured
        from gner_core.corpora.splits import stream_any_split
        from gner_core.errors import InputError
        from tasks.standalone.corpora import fetched_corpus

        corpus = _named([name], catalog)[name]
        wanted = next((known for known in corpus.splits if known == split), None)
        if wanted is None:
            raise InputError(f"{name} has no split {split!r}, only {', '.join(corpus.splits)}")
        folder = fetched_corpus(name, corpus, mirror=source, offline=offline, report=_log())
        stream = stream_any_split(name, corpus, split=wanted, folder=folder, repairs=Counter())
        console = Console()
        for part in coloured(list(islice(stream, sentences))):
            console.print(part, highlight=False)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Your own CoNLL, JSON or JSON-lines file.")],
) -> None:
    """Find out how a file is written, read it whole, and print the catalog entry to use it."""
    with input_errors():
        from rich.console import Console

        from flows.views.data import check_report
        from gner_core.corpora.recognition import recognise

        found = recognise(file)
        if not found.statistics:
            for problem in found.problems:
                show_fault(problem)
            raise typer.Exit(2)
        console = Console()
        for part in check_report(found):
            console.print(part, soft_wrap=True, highlight=False, markup=False)


def _named(names: list[str], catalog: Path) -> "dict[str, CorpusParams]":
    from gner_core.config.reading.files import read_catalog
    from gner_core.errors import InputError

    corpora = read_catalog(catalog)
    for name in names:
        if name not in corpora:
            raise InputError(f"no corpus {name!r} in {catalog}; there are: {', '.join(corpora)}")
    return {name: corpora[name] for name in names}


def _at_hand(
    names: list[str] | None, catalog: Path, source: str | None
) -> "dict[str, CorpusParams]":
    """Return the named corpora, or those whose files the mirror folder or the cache holds."""
    from gner_core.config.reading.files import read_catalog
    from gner_core.corpora.fetch.cache import CorpusCache
    from gner_core.errors import InputError
    from tasks.paths import corpora_cache

    if names:
        return _named(names, catalog)
    found = {}
    for name, corpus in read_catalog(catalog).items():
        files = [file for files in corpus.files.values() for file in files]
        if source:
            here = all((Path(source) / file).exists() for file in files)
        else:
            here = not CorpusCache(corpora_cache(), name, corpus).missing()
        if here:
            found[name] = corpus
    if not found:
        where = source or corpora_cache()
        raise InputError(f"{where}: holds no corpus of the catalog; name one, or fetch it first")
    return found


def _log() -> "Report":
    """Return a report that speaks on standard error, so that JSON on standard output stays whole."""
    from rich.console import Console

    from flows.views.data import FetchBars

    return FetchBars(Console(stderr=True))


def _prepared(name: str, corpus: "CorpusParams", source: str | None, *, offline: bool) -> Path:
    from tasks.paths import open_store
    from tasks.standalone.corpora import fetched_corpus, prepared_corpus
    from tasks.steps.data import CACHE

    fetched_corpus(name, corpus, mirror=source, offline=offline, report=_log())
    return prepared_corpus(name, corpus, data_root=CACHE, store=open_store())


def _statistics(folder: Path) -> "dict[str, dict[str, dict[str, int]]]":
    from gner_core.corpora.artifact import STATISTICS

    found: dict[str, dict[str, dict[str, int]]] = json.loads((folder / STATISTICS).read_text())
    return found
