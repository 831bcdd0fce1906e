"""The base of everything that is read from outside: params files, requests, descriptions."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """An immutable model in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
