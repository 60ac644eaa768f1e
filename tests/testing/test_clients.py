"""The clients that people use read the server's replies, and meet its faults as they meet those of a real one."""

from __future__ import annotations

import time
from typing import Any

import aiohttp
import httpx
import openai
import pytest
from tests.testing.wire import chat

from ecology.testing import FAULTS, Hang, OpenAIServer, Phase, TooManyRequests

MESSAGES: Any = [{"role": "user", "content": "Where is my card?"}]


def client_of(server: OpenAIServer, **more: Any) -> openai.OpenAI:
    """The real client, which does not try again by itself."""
    return openai.OpenAI(base_url=server.base_url, api_key="k", **{"max_retries": 0, "timeout": 10.0} | more)


def test_the_openai_client_reads_every_endpoint() -> None:
    with OpenAIServer(["small"], api_key="k") as server, client_of(server) as client:
        reply = client.chat.completions.create(model="small", messages=MESSAGES, logprobs=True)
        assert reply.choices[0].message.content == "Where is my card?"
        assert reply.usage is not None and reply.usage.total_tokens == 10
        assert reply.choices[0].logprobs is not None
        stream = client.chat.completions.create(
            model="small", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Where is my card?"
        assert chunks[-1].usage == reply.usage
        assert client.completions.create(model="small", prompt="once").choices[0].text == "once"
        vector = client.embeddings.create(model="small", input=["a", "b"], dimensions=4).data[1].embedding
        floats = client.embeddings.create(model="small", input="b", dimensions=4, encoding_format="float")
        assert vector == pytest.approx(floats.data[0].embedding)
        assert [model.id for model in client.models.list()] == ["small"]


def test_the_openai_client_reads_calls_of_tools() -> None:
    said = {"tool_calls": [{"name": "find", "arguments": {"order": 7}}]}
    with OpenAIServer(reply=said) as server, client_of(server) as client:
        reply = client.chat.completions.create(model="m", messages=MESSAGES)
        (call,) = reply.choices[0].message.tool_calls or []
        assert call.type == "function" and call.function.arguments == '{"order": 7}'
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        deltas = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]
        assert [delta.function.name for delta in deltas if delta.function] == ["find"]


ERRORS = [
    ("too_many_requests", openai.RateLimitError),
    ("server_error", openai.InternalServerError),
    ("unavailable", openai.InternalServerError),
    ("refused_content_filter", openai.BadRequestError),
    ("close_before_headers", openai.APIConnectionError),
    ("reset_in_body", (openai.APIConnectionError, httpx.HTTPError)),
    ("truncated", (openai.APIConnectionError, httpx.HTTPError)),
    ("not_http", openai.APIConnectionError),
]


@pytest.mark.parametrize(("name", "error"), ERRORS, ids=[name for name, _ in ERRORS])
def test_the_openai_client_raises_its_own_errors(name: str, error: Any) -> None:
    with OpenAIServer() as server, client_of(server) as client:
        server.script(FAULTS[name])
        with pytest.raises(error):
            client.chat.completions.create(model="m", messages=MESSAGES)
        assert client.chat.completions.create(model="m", messages=MESSAGES).choices


def test_the_openai_client_waits_as_long_as_it_is_told_to_and_tries_again() -> None:
    with OpenAIServer() as server, client_of(server, max_retries=1) as client:
        server.script(TooManyRequests(0.05, "ms"))
        assert client.chat.completions.create(model="m", messages=MESSAGES).choices
        first, second = server.requests
        assert second.at - first.at >= 0.05


@pytest.mark.parametrize("phase", Phase)
def test_a_client_that_gives_up_is_seen_to_leave(phase: Phase) -> None:
    with OpenAIServer() as server, httpx.Client(timeout=0.2) as client:
        server.script(Hang(phase))
        began = time.monotonic()
        with pytest.raises(httpx.TimeoutException):
            client.post(f"{server.base_url}/chat/completions", json=chat())
        assert server.wait_for(lambda server: server.connections[-1].closed_by == "client")
        assert server.connections[-1].closed_at - began >= 0.2


async def test_aiohttp_reads_replies_and_streams() -> None:
    with OpenAIServer() as server:
        async with aiohttp.ClientSession() as session:
            for asked, piece in ((chat(), b"Where is my card?"), (chat(stream=True), b"[DONE]")):
                async with session.post(f"{server.base_url}/chat/completions", json=asked) as response:
                    assert response.status == 200 and piece in await response.read()
            server.script(FAULTS["cut_json"])
            async with session.post(f"{server.base_url}/chat/completions", json=chat()) as response:
                with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
                    await response.json()


async def test_httpx_may_send_its_body_in_chunks() -> None:
    async def body() -> Any:
        for piece in (b'{"model": "m", ', b'"messages": [{"role": "user", ', b'"content": "hi"}]}'):
            yield piece

    with OpenAIServer() as server:
        async with httpx.AsyncClient() as client:
            response = await client.post(f"{server.base_url}/chat/completions", content=body())
    assert response.json()["choices"][0]["message"]["content"] == "hi"
