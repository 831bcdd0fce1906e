"""Params of chat: a language model behind an OpenAI-compatible endpoint."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from gner_core.config.systems.base import ComparedSystem
from gner_core.strict import StrictModel

PLACEHOLDERS = {"each": ("text", "type"), "all": ("text", "types")}
"""What `ask` says → the placeholders that a template must have, and no others."""
OWN_FIELDS = ("model", "messages", "temperature", "seed", "stream", "n")
"""Fields of a request that `extra` must not set."""
PACKAGE = "package"
TEMPLATES = Path(__file__).parents[3] / "params" / "systems" / "chat"
LIMITS = ("max_completion_tokens", "max_tokens")


class ChatTemplate(StrictModel):
    """What a model is asked.

    `{text}` and `{type}` stand for the sentence and the type asked for, `{types}` for all types in
    double quotes, separated by commas. Other braces are text.
    """

    system: str | None
    """The message that sets the task; null: none."""
    user: str
    """The message that asks."""

    def placeholders(self) -> set[str]:
        """Return the names in braces that look like placeholders."""
        return {*re.findall(r"\{([a-z_]+)\}", f"{self.system or ''}\n{self.user}")}


class ChatSystem(ComparedSystem):
    """A model that is asked through an OpenAI-compatible endpoint. All of it enters the key."""

    FILES: ClassVar[tuple[str, ...]] = (*ComparedSystem.FILES, "template")
    HAS_NO_MODEL: ClassVar[bool] = True

    kind: Literal["chat"]
    base_url: str
    """Address up to the version, such as http://127.0.0.1:8000/v1. It must hold no password."""
    model: str = Field(min_length=1)
    """Name of the model at the endpoint; one with a date stays the same model."""
    template: str
    """YAML file with what is asked; package: gner's own, in params/systems/chat/."""
    ask: Literal["each", "all"]
    """each: one question a type, answered by a JSON list; all: one question a sentence, answered by
    a JSON object with a list for every type."""
    answer_tokens: int = Field(ge=1)
    """Most tokens of an answer; a model that thinks counts its thoughts, too."""
    limit_field: Literal["max_completion_tokens", "max_tokens"]
    """Field of the request that says answer_tokens; older servers know only max_tokens."""
    temperature: float | None = Field(ge=0.0, le=2.0)
    """0: the most probable answer. Null leaves it out: some models refuse it."""
    seed: int | None
    """Seed of the endpoint, where it knows one; null leaves it out."""
    extra: dict[str, JsonValue]
    """Further fields of the request, such as `reasoning_effort: low`."""

    def file_of(self, name: str) -> Path | None:
        """Return the file that one of `FILES` names; `package` names gner's own template."""
        if name == "template" and self.template == PACKAGE:
            return TEMPLATES / f"{self.ask}.yaml"
        return super().file_of(name)

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address that begins with http:// or https://")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "must hold no user, password, query or fragment; the key is read from the "
                "environment variable that execution.chat.key_variable names"
            )
        if parts.path.endswith("/chat/completions"):
            raise ValueError("must end before /chat/completions, which is added")
        return url.rstrip("/")

    @field_validator("extra")
    @classmethod
    def _sets_no_own_field(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted({*OWN_FIELDS, *LIMITS} & extra.keys()):
            raise ValueError(f"must not set {', '.join(taken)}")
        return extra


class Price(StrictModel):
    """What an endpoint takes for a million tokens, in any currency."""

    prompt: float = Field(ge=0.0)
    answer: float = Field(ge=0.0)

    def of(self, prompt: int, answer: int) -> float:
        """Return the price of some tokens.

        Example:
            >>> Price(prompt=2.5, answer=10.0).of(400_000, 100_000)
            2.0
        """
        return (prompt * self.prompt + answer * self.answer) / 1e6


class Budget(StrictModel):
    """What the questions of one test may cost, over all attempts; null: no limit."""

    tokens: Annotated[int, Field(ge=1)] | None
    """Prompts and answers together."""
    money: Annotated[float, Field(gt=0.0)] | None
    """In the currency of the price."""


class ChatExecution(StrictModel):
    """How an endpoint is asked. Nothing here enters a key."""

    key_variable: str | None
    """Environment variable that holds the endpoint's key; null sends none. Unset: none is sent."""
    parallel: int = Field(ge=1, le=256)
    """Requests that may be open at the same time."""
    timeout_seconds: float = Field(gt=0.0)
    """How long a request may take."""
    attempts: int = Field(ge=1)
    """Requests for one question, at most, where the endpoint is busy, down or silent."""
    longest_wait_seconds: float = Field(ge=0.0)
    """The longest wait that an endpoint may ask for (Retry-After); work stops where it is longer."""
    price: Price | None
    """Null: not known, and costs are not shown."""
    budget: Budget

    @model_validator(mode="after")
    def _money_needs_a_price(self) -> "ChatExecution":
        if self.budget.money is not None and self.price is None:
            raise ValueError("budget.money needs price.prompt and price.answer")
        return self
