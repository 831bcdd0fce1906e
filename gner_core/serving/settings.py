"""What a server is started with; free of torch, so that the command line can use it."""

import ipaddress
import os
from contextlib import suppress

from pydantic import Field

from gner_core.config.checkpoint import Description
from gner_core.errors import InputError
from gner_core.strict import StrictModel

TOKEN = "GNER_SERVE_TOKEN"  # noqa: S105 (the name of a variable)
SHORTEST_TOKEN = 16
"""Characters of a token, at least."""


class Options(StrictModel):
    """How a checkpoint computes, where its server listens, and what that refuses."""

    beams: int
    batch: int
    """Windows of text that are decoded together."""
    device: str | None
    """None takes the accelerator where there is one."""
    dtype: str | None
    """None takes bfloat16 where the checkpoint's backbone allows it and the device is fast in it."""
    host: str
    port: int = Field(ge=0, le=65535)
    """0 takes one that is free."""
    queue: int = Field(ge=1)
    """Requests that may be unfinished at a time; more are refused with 429."""
    timeout: float = Field(gt=0)
    """Seconds that a request may take."""
    characters: int = Field(ge=1)
    """Of all texts and types of a request, at most."""


class Settings(Options):
    """Options, and the checkpoint."""

    checkpoint: str
    """Folder of the checkpoint."""
    about: Description
    """What it is."""
    package: str | None
    """Environment of the system's package, where it has one."""


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address.

    Example:
        >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "")]
        [True, True, True, False, False]
    """
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def token_for(host: str) -> str | None:
    """Return the token that requests must carry, which the environment gives; None for no token.

    Raises:
        InputError: when there is none for a host that others reach, and for one that is too short
            or that no header can carry.
    """
    token = os.environ.get(TOKEN)
    if token is None:
        if not is_loopback(host):
            raise InputError(
                f"--host {host}: others can reach it; set {TOKEN} to a secret that their requests "
                "must carry, or listen on 127.0.0.1"
            )
        return None
    if (
        len(token) < SHORTEST_TOKEN
        or not token.isascii()
        or not token.isprintable()
        or " " in token
    ):
        raise InputError(
            f"{TOKEN}: must be at least {SHORTEST_TOKEN} printable ASCII characters without blanks; "
            'make one with: python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    return token
