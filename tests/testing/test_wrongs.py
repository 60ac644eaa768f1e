"""Messages that arrive and are wrong: status, headers and body as the table says."""

from __future__ import annotations

import base64
import json
import math
import struct
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from tests.testing.wire import ask, chat, connect, post, read_some, read_to_end, reply_of

from ecology.testing import FAULTS, Fault, OpenAIServer, OversizeBody, ServerError, TooManyRequests

EMBEDDINGS = "/v1/embeddings"


def met(fault: Fault, document: Any = None, path: str = "/v1/chat/completions") -> tuple[int, dict[str, str], bytes]:
    """The reply under one fault."""
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(fault)
        client.sendall(post(chat() if document is None else document, path))
        return reply_of(client)


STATUSES = [
    ("too_many_requests", 429, "rate_limit_exceeded", ("retry-after", "1")),
    ("too_many_requests_ms", 429, "rate_limit_exceeded", ("retry-after-ms", "1000")),
    ("server_error", 500, None, None),
    ("unavailable", 503, None, ("retry-after", "1")),
    ("refused_content_filter", 400, "content_filter", None),
    ("refused_content_policy_violation", 400, "content_policy_violation", None),
    ("redirect", 302, None, ("location", "http://127.0.0.1:9/v1/chat/completions")),
]


@pytest.mark.parametrize(("name", "status", "code", "header"), STATUSES)
def test_an_error_has_its_status_code_and_header(
    name: str, status: int, code: str | None, header: tuple[str, str] | None
) -> None:
    got, headers, body = met(FAULTS[name])
    assert (got, json.loads(body)["error"]["code"]) == (status, code)
    assert header is None or headers[header[0]] == header[1]


def test_retry_after_may_be_a_date_or_absent() -> None:
    headers = met(TooManyRequests(3600, "date"))[1]
    assert parsedate_to_datetime(headers["retry-after"]).utcoffset() is not None
    assert not {"retry-after", "retry-after-ms"} & met(TooManyRequests(None))[1].keys()


def test_a_burst_is_over_after_its_last() -> None:
    with OpenAIServer(faults={"small": ServerError(503, times=2)}) as server:
        server.script(ServerError(500, times=2), None)
        assert [ask(server.port, chat())[0] for _ in range(7)] == [500, 500, 200, 503, 503, 200, 200]
        assert server.script_left == 0


SHAPES = {
    "shape_no_choices": lambda reply: "choices" not in reply,
    "shape_empty_choices": lambda reply: reply["choices"] == [],
    "shape_choices_object": lambda reply: set(reply["choices"]) == {"0"},
    "shape_content_not_text": lambda reply: reply["choices"][0]["message"]["content"] == 17,
    "shape_not_an_object": lambda reply: isinstance(reply, list),
    "refused_finish_reason": lambda reply: (
        reply["choices"][0]["finish_reason"] == "content_filter" and reply["choices"][0]["message"]["content"] is None
    ),
    "usage_negative": lambda reply: reply["usage"]["prompt_tokens"] == -7,
    "usage_missing": lambda reply: "usage" not in reply,
    "usage_fraction": lambda reply: reply["usage"]["completion_tokens"] == 1.5,
    "usage_huge": lambda reply: reply["usage"]["total_tokens"] > 2**64,
    "usage_text": lambda reply: reply["usage"]["prompt_tokens"] == "12",
    "nan": lambda reply: math.isnan(reply["choices"][0]["logprobs"]["content"][0]["logprob"]),
    "infinity": lambda reply: reply["choices"][0]["logprobs"]["content"][0]["logprob"] == math.inf,
    "negative_infinity": lambda reply: reply["choices"][0]["logprobs"]["content"][0]["logprob"] == -math.inf,
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_document_is_wrong_as_its_name_says(name: str) -> None:
    status, _, body = met(FAULTS[name], chat(logprobs=True))
    assert status == 200 and SHAPES[name](json.loads(body))


SHAPES_OF_VECTORS = {
    "shape_no_choices": lambda reply: "data" not in reply,
    "shape_empty_choices": lambda reply: reply["data"] == [],
    "shape_choices_object": lambda reply: set(reply["data"]) == {"0"},
    "shape_content_not_text": lambda reply: reply["data"][0]["embedding"] == "not a vector",
    "nan": lambda reply: math.isnan(reply["data"][0]["embedding"][0]),
    "usage_negative": lambda reply: reply["usage"]["prompt_tokens"] == -7,
}


@pytest.mark.parametrize("name", SHAPES_OF_VECTORS)
def test_an_embedding_is_wrong_as_its_name_says(name: str) -> None:
    body = met(FAULTS[name], {"model": "m", "input": "a"}, EMBEDDINGS)[2]
    assert SHAPES_OF_VECTORS[name](json.loads(body))


def test_a_packed_vector_may_hold_what_is_not_finite() -> None:
    asked = {"model": "m", "input": "a", "encoding_format": "base64"}
    (item,) = json.loads(met(FAULTS["infinity"], asked, EMBEDDINGS)[2])["data"]
    first, *rest = struct.unpack("<16f", base64.b64decode(item["embedding"]))
    assert first == math.inf and all(map(math.isfinite, rest))


def test_json_that_is_cut_or_none_has_a_matching_length() -> None:
    for name in ("not_json", "cut_json"):
        status, _, body = met(FAULTS[name])
        assert status == 200 and body
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(body)


@pytest.mark.parametrize("name", ["not_json", "cut_json", "shape_no_choices", "refused_finish_reason", "usage_text"])
def test_a_stream_can_be_wrong_too(name: str) -> None:
    asked = chat(stream=True, stream_options={"include_usage": True})
    with OpenAIServer() as server, connect(server.port) as client:
        client.sendall(post(asked))
        right = read_some(client, 0.1)
        server.script(FAULTS[name])
        client.sendall(post(asked))
        wrong = read_some(client, 0.1)
    assert wrong.endswith(b"0\r\n\r\n") and wrong != right


def test_headers_can_be_too_large_or_too_many() -> None:
    assert len(met(FAULTS["oversize_headers"])[1]["x-padding"]) == 1024 * 1024
    assert len(met(FAULTS["many_headers"])[1]) > 5000


@pytest.mark.parametrize("stated", [True, False])
def test_a_body_can_be_too_large_with_and_without_saying_so(stated: bool) -> None:
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(OversizeBody(3_000_000, stated=stated))
        client.sendall(post(chat(), headers=["connection: close"]))
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert len(body) > 3_000_000
    assert (b"content-length" in head) == stated


def test_a_body_that_nobody_takes_is_not_piled_up() -> None:
    """The padding is made while it is sent: what waits for a client that does not read stays small."""
    with OpenAIServer() as server, connect(server.port) as client:
        server.script(OversizeBody(1 << 40))
        client.sendall(post(chat()))
        server.wait_for(lambda server: server.connections[0].bytes_sent > 100_000)
        assert server.connections[0].bytes_sent < 100_000_000
