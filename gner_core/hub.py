"""The Hugging Face hub, or its mirror named by HF_ENDPOINT: errors in one line, checked hashes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gner_core.errors import InputError
from gner_core.store.fingerprint import file_sha256

MODEL_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]  # never pickles


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


def snapshot(repo: str, revision: str) -> Path:
    """Return the folder of a model of the hub, fetched if need be, with its files checked.

    Raises:
        InputError: when it cannot be fetched, or is not what the hub stated.
    """
    from huggingface_hub import snapshot_download

    label = f"{repo} at {revision}"
    with hub_errors(label):
        folder = Path(snapshot_download(repo, revision=revision, allow_patterns=MODEL_FILES))
    for file in model_files(folder):
        refuse_damaged(file, label=f"{label}, file {file.name}")
    return folder


def model_files(folder: Path) -> list[Path]:
    """Return the files of a model that are read, in the order of their names."""
    return sorted({file for form in MODEL_FILES for file in folder.glob(form) if file.is_file()})


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
    return str(error).strip().splitlines()[0]
