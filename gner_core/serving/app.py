"""The application: the page, the API, health and metrics."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.staticfiles import StaticFiles

from gner_core.errors import InputError
from gner_core.predicting.entities import checked_types
from gner_core.predicting.predictor import Predictor
from gner_core.predicting.prepared import Answer
from gner_core.serving.decoder import Decoder, FullError, ModelError
from gner_core.serving.guard import Guard, Limits
from gner_core.serving.metrics import Metrics
from gner_core.serving.refusals import REFUSALS, Refused, failure, refusal, wrong_field, wrong_input
from gner_core.serving.schema import (
    Health,
    ModelFacts,
    Predictions,
    PredictRequest,
)
from gner_core.serving.settings import Settings, is_loopback

PAGE = Path(__file__).with_name("page")
PREDICT, MODEL, HEALTH, METRICS = "/v1/predict", "/v1/model", "/health", "/metrics"
FILES = "/page"
CLIENT_GONE = 499
"""The status of an answer that nobody reads."""


def make_app(predictor: Predictor, settings: Settings, *, token: str | None) -> Guard:
    """Return the application; the model answers between its startup and its shutdown.

    Args:
        predictor: a model that no one else uses.
        token: that requests must carry; None for no token.
    """
    metrics = Metrics()
    decoder = Decoder(predictor, most=settings.queue, metrics=metrics)
    metrics.watch(lambda: decoder.unfinished)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        decoder.start()
        yield
        await asyncio.to_thread(decoder.stop)

    hosts = frozenset({"localhost", "127.0.0.1", "::1", settings.host})
    own = token is None and is_loopback(settings.host)
    limits = Limits(token, hosts if own else None, settings.characters)
    paths = (PREDICT, MODEL, HEALTH, METRICS, "/")
    app = FastAPI(
        title="gner",
        version=version("gner"),
        description="Finds entities of any types in texts of any length.",
        lifespan=lifespan,
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
        exception_handlers={
            Refused: refusal,
            RequestValidationError: wrong_field,
            InputError: wrong_input,
            ModelError: failure,
            Exception: failure,
        },
    )
    _add_predict(app, decoder, metrics, settings)
    _add_facts(app, decoder, metrics, settings)
    app.mount(FILES, StaticFiles(directory=PAGE))

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE / "index.html")

    return Guard(app, limits=limits, metrics=metrics, paths=paths)


def _add_predict(app: FastAPI, decoder: Decoder, metrics: Metrics, settings: Settings) -> None:
    @app.post(PREDICT, response_model=Predictions, responses=REFUSALS)
    async def predict(asked: PredictRequest, request: Request) -> Response:
        """Find the entities of texts. Requests that come together are decoded together."""
        if (given := asked.characters()) > settings.characters:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"texts and types have {given:,} characters, more than {settings.characters:,}; "
                "ask about fewer or shorter texts",
            )
        if asked.types is not None:
            checked_types(asked.types)  # here, since what is wrong with them is of no text
        answers = await _answers(decoder, asked, request, seconds=settings.timeout)
        if answers is None:
            metrics.given_up()
            return Response(status_code=CLIENT_GONE)
        metrics.found(sum(len(one.entities) for one in answers))
        return JSONResponse(_values(asked.texts, answers))


def _add_facts(app: FastAPI, decoder: Decoder, metrics: Metrics, settings: Settings) -> None:
    about, predictor = settings.about, decoder.predictor
    facts = ModelFacts(
        name=about.backbone.name,
        system=about.trained_for.kind if about.trained_for else "gner",
        types=list(about.types),
        rated=predictor.finder.rated,
        characters=settings.characters,
        seconds=settings.timeout,
    )

    @app.get(MODEL)
    async def model() -> ModelFacts:
        """Say what the model is, and what it takes."""
        return facts

    @app.get(HEALTH, responses={503: {"model": Health, "description": "The model has failed."}})
    async def health(response: Response) -> Health:
        """Say whether requests are answered. Needs no token."""
        if not decoder.alive:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return Health(status="ok" if decoder.alive else "failing", unfinished=decoder.unfinished)

    @app.get(METRICS, response_class=Response)
    async def metrics_text() -> Response:
        """Return counters, in the form of Prometheus."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


async def _answers(
    decoder: Decoder, asked: PredictRequest, request: Request, *, seconds: float
) -> list[Answer] | None:
    """Queue a request and wait; None when its client went away, which takes it out of the queue.

    Raises:
        Refused: when too many wait, and when it takes too long.
        InputError: for what the model does not take.
        ModelError: when it failed.
    """
    try:
        future = asyncio.wrap_future(decoder.submit(asked.requests()).future)
    except FullError:
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"{decoder.most} requests wait already; try again later",
            retry_after=str(decoder.seconds_of_queue()),
        ) from None
    gone = asyncio.ensure_future(_gone(request))
    either: set[asyncio.Future[Any]] = {future, gone}
    try:
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if future.done():
            return future.result()
        if gone.done():
            return None
        raise Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"the answer was not ready in {seconds:g} seconds; ask about less text, or start the "
            "server with a longer --timeout",
            retry_after=str(decoder.seconds_of_queue()),
        )
    finally:
        gone.cancel()
        future.cancel()


async def _gone(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _values(texts: list[str], answers: list[Answer]) -> dict[str, Any]:
    faults = sum((answer.faults for answer in answers), Counter[str]())
    pairs = zip(texts, answers, strict=True)
    return {
        "predictions": [
            {"text": text, "entities": [one.to_dict() for one in answer.entities]}
            for text, answer in pairs
        ],
        "faults": faults,
    }
