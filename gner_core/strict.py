"""The base of everything that is read from outside: params files, requests, descriptions."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """An immutable model in which an unknown key is an error, and so is a number that is not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
