"""`answer()` and `aanswer()` through one OpenAI-compatible call to a local server, beside clients of that protocol.

The server is a process of its own (`python -m ecology.testing`). Ours does the whole journey: reading, features,
admission, budget, routing, the call, settling, attribution and counters. The others do the call, and read its text.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import openai
import uvloop
from contest import Contender, Contest, Hold

from ecology import Ecology
from ecology.testing import ServerProcess
from jobs.timing import calls, flood, one_by_one

PROMPT = "Where is my card? I ordered it two weeks ago and nothing has come."
REPLY = "refund"
HEADERS = {"content-type": "application/json"}
BODY = {"model": "small", "max_tokens": 1024, "messages": [{"role": "user", "content": PROMPT}]}
WHOLE = "the whole journey: features, admission, budget, routing, the call, settling, attribution, counters"

Ask = Callable[[], Awaitable[str]]


@contextmanager
def contests(turn: int) -> Iterator[list[Contest]]:
    """The rows that ask a server."""
    with ServerProcess("--model", f"small={REPLY}") as server, tempfile.TemporaryDirectory() as folder:
        Path(folder, "ecology.toml").write_text(
            'name = "bench"\n[[models]]\nname = "served"\ntimeout_ms = 10000\nprice = { usd_per_call = 0 }\n'
            f'backend = {{ kind = "openai", base_url = "{server.base_url}", model = "small" }}\n'
            '[policy.budgets]\n"acme" = { usd = 1000000 }\n',
            "utf-8",
        )
        with Ecology.open(folder) as ecology:
            yield [
                _blocking(ecology, server.base_url, turn),
                *(_awaited(ecology, server.base_url, turn, fast) for fast in (False, True)),
                *_many(ecology, server.base_url, turn * 8),
            ]


def _blocking(ecology: Ecology, base_url: str, turn: int) -> Contest:
    parts = urlsplit(base_url)
    bare = http.client.HTTPConnection(parts.hostname or "", parts.port)
    web = httpx.Client()
    client = openai.OpenAI(base_url=base_url, api_key="-", max_retries=0)

    def ours() -> str:
        return str(ecology.answer(PROMPT, account="acme").output)

    def by_hand() -> str:
        bare.request("POST", f"{parts.path}/chat/completions", json.dumps(BODY), HEADERS)
        return _text(json.loads(bare.getresponse().read()))

    def by_httpx() -> str:
        return _text(web.post(f"{base_url}/chat/completions", json=BODY).json())

    def by_openai() -> str:
        return str(client.chat.completions.create(**BODY).choices[0].message.content)  # type: ignore[call-overload]

    asks = {"answer()": ours, "http.client": by_hand, "httpx": by_httpx, "openai": by_openai}
    _agree({name: ask() for name, ask in asks.items()})
    does = [WHOLE, "the call, json in and out", "the call, json in and out", "the call"]
    contenders = [
        Contender(name, what, partial(calls, ask, _count(name, turn)))
        for (name, ask), what in zip(asks.items(), does, strict=True)
    ]
    return Contest(
        "an answer of a local server, blocking, one at a time", "µs a call", contenders, [Hold("http.client", 0.6)]
    )


def _awaited(ecology: Ecology, base_url: str, turn: int, fast: bool) -> Contest:
    loop = "uvloop" if fast else "asyncio"

    def contender(name: str, what: str, kind: str) -> Contender:
        async def main() -> float:
            async with Asking(ecology, base_url, kind) as ask:
                assert await ask() == REPLY
                return await one_by_one(ask, _count(name, turn))

        return Contender(name, what, lambda: _run(main, fast))

    contenders = [
        contender("aanswer()", WHOLE, "ours"),
        contender("aiohttp", "the call, json in and out", "aiohttp"),
        contender("openai", "the call", "openai"),
    ]
    return Contest(
        f"an answer of a local server, {loop}, one at a time", "µs a call", contenders, [Hold("aiohttp", 0.5)]
    )


def _many(ecology: Ecology, base_url: str, count: int) -> list[Contest]:
    kept: dict[str, tuple[float, float]] = {}

    def contender(name: str, what: str, kind: str, processor: bool) -> Contender:
        async def main() -> tuple[float, float]:
            async with Asking(ecology, base_url, kind) as ask:
                return await flood(ask, _count(name, count), 64)

        def turn() -> float:
            # Wall and processor are two views of one flood.
            if not processor or name not in kept:
                kept[name] = _run(main, False)
            return kept.pop(name)[1] if processor else kept[name][0]

        return Contender(name, what, turn)

    def row(processor: bool) -> list[Contender]:
        return [
            contender("aanswer()", WHOLE, "ours", processor),
            contender("aiohttp", "the call, json in and out", "aiohttp", processor),
            contender("openai", "the call", "openai", processor),
        ]

    title = "64 answers of a local server in flight, asyncio"
    return [
        Contest(f"{title}: time", "µs an answer", row(False), [Hold("aiohttp", 0.4)]),
        Contest(f"{title}: processor of the client", "µs of processor an answer", row(True), [Hold("aiohttp", 0.4)]),
    ]


class Asking:
    """A way to ask, open for a while."""

    def __init__(self, ecology: Ecology, base_url: str, kind: str) -> None:
        self._ecology, self._base_url, self._kind = ecology, base_url, kind
        self._open: Any = None

    async def __aenter__(self) -> Ask:
        url = f"{self._base_url}/chat/completions"
        if self._kind == "ours":

            async def ours() -> str:
                return str((await self._ecology.aanswer(PROMPT, account="acme")).output)

            return ours
        if self._kind == "aiohttp":
            session = self._open = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))

            async def by_aiohttp() -> str:
                async with session.post(url, json=BODY) as response:
                    return _text(await response.json())

            return by_aiohttp
        client = self._open = openai.AsyncOpenAI(base_url=self._base_url, api_key="-", max_retries=0)

        async def by_openai() -> str:
            reply = await client.chat.completions.create(**BODY)  # type: ignore[call-overload]
            return str(reply.choices[0].message.content)

        return by_openai

    async def __aexit__(self, *_: object) -> None:
        if self._open is not None:
            await self._open.close()


def _run(main: Callable[[], Any], fast: bool) -> Any:
    return uvloop.run(main()) if fast else asyncio.run(main())


def _count(name: str, turn: int) -> int:
    """Fewer calls of those that take milliseconds."""
    return max(10, turn // 8) if name == "openai" else turn


def _text(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


def _agree(replies: dict[str, str]) -> None:
    assert set(replies.values()) == {REPLY}, replies
