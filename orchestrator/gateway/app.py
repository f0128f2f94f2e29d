"""The HTTP side of the gateway: routes, limits, metrics and errors in OpenAI's shape. Cookies are never looked at."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from coop.core.errors import CoopError, Invalid, NotFound, TooLarge, Unavailable
from orchestrator.gateway import wire
from orchestrator.gateway.serve import Gateway

Endpoint = Callable[[Request], Awaitable[Response]]
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

log = structlog.get_logger()


class Metrics:
    """What the gateway counts, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("gateway_requests", "Requests", ["path", "status"], registry=self.registry)
        self.seconds = Histogram("gateway_seconds", "Seconds to the answer", ["path"], registry=self.registry)
        self.tokens = Counter("gateway_tokens", "Tokens served", ["model"], registry=self.registry)


async def read_body(request: Request) -> bytes:
    """Return the body, reading no more than the limit. Raises TooLarge."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > wire.BODY_BYTES_MAX:
        raise TooLarge("api.body_too_large", limit=wire.BODY_BYTES_MAX)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > wire.BODY_BYTES_MAX:
            raise TooLarge("api.body_too_large", limit=wire.BODY_BYTES_MAX)
        parts.append(part)
    return b"".join(parts)


def error_response(error: CoopError) -> JSONResponse:
    """Return the answer for an error."""
    status, headers, body = wire.error_answer(error)
    return JSONResponse(body, status_code=status, headers={**HEADERS, **headers})


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer unknown paths and methods in the same shape."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response = error_response(Invalid("api.wrong_method", method=request.method))
        response.status_code = int(HTTPStatus.METHOD_NOT_ALLOWED)
        return response
    return error_response(NotFound("api.no_such_path"))


async def on_broken(request: Request, error: Exception) -> Response:
    """Answer our own faults without telling anything of their inside."""
    log.error("request_broken", path=request.url.path, exc_info=error)
    return error_response(CoopError("api.broken"))


class Api:
    """The endpoints, over one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.metrics = Metrics()

    async def livez(self, _request: Request) -> Response:
        """Answer while the process lives."""
        return PlainTextResponse("ok\n", headers=HEADERS)

    async def readyz(self, _request: Request) -> Response:
        """Answer whether requests can be served, and what is missing."""
        try:
            obeyed = self._gateway.require_ready()
        except Unavailable as error:
            return error_response(error)
        if not self._gateway.is_fleet_fresh:
            return error_response(Unavailable("api.no_grid", retry_after_s=wire.RETRY_AFTER_S))
        epoch, version = obeyed.place
        return JSONResponse({"ready": True, "policy": {"epoch": epoch, "version": version}}, headers=HEADERS)

    async def show_metrics(self, _request: Request) -> Response:
        """Answer with the counters, in the Prometheus text format."""
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST, headers=HEADERS)

    async def models(self, request: Request) -> Response:
        """GET /v1/models."""
        key = await self._gateway.keys.resolve(request.headers.get("authorization", ""))
        return JSONResponse(wire.models_answer(self._gateway.list_models(key)), headers=HEADERS)

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings."""
        key = await self._gateway.keys.resolve(request.headers.get("authorization", ""))
        ask = wire.read_embeddings(await read_body(request))
        result = await self._gateway.embed(key, ask)
        self.metrics.tokens.labels(ask.model).inc(result.tokens)
        headers = {**HEADERS, "X-Receipt": str(result.receipt["id"])}
        return JSONResponse(wire.embeddings_answer(ask, result), headers=headers)

    def measured(self, path: str, endpoint: Endpoint) -> Endpoint:
        """Wrap an endpoint: count it, and turn our errors into answers."""

        async def answer(request: Request) -> Response:
            started = time.monotonic()
            try:
                response = await endpoint(request)
            except CoopError as error:
                response = error_response(error)
                if isinstance(error, TooLarge):
                    response.headers["Connection"] = "close"  # the rest of the body is not read
            self.metrics.requests.labels(path, str(response.status_code)).inc()
            self.metrics.seconds.labels(path).observe(time.monotonic() - started)
            return response

        return answer


def create_app(gateway: Gateway) -> Starlette:
    """Return the ASGI application of a gateway."""
    api = Api(gateway)
    return Starlette(
        routes=[
            Route("/livez", api.livez),
            Route("/readyz", api.readyz),
            Route("/metrics", api.show_metrics),
            Route("/v1/models", api.measured("/v1/models", api.models)),
            Route("/v1/embeddings", api.measured("/v1/embeddings", api.embeddings), methods=["POST"]),
        ],
        exception_handlers={HTTPException: on_http_error, Exception: on_broken},
    )
