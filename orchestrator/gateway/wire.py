"""The shapes of OpenAI's API: what a request may say, and how answers and errors look. No decision is made here."""

import base64
import json
import struct
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from coop.core.errors import (
    Conflict,
    CoopError,
    Forbidden,
    Gone,
    InsufficientCredit,
    Invalid,
    NotFound,
    NotSignedIn,
    PolicyRefused,
    TooLarge,
    TooMany,
    Unavailable,
)
from coop.core.sentences import sentence
from orchestrator.messages import INPUT_CHARS_MAX, INPUTS_MAX, JobResult

BODY_BYTES_MAX = 8_000_000
RETRY_AFTER_S = 2
# The first match counts, so children stand before their parents. Whatever is not here is our own fault: 500.
STATUSES: tuple[tuple[type[CoopError], HTTPStatus, str], ...] = (
    (NotSignedIn, HTTPStatus.UNAUTHORIZED, "authentication_error"),
    (Gone, HTTPStatus.UNAUTHORIZED, "authentication_error"),
    (PolicyRefused, HTTPStatus.FORBIDDEN, "permission_error"),
    (Forbidden, HTTPStatus.FORBIDDEN, "permission_error"),
    (InsufficientCredit, HTTPStatus.PAYMENT_REQUIRED, "insufficient_quota"),
    (NotFound, HTTPStatus.NOT_FOUND, "not_found_error"),
    (TooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_request_error"),
    (TooMany, HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_error"),
    (Invalid, HTTPStatus.BAD_REQUEST, "invalid_request_error"),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE, "server_error"),
    (Conflict, HTTPStatus.SERVICE_UNAVAILABLE, "server_error"),
)


@dataclass(frozen=True)
class EmbeddingsAsk:
    """What a client asked for, checked for shape and size."""

    model: str
    inputs: list[str]
    is_base64: bool


def read_embeddings(data: bytes) -> EmbeddingsAsk:
    """Read the body of POST /v1/embeddings. Raises Invalid with the value `param` where one field is wrong."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Invalid("api.not_json") from error
    if not isinstance(body, dict):
        raise Invalid("api.not_json")
    model = body.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= 120:
        raise Invalid("api.field_needed", field="model", param="model")
    if body.get("dimensions") is not None:
        raise Invalid("api.dimensions", model=model, param="dimensions")
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise Invalid("api.encoding", param="encoding_format")
    return EmbeddingsAsk(model, _read_inputs(body.get("input")), form == "base64")


def _read_inputs(value: Any) -> list[str]:
    inputs = [value] if isinstance(value, str) else value
    is_list = isinstance(inputs, list) and 0 < len(inputs) <= INPUTS_MAX
    if not is_list or not all(isinstance(text, str) and text for text in inputs):
        raise Invalid("api.input_empty", limit=INPUTS_MAX, param="input")
    if any(len(text) > INPUT_CHARS_MAX for text in inputs):
        raise Invalid("api.input_too_long", limit=INPUT_CHARS_MAX, param="input")
    try:
        for text in inputs:
            text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("api.input_not_text", param="input") from error
    return list(inputs)


def embeddings_answer(ask: EmbeddingsAsk, result: JobResult) -> dict[str, Any]:
    """Return the body of the answer."""
    return {
        "object": "list",
        "model": ask.model,
        "data": [
            {"object": "embedding", "index": index, "embedding": vector if ask.is_base64 else floats(vector)}
            for index, vector in enumerate(result.vectors)
        ],
        "usage": {"prompt_tokens": result.tokens, "total_tokens": result.tokens},
    }


def floats(vector: str) -> list[float]:
    """Return the numbers of a vector sent as base64 of little-endian float32."""
    raw = base64.b64decode(vector)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def models_answer(names: list[str]) -> dict[str, Any]:
    """Return the body of GET /v1/models."""
    listed = [{"id": name, "object": "model", "created": 0, "owned_by": "co-op"} for name in names]
    return {"object": "list", "data": listed}


def error_answer(error: CoopError) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, headers and body for an error: OpenAI's shape, our sentence with the remedy."""
    status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"
    for error_type, found_status, found_kind in STATUSES:
        if isinstance(error, error_type):
            status, kind = found_status, found_kind
            break
    param = error.values.get("param")
    body: dict[str, Any] = {
        "message": sentence(error.code, error.values),
        "type": kind,
        "code": error.code,
        "param": param if isinstance(param, str) else None,
    }
    if isinstance(error, PolicyRefused):
        body["policy"] = {name: error.values.get(name) for name in ("clause", "epoch", "version", "proposal", "ballot")}
    headers = {}
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers["Retry-After"] = str(error.values.get("retry_after_s") or RETRY_AFTER_S)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return int(status), headers, {"error": body}
