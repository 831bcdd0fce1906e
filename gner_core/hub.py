"""The Hugging Face hub, or its mirror named by HF_ENDPOINT: errors in one line, checked hashes."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from gner_core.config.backbone import COMMIT, UNVERIFIED, HubModel
from gner_core.config.model_file import ModelFile
from gner_core.errors import InputError, first_line
from gner_core.runtime.files import read_json
from gner_core.store.fingerprint import file_sha256

MODEL_FILES = ["*.json", "*.safetensors", "*.model", "merges.txt", "vocab.txt", "*.jinja"]
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
"""Weights in the older form: pickles, which are taken only where there are no safetensors."""
TOKEN_FAULTS = {
    401: "the hub does not accept the token",
    403: "the token does not permit that; use one that may write there",
}
WHOLE = 40
"""Characters of a commit that is written out."""


@contextmanager
def hub_errors(label: str) -> Iterator[None]:
    """Turn the hub client's exceptions into one line without URLs, which may hold tokens.

    Raises:
        InputError: `label` and the reason.
    """
    from huggingface_hub import errors

    try:
        yield
    except (
        errors.HTTPError,  # of the HTTP library that the client uses
        errors.EntryNotFoundError,
        errors.HFValidationError,
        errors.RevisionResolutionError,
        errors.XetDownloadError,
        RuntimeError,  # of the library of the hub's storage protocol
        OSError,
        InputError,
    ) as error:
        raise InputError(f"{label}: {_reason(error)}") from None


def commit_of(repo: str, revision: str | None) -> str:
    """Return the commit of a model of the hub that a branch, a tag or the beginning of a commit names.

    Args:
        revision: None for the newest commit of the main branch.

    Raises:
        InputError: when the hub cannot be asked, or knows no such model or revision.
    """
    from huggingface_hub import HfApi

    if revision and len(revision) == WHOLE and COMMIT.fullmatch(revision):
        return revision
    with hub_errors(f"{repo} at {revision or 'its newest commit'}"):
        return str(HfApi().model_info(repo, revision=revision).sha)


def pinned(model: ModelFile) -> ModelFile:
    """Return a model with the commit of its repository, the newest where none is named.

    Raises:
        InputError: as `commit_of`.
    """
    source = model.source
    if not isinstance(source, HubModel):
        return model
    named = None if source.revision == UNVERIFIED else source.revision
    commit = commit_of(source.repo, named)
    found = source.model_copy(update={"revision": commit})
    return model.model_copy(update={"source": found})


def snapshot(repo: str, revision: str) -> Path:
    """Return the folder of a model of the hub, fetched if need be, with its files checked.

    Raises:
        InputError: when it cannot be fetched, or is not what the hub stated.
    """
    folder = _fetched(repo, revision, MODEL_FILES)
    if not has_safetensors(folder):
        folder = _fetched(repo, revision, [*MODEL_FILES, *pickled_names(folder)])
    for file in model_files(folder):
        refuse_damaged(file, label=f"{repo} at {revision}, file {file.name}")
    return folder


def snapshot_without_weights(repo: str, revision: str) -> Path:
    """Return the folder with the configuration and the tokenizer of a model of the hub.

    Raises:
        InputError: when they cannot be fetched.
    """
    return _fetched(repo, revision, [form for form in MODEL_FILES if form != "*.safetensors"])


def file_of(repo: str, revision: str, name: str) -> Path | None:
    """Return one file of a model of the hub, fetched if need be; None where it has no such file.

    Raises:
        InputError: when it cannot be fetched.
    """
    from huggingface_hub import errors, hf_hub_download

    with hub_errors(f"{repo} at {revision}"):
        try:
            return Path(hf_hub_download(repo, name, revision=revision))
        except errors.RemoteEntryNotFoundError:
            return None


def upload(
    repo: str, files: Mapping[str, Path | bytes], *, public: bool, message: str
) -> tuple[str, list[str]]:
    """Commit files to a model of the hub, which is made if there is none; private if not `public`.

    Weights of an earlier upload that are not among the files are deleted by the same commit.

    Returns:
        The address of the commit, and the names of deleted files.

    Raises:
        InputError: without a token, when the hub refuses, and for a public model where `public` is
            not said.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors, get_token

    if get_token() is None:
        raise InputError("no token of the hub: set HF_TOKEN, or log in with: hf auth login")
    api = HfApi()
    with hub_errors(repo), _token_faults():
        api.create_repo(repo, private=not public, exist_ok=True)
        known = api.model_info(repo)
        if not known.private and not public:
            raise InputError("is public already; add --public to upload there")
        there = [file.rfilename for file in known.siblings or ()]
        stale = [name for name in there if _is_weights(name) and name not in files]
        added = [CommitOperationAdd(name, given) for name, given in files.items()]
        deleted = [CommitOperationDelete(name) for name in stale]
        try:
            done = api.create_commit(repo, [*added, *deleted], commit_message=message)
        except (errors.BadRequestError, ValueError) as error:
            raise InputError(" ".join(str(error).split())) from None
    return str(done.commit_url), stale


