"""Finds the corpus files of a dataset on the Hugging Face hub, at the commit that it has now."""

import re
from pathlib import PurePosixPath

from gner_core.config.corpus import HubSource, Split
from gner_core.corpora.recognition.files import by_split, corpus_names, split_of
from gner_core.errors import InputError
from gner_core.hub import hub_errors

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
CONVERTED = "refs/convert/parquet"
"""Where the hub keeps datasets of other forms as Parquet files."""


def hub_files(repo: str) -> tuple[HubSource, dict[Split, tuple[str, ...]], tuple[str, ...]]:
    """Return where the corpus files of a dataset are, those of each split, and those left out.

    Raises:
        InputError: when the hub does not answer, or the dataset has no corpus files.
    """
    from huggingface_hub import HfApi

    with hub_errors(f"hub dataset {repo}"):
        for revision in (None, CONVERTED):
            info = HfApi().dataset_info(repo, revision=revision)
            tree = HfApi().list_repo_files(repo, repo_type="dataset", revision=info.sha)
            names, others = corpus_names([PurePosixPath(name) for name in tree])
            if names:
                break
        else:
            raise InputError("no corpus file that gner reads")
    paths = [name.as_posix() for name in names]
    source = HubSource(
        kind="hub",
        verified=False,
        repo=repo,
        revision=str(info.sha),
        paths=dict(zip(paths, paths, strict=True)),
    )
    splits = by_split(paths, [split_of(name, PurePosixPath()) for name in names])
    return source, splits, tuple(name.as_posix() for name in others)
