"""What the server replies when nothing is wrong."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.testing.wire import ask, chat, connect, post, read_some

from ecology.testing import OpenAIServer
from ecology.testing.tokens import count, first, tokens

EMBEDDINGS, COMPLETIONS = "/v1/embeddings", "/v1/completions"
SCHEMA = {
    "type": "object",
    "properties": {"label": {"$ref": "#/$defs/label"}, "n": {"type": "integer"}, "more": {"type": "array"}},
    "required": ["label", "n", "more"],
    "$defs": {"label": {"enum": ["refund", "card"]}},
}
TOOL = {"type": "function", "function": {"name": "find", "parameters": SCHEMA}}


def choice(document: Any, **more: Any) -> dict[str, Any]:
    """The only choice of a reply."""
    with OpenAIServer(**more) as server:
        status, reply = ask(server.port, document)
    assert status == 200, reply
    (only,) = reply["choices"]
    return only


def events(server: OpenAIServer, document: Any) -> list[Any]:
    """The events of a stream."""
    with connect(server.port) as client:
        client.sendall(post(document, headers=[]))
        got = read_some(client, 0.2).partition(b"\r\n\r\n")[2]
    assert got.endswith(b"0\r\n\r\n")
    lines = [line.removeprefix(b"data: ") for line in got.split(b"\r\n") if line.startswith(b"data: ")]
    assert lines.pop() == b"[DONE]\n\n"
    return [json.loads(line) for line in lines]


@given(st.text())
def test_tokens_join_to_the_text_and_are_counted(text: str) -> None:
    pieces = tokens(text)
    assert "".join(pieces) == text
    assert count(text) == len(pieces)
    assert all(0 < len(piece.encode("utf-8", "surrogatepass")) <= 4 for piece in pieces)
    assert first(text, 2) == "".join(pieces[:2])


def test_the_last_message_comes_back_and_its_tokens_are_counted() -> None:
    with OpenAIServer() as server:
        _, reply = ask(server.port, chat("Where is my card?"))
        assert ask(server.port, chat("Where is my card?"))[1] == reply
    assert reply["choices"][0]["message"] == {"role": "assistant", "content": "Where is my card?", "refusal": None}
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"] == {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}


def test_each_model_says_what_it_was_given_to_say() -> None:
    def by_keyword(request: dict[str, Any]) -> str:
        return "refund" if "money" in request["messages"][-1]["content"] else "other"

    models = {"canned": "yes", "keyword": by_keyword, "parts": {"content": "hm", "finish_reason": "length"}}
    with OpenAIServer(models) as server:
        said = {name: ask(server.port, chat("my money", name))[1]["choices"][0] for name in models}
        other = ask(server.port, chat("my card", "keyword"))[1]
    assert [said[name]["message"]["content"] for name in models] == ["yes", "refund", "hm"]
    assert said["parts"]["finish_reason"] == "length"
    assert other["choices"][0]["message"]["content"] == "other"


def test_a_whole_document_is_sent_as_it_is() -> None:
    document = {"choices": [], "mine": 1}
    with OpenAIServer(reply=lambda _: document) as server:
        assert ask(server.port, chat()) == (200, document)


def test_a_limit_cuts_the_reply() -> None:
    cut = choice(chat("abcdefghij", max_tokens=2))
    assert (cut["message"]["content"], cut["finish_reason"]) == ("abcdefgh", "length")


def test_log_probabilities_have_the_confidence_as_their_mean() -> None:
    asked = chat("x", logprobs=True, top_logprobs=2)
    entries = choice(asked, reply={"content": "refunded", "confidence": 0.25})["logprobs"]["content"]
    assert [entry["token"] for entry in entries] == ["refu", "nded"]
    assert all(math.isclose(math.exp(entry["logprob"]), 0.25) for entry in entries)
    assert [len(entry["top_logprobs"]) for entry in entries] == [2, 2]


def test_a_scripted_call_of_a_tool_has_its_arguments_as_text() -> None:
    found = choice(chat(), reply={"tool_calls": [{"name": "find", "arguments": {"label": "ä"}}]})
    (call,) = found["message"]["tool_calls"]
    assert (call["function"], found["finish_reason"]) == ({"name": "find", "arguments": '{"label": "ä"}'}, "tool_calls")


@pytest.mark.parametrize("wanted", ["required", {"type": "function", "function": {"name": "find"}}])
def test_a_tool_that_is_required_is_called_without_a_script(wanted: Any) -> None:
    (call,) = choice(chat(tools=[TOOL], tool_choice=wanted))["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"label": "refund", "n": 0, "more": []}


def test_a_response_format_is_kept() -> None:
    loose = choice(chat("hi", response_format={"type": "json_object"}))
    strict = choice(chat("hi", response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}))
    assert json.loads(loose["message"]["content"]) == {"echo": "hi"}
    assert json.loads(strict["message"]["content"]) == {"label": "refund", "n": 0, "more": []}


def test_a_stream_says_the_same_as_a_reply() -> None:
    with OpenAIServer() as server:
        whole = ask(server.port, chat("größer als alles"))[1]
        asked = chat("größer als alles", stream=True, stream_options={"include_usage": True}, logprobs=True)
        *parts, last = events(server, asked)
    assert last["choices"] == [] and last["usage"] == whole["usage"]
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in parts) == "größer als alles"
    assert [part["choices"][0]["finish_reason"] for part in parts if part["choices"][0]["finish_reason"]] == ["stop"]
    assert all(part["usage"] is None for part in parts)
    assert sum(part["choices"][0]["logprobs"] is not None for part in parts) == whole["usage"]["completion_tokens"]


def test_completions_echo_their_prompt_also_as_a_stream() -> None:
    asked = {"model": "m", "prompt": "once upon", "logprobs": 1}
    with OpenAIServer() as server:
        _, whole = ask(server.port, asked, COMPLETIONS)
    (only,) = whole["choices"]
    assert only["text"] == "once upon" and only["logprobs"]["text_offset"] == [0, 4, 8]
    assert whole["usage"]["total_tokens"] == 6


def test_embeddings_are_unit_vectors_by_hash_the_same_in_both_encodings() -> None:
    asked = {"model": "m", "input": ["one", "two", "one"]}
    with OpenAIServer(dimensions=5) as server:
        floats = ask(server.port, asked, EMBEDDINGS)[1]
        packed = ask(server.port, asked | {"encoding_format": "base64"}, EMBEDDINGS)[1]
        wide = ask(server.port, {"model": "m", "input": [1, 2], "dimensions": 7}, EMBEDDINGS)[1]
    vectors = [item["embedding"] for item in floats["data"]]
    assert vectors[0] == vectors[2] != vectors[1]
    assert all(math.isclose(math.hypot(*vector), 1, rel_tol=1e-6) and len(vector) == 5 for vector in vectors)
    assert [list(struct.unpack("<5f", base64.b64decode(item["embedding"]))) for item in packed["data"]] == vectors
    assert len(wide["data"]) == 1 and len(wide["data"][0]["embedding"]) == 7
    assert (floats["usage"]["prompt_tokens"], wide["usage"]["prompt_tokens"]) == (3, 2)


REFUSED = [
    (chat(model="nobody"), "/v1/chat/completions", 404, "model_not_found"),
    (chat(), "/v1/elsewhere", 404, "unknown_url"),
    ({"messages": []}, "/v1/chat/completions", 400, None),
    (b"{", "/v1/chat/completions", 400, None),
    (b"[1]", "/v1/chat/completions", 400, None),
    (b"[" * 100_000, "/v1/chat/completions", 400, None),
    ({"model": "small", "messages": []}, "/v1/chat/completions", 400, None),
    (chat(n=2), "/v1/chat/completions", 400, None),
    ({"model": "small", "prompt": 1}, COMPLETIONS, 400, None),
    ({"model": "small", "input": []}, EMBEDDINGS, 400, None),
    ({"model": "small", "input": [""]}, EMBEDDINGS, 400, None),
    ({"model": "small", "input": "a", "dimensions": 0}, EMBEDDINGS, 400, None),
    (chat(model="raises"), "/v1/chat/completions", 500, "behaviour_failed"),
    (chat(model="stray"), "/v1/chat/completions", 500, "behaviour_failed"),
]


@pytest.mark.parametrize(("document", "path", "status", "code"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_refused_as_openai_does(document: Any, path: str, status: int, code: str | None) -> None:
    models: Any = {"small": "yes", "raises": lambda request: 1 / 0, "stray": {"contents": "misspelt"}}
    with OpenAIServer(models) as server:
        got, reply = ask(server.port, document, path)
    assert (got, reply["error"]["code"]) == (status, code)


def test_the_key_is_demanded_and_only_the_right_one_passes() -> None:
    with OpenAIServer(["small"], api_key="s3cret") as server:
        statuses = [
            ask(server.port, chat(), headers=headers)[0]
            for headers in ([], ["authorization: Bearer wrong"], ["authorization: Bearer s3cret"])
        ]
    assert statuses == [401, 401, 200]


def test_the_models_are_listed() -> None:
    with OpenAIServer(["small", "large"]) as server, connect(server.port) as client:
        for path, names in (("/v1/models", b'"large"'), ("/v1/models/small", b'"small"'), ("/v1/models/x", b"404")):
            client.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            assert names in client.recv(65_536)
