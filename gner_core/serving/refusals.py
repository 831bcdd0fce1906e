"""Why requests are not answered with entities: statuses from 400 on, with one line of JSON."""

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from gner_core.errors import did_you_mean
from gner_core.serving.schema import PredictRequest, Problem

REFUSALS: dict[int | str, dict[str, Any]] = {
    int(status): {"model": Problem, "description": why}
    for status, why in {
        HTTPStatus.BAD_REQUEST: "The body is no JSON, or has a key twice.",
        HTTPStatus.UNAUTHORIZED: "The token is missing or wrong.",
        HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The texts and types are too long.",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The content type is not application/json.",
        HTTPStatus.UNPROCESSABLE_ENTITY: "A field is wrong, or the model does not take a text or type.",
        HTTPStatus.TOO_MANY_REQUESTS: "Too many requests wait; Retry-After says for how long.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The answer was not ready in time.",
    }.items()
}
"""For OpenAPI."""


def problem(status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return an answer that says in one line why; what is no text in it becomes its codes."""
    line = " ".join(detail.split()).encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"detail": line}, status, headers=headers)


class Refused(Exception):  # noqa: N818 (an answer, no error)
    """A request that is answered with a status from 400 on."""

    def __init__(self, status: HTTPStatus, detail: str, **headers: str) -> None:
        """Say why, in one line."""
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers

    def response(self) -> JSONResponse:
        """Return the answer."""
        names = {name.replace("_", "-"): value for name, value in self.headers.items()}
        return problem(self.status, self.detail, names)


async def refusal(_: Request, error: Exception) -> JSONResponse:
    """Answer what was refused."""
    assert isinstance(error, Refused)
    return error.response()


async def wrong_input(_: Request, error: Exception) -> JSONResponse:
    """Answer a text or type that the model does not take."""
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


async def wrong_field(_: Request, error: Exception) -> JSONResponse:
    """Answer a body that has a field that is not right."""
    assert isinstance(error, RequestValidationError)
    field = error.errors()[0]["loc"][:2]
    of_field = (one for one in error.errors() if one["loc"][:2] == field)
    fault = max(of_field, key=lambda one: len(one["loc"]))  # of its possible forms, the likeliest
    where = fault["loc"][1:]
    if fault["type"] == "extra_forbidden":
        known, name = PredictRequest.model_fields, str(where[-1])
        why = f"{name}: unknown field; known: {', '.join(known)}{did_you_mean(name, known)}"
    else:
        why = f"{_place(where)}: {fault['msg']}"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, why)


def _place(where: tuple[str | int, ...]) -> str:
    """Return where a fault is: `the body`, `texts`, `text 2`, `threshold of person`."""
    match where:
        case (str(name), int(position)):
            return f"{name.removesuffix('s')} {position + 1}"
        case (name, _, key):  # behind the name the form of the value that was tried
            return f"{name} of {key}"
        case (name, *_):
            return str(name)
        case _:
            return "the body"


async def failure(_: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 (in the log)
    """Answer when the program or the model failed."""
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the server failed; its log says why")