@contextmanager
def _token_faults() -> Iterator[None]:
    """Say of the hub's refusals that they are about the token."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HfHubHTTPError as error:
        if reason := TOKEN_FAULTS.get(error.response.status_code):
            raise InputError(reason) from None
        raise


def _is_weights(name: str) -> bool:
    return any(fnmatch(name, form) for form in ("*.safetensors", "*.safetensors.index.json"))


def model_files(folder: Path) -> list[Path]:
    """Return the files of a model that are read, in the order of their names.

    Raises:
        InputError: for an index of pickled weights that cannot be read.
    """
    found = {file for form in MODEL_FILES for file in folder.glob(form)}
    if not has_safetensors(folder):
        found |= {folder / name for name in pickled_names(folder)}
    return sorted(file for file in found if file.is_file())


def has_safetensors(folder: Path) -> bool:
    """Say whether a folder holds weights that can be used where they are."""
    return any(folder.glob("*.safetensors"))


def has_weights(folder: Path) -> bool:
    """Say whether a folder holds weights in any form that is read."""
    pickled = (folder / PICKLED, folder / PICKLED_INDEX)
    return has_safetensors(folder) or any(file.is_file() for file in pickled)


def pickled_names(folder: Path) -> list[str]:
    """Return the names of pickled weights: those of the index, where there is one.

    Other files beside them may be those of an earlier upload.

    Raises:
        InputError: for an index that cannot be read.
    """
    index = folder / PICKLED_INDEX
    return sorted({*shards_of(index).values()}) if index.is_file() else [PICKLED]


def shards_of(index: Path) -> dict[str, str]:
    """Return weight → file, of an index of weights.

    Raises:
        InputError: when it is none, or names a file elsewhere.
    """
    try:
        found = {str(name): str(file) for name, file in read_json(index)["weight_map"].items()}
    except (ValueError, KeyError, AttributeError, TypeError):
        raise InputError(f"{index}: not an index of weights; get the file again") from None
    for file in found.values():
        if Path(file).name != file:
            raise InputError(f"{index}: names the weights {file!r}, which is no file beside it")
    return found


def _fetched(repo: str, revision: str, patterns: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    with hub_errors(f"{repo} at {revision}"):
        return Path(snapshot_download(repo, revision=revision, allow_patterns=patterns))


def refuse_damaged(file: Path, *, label: str) -> None:
    """Compare a file of the hub client's cache with the hash that the hub stated for it.

    The client checks the size only. Its cache keeps the bytes in a blob named by their SHA-256
    (large files) or by their git object id (small ones).

    Raises:
        InputError: when they differ; the blob is deleted, so that no later run trusts it.
    """
    blob = file.resolve()
    if len(blob.name) == 64:
        found = file_sha256(blob)
    elif len(blob.name) == 40:
        content = blob.read_bytes()
        found = hashlib.sha1(
            b"blob %d\0" % len(content) + content, usedforsecurity=False
        ).hexdigest()
    else:
        return  # a copy (HF_HUB_DISABLE_SYMLINKS), or a mirror that states no hash
    if found != blob.name:
        blob.unlink()
        raise InputError(
            f"{label}: wrong checksum: {found[:12]}… where the hub states {blob.name[:12]}…; "
            "the file was deleted, fetch it again"
        )


def _reason(error: BaseException) -> str:
    from huggingface_hub import errors

    status = getattr(getattr(error, "response", None), "status_code", None)
    reasons: list[tuple[type[BaseException], str]] = [
        (errors.GatedRepoError, "the repository is gated; accept its terms there and set HF_TOKEN"),
        (
            errors.RepositoryNotFoundError,
            "no such repository, or a private one that needs HF_TOKEN",
        ),
        (errors.RevisionNotFoundError, "no such revision"),
        (errors.OfflineModeIsEnabled, "not in the local cache, and HF_HUB_OFFLINE is set"),
        (errors.RemoteEntryNotFoundError, "no such file"),
        (errors.RevisionResolutionError, "no such revision"),
    ]
    for kind, reason in reasons:
        if isinstance(error, kind):
            return reason
    if isinstance(error, errors.LocalEntryNotFoundError):
        cause = error.__cause__
        return _reason(cause) if cause else "not in the local cache, and the hub was not asked"
    if status is not None:
        return f"HTTP {status} from the hub"
    if isinstance(error, errors.HTTPError):
        return f"the connection to the hub failed ({type(error).__name__})"
    return first_line(error)
