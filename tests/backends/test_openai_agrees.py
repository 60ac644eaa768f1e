"""The clients that people use, and this package, get the same out of the same server: text, usage, calls, vectors."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import aiohttp
import httpx
import numpy as np
import openai
import pytest
from tests.faults.served import served

from ecology import Ecology
from ecology.testing import OpenAIServer, population

TEXTS = {
    "plain": "Where is my money?",
    "unicode": "Grüße 👩‍👩‍👧 \u2028 日本語 \u00a0 \ufeff \U0001f600 e\u0301",
    "escapes": 'a "quote", a \\ backslash, a\ttab,\r\n{input} {{}} </script> \x01\x7f',
    "long": "Why does it take so long? " * 4_000,
    "one character": "é",
    "looks like JSON": '{"role": "user"}',
}
TURNS: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi 👋"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Where is my money?"},
]
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "find",
            "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]},
        },
    }
]
SAMPLING = {"temperature": 0.7, "top_p": 0.1 + 0.2, "seed": 7, "stop": ["\n\n", "é"]}


def ours(server: OpenAIServer, asking: Any, /, **facts: Any) -> list[Any]:
    """What this package says, in both ways."""
    facts = {"timeout_ms": 20_000, "max_output_tokens": 50_000} | facts
    with population({"small": served(server, **facts)}) as ecology:
        return [ecology.answer(asking), asyncio.run(_on_a_loop(ecology, asking))]


async def _on_a_loop(ecology: Ecology, asking: Any) -> Any:
    return await ecology.aanswer(asking)


def theirs(server: OpenAIServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0, timeout=20)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", [*TEXTS, "conversation"])
def test_a_chat_says_and_uses_the_same(name: str, stream: bool) -> None:
    asking: Any = TURNS if name == "conversation" else TEXTS[name]
    turns: Any = TURNS if name == "conversation" else [{"role": "user", "content": asking}]
    with OpenAIServer() as server, theirs(server) as client:
        reply = client.chat.completions.create(model="small", messages=turns, max_tokens=50_000, **SAMPLING)
        backend = {"stream": stream, "parameters": SAMPLING}
        for answer in ours(server, asking, backend=backend):
            (leg,) = answer.attribution["legs"]
            assert answer.output == reply.choices[0].message.content
            assert reply.usage is not None
            assert (leg["tokens_in"], leg["tokens_out"]) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
            assert leg["finish_reason"] == reply.choices[0].finish_reason
        asked, *mine = [request.json for request in server.requests]
        for body in mine:
            body.pop("stream", None), body.pop("stream_options", None)
            assert body == asked, "the same question, key by key"


@pytest.mark.parametrize("name", TEXTS)
def test_a_completion_says_and_uses_the_same(name: str) -> None:
    with OpenAIServer() as server, theirs(server) as client:
        reply = client.completions.create(model="small", prompt=TEXTS[name], max_tokens=50_000, logprobs=0)
        assert reply.usage is not None and reply.choices[0].logprobs is not None
        told = reply.choices[0].logprobs.token_logprobs
        for answer in ours(server, TEXTS[name], backend={"api": "completions", "confidence": "mean"}):
            (leg,) = answer.attribution["legs"]
            assert answer.output == reply.choices[0].text
            assert (leg["tokens_in"], leg["tokens_out"]) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
            assert answer.confidence == pytest.approx(math.exp(sum(told or ()) / len(told or ())), rel=1e-6)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_log_probabilities_give_the_same_confidence(stream: bool) -> None:
    said = {"content": "a label of tokens", "confidence": 0.8}
    with OpenAIServer(reply=said) as server, theirs(server) as client:
        reply = client.chat.completions.create(model="small", messages=TURNS, logprobs=True)
        logprobs = [token.logprob for token in (reply.choices[0].logprobs and reply.choices[0].logprobs.content) or ()]
        assert len(logprobs) > 1
        for kind, expected in (("joint", math.exp(sum(logprobs))), ("mean", 0.8)):
            for answer in ours(server, TURNS, backend={"confidence": kind, "stream": stream}):
                assert answer.confidence == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_calls_of_tools_are_the_same(stream: bool) -> None:
    parameters = {"tools": TOOLS, "tool_choice": "auto"}
    said = [{"id": f"call_{order}", "name": "find", "arguments": {"order": order, "note": "é"}} for order in (7, 8)]
    with OpenAIServer(reply={"tool_calls": said}) as server, theirs(server) as client:
        reply = client.chat.completions.create(model="small", messages=TURNS, **parameters)
        calls = [
            {"id": call.id, "name": call.function.name, "arguments": json.loads(call.function.arguments)}
            for call in reply.choices[0].message.tool_calls or ()
            if call.type == "function"
        ]
        assert calls == said
        for answer in ours(server, TURNS, backend={"parameters": parameters, "stream": stream}):
            assert answer.output["tool_calls"] == calls
            assert answer.attribution["legs"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("encoding", ["float", "base64"])
@pytest.mark.parametrize("name", TEXTS)
def test_vectors_are_the_same(name: str, encoding: Any) -> None:
    with OpenAIServer() as server, theirs(server) as client:
        reply = client.embeddings.create(model="small", input=TEXTS[name], dimensions=24, encoding_format="float")
        backend = {"api": "embeddings", "parameters": {"dimensions": 24, "encoding_format": encoding}}
        for answer in ours(server, TEXTS[name], backend=backend):
            np.testing.assert_array_equal(answer.output, np.array(reply.data[0].embedding, dtype=np.float32))
            assert answer.attribution["legs"][0]["tokens_in"] == reply.usage.prompt_tokens


@pytest.mark.parametrize("asking", [{"order": 7, "ä": [1.5, None, True]}, [1, 2], {"role": "user"}], ids=str)
def test_other_json_is_sent_as_its_text(asking: Any) -> None:
    with OpenAIServer() as server:
        for answer in ours(server, asking, contract={"modalities": ["any"]}):
            assert json.loads(answer.output) == asking


def test_a_schema_gives_json_that_is_read() -> None:
    schema = {"type": "object", "properties": {"paid": {"type": "boolean"}}, "required": ["paid"]}
    form = {"type": "json_schema", "json_schema": {"name": "paid", "schema": schema}}
    with OpenAIServer() as server, theirs(server) as client:
        reply = client.chat.completions.create(model="small", messages=TURNS, response_format=form)  # type: ignore[call-overload]
        for answer in ours(server, TURNS, backend={"output": "json", "parameters": {"response_format": form}}):
            assert answer.output == json.loads(reply.choices[0].message.content)


async def test_the_async_clients_say_the_same() -> None:
    with OpenAIServer() as server:
        asking = {"model": "small", "messages": [{"role": "user", "content": TEXTS["unicode"]}], "max_tokens": 1024}
        url = f"{server.base_url}/chat/completions"
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k") as client:
            said = [(await client.chat.completions.create(**asking)).choices[0].message.content]  # type: ignore[call-overload]
        async with httpx.AsyncClient() as client:
            said.append((await client.post(url, json=asking)).json()["choices"][0]["message"]["content"])
        async with aiohttp.ClientSession() as session, session.post(url, json=asking) as response:
            said.append((await response.json())["choices"][0]["message"]["content"])
        with population({"small": served(server, timeout_ms=20_000)}) as ecology:
            said.append((await ecology.aanswer(TEXTS["unicode"])).output)
    assert said == [TEXTS["unicode"]] * 4
