"""The routes of the server: models, replies whole or as they come, health, counters."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from roleplay.serve.answer import Answer
from roleplay.serve.body import read_body
from roleplay.serve.counters import CONTENT_TYPE, Counters
from roleplay.serve.door import Door
from roleplay.serve.mailbox import Mailbox
from roleplay.serve.model import Model
from roleplay.serve.refusal import Refusal
from roleplay.serve.sending import Streamed, whole
from roleplay.serve.wire import read_request
from roleplay.text import did_you_mean

_UNWATCHED: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""Nothing of a request is told to anybody; the counters of our own are at /metrics."""


def make_app(
    models: Mapping[str, Model], key: str | None, hosts: Collection[str], report: Callable[[str], object]
) -> ASGIApp:
    """The application; made inside the event loop that runs it."""
    # No schema and no pages of documentation, which would fetch their scripts from elsewhere.
    app = FastAPI(openapi_url=None, telemetry=_UNWATCHED)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _no_such_route)
    app.add_exception_handler(Exception, _failed)
    routes = _Routes(models)
    app.get("/health")(routes.health)
    app.get("/metrics")(routes.metrics)
    app.get("/v1/models")(routes.list_models)
    app.get("/v1/models/{name:path}")(routes.one_model)
    app.post("/v1/chat/completions")(routes.chat)
    return Door(app, key, hosts, report)


class _Routes:
    def __init__(self, models: Mapping[str, Model]) -> None:
        self.models = models
        self.rollings = tuple(dict.fromkeys(model.rolling for model in models.values()))
        self.counters = Counters(self.rollings)
        self.mailbox = Mailbox(asyncio.get_running_loop())
        self.since = int(time.time())
        # One thread: tokenizers are not made for several, and prompts take a few milliseconds.
        self.rendering = ThreadPoolExecutor(1, thread_name_prefix="rendering")

    async def health(self) -> JSONResponse:
        """Whether replies can be had; needs no key."""
        well = all(rolling.alive for rolling in self.rollings)
        return JSONResponse({"status": "ok" if well else "broken"}, 200 if well else 503)

    async def metrics(self) -> Response:
        """Counters, in the text form of Prometheus."""
        return Response(self.counters.text(), media_type=CONTENT_TYPE)

    async def list_models(self) -> JSONResponse:
        """Every name that is answered to."""
        return JSONResponse({"object": "list", "data": [self._described(model) for model in self.models.values()]})

    async def one_model(self, name: str) -> JSONResponse:
        """One of them."""
        return JSONResponse(self._described(self._model(name)))

    async def chat(self, request: Request) -> Response:
        """Replies to a conversation."""
        begun, name = time.perf_counter(), ""
        try:
            wish = read_request(await read_body(request))
            name = wish.model if wish.model in self.models else ""
            model = self._model(wish.model)
            answer = Answer(model, self.mailbox)
            try:
                await asyncio.get_running_loop().run_in_executor(self.rendering, answer.ask, wish)
            except BaseException:
                answer.leave()
                raise
            tally = self.counters.tally(name, answer, begun)
            if wish.stream:
                usage = wish.stream_options is not None and wish.stream_options.include_usage
                return Streamed(answer, tally, usage=usage)
            return await whole(request, answer, tally)
        except Refusal as refusal:
            self.counters.requests.labels(name, refusal.status).inc()
            raise

    def _model(self, name: str) -> Model:
        if name not in self.models:
            raise Refusal(
                404, f"this server has no such model; {did_you_mean(name, self.models)}", "model", "model_not_found"
            )
        return self.models[name]

    def _described(self, model: Model) -> dict[str, Any]:
        """As vLLM lists models: `parent` is the base of an adapter, `max_model_len` its context in tokens."""
        return {
            "id": model.id,
            "object": "model",
            "created": self.since,
            "owned_by": "roleplay",
            "root": model.about,
            "parent": model.parent,
            "max_model_len": model.context,
        }


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101  # the handler is that of Refusal
    return error.response()


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    told = {404: "there is nothing here; replies are at /v1/chat/completions", 405: "this path takes another method"}
    what = told.get(error.status_code, "this cannot be answered")
    return Refusal(error.status_code, what, None, None, dict(error.headers or {})).response()


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of this program; the door reports it."""
    return Refusal(500, "the server failed; ask again, and report it if it stays", None, "failed").response()
