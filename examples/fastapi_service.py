"""A FastAPI service around `aanswer`: typed errors become statuses, and who hangs up stops paying.

    ECOLOGY_FILE=ecology.toml uvicorn fastapi_service:app

As a script it serves a population of two on a loopback port, asks itself some questions, good and bad, and stops.
"""

import asyncio
import math
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
import uvicorn
from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

import ecology as eco
from ecology import errors
from ecology.testing import Delay, Hang, OpenAIServer, Phase, TooManyRequests

# --- the service ------------------------------------------------------------------------------------------


class Question(BaseModel):
    """What a client sends; what it leaves out, the policy's defaults say."""

    input: str
    task: str | None = None
    usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    deadline_ms: Annotated[float, Field(gt=0, le=60_000)] | None = None


class Answered(BaseModel):
    """The answer, how sure it is (0 to 1, if that is known), how it came about and what it cost."""

    output: Any
    confidence: float | None
    model: str
    ending: str
    cost_usd: float


class Problem(BaseModel):
    """What went wrong: the name of the error, and a sentence that says what to do."""

    error: str
    detail: str


# The nearest class that an error belongs to decides. *Never* is the request's fault or ours, *NotYet* passes.
STATUS: dict[type[errors.EcologyError], int] = {
    errors.EcologyError: 500,
    errors.InvalidRequest: 422,
    errors.InputTooLarge: 413,
    errors.NoEligibleModel: 422,
    errors.Closed: 503,
    errors.NotYet: 503,
    errors.BudgetExhausted: 402,  # 429 where it says when to come back
    errors.DeadlineExceeded: 504,
}
CLIENT_GONE = 499  # nginx's word for it; nobody reads it but the access log


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what `ECOLOGY_FILE` names; a population that is wrong stops the start, with everything that is wrong."""
    async with eco.Ecology.open() as ecology:
        app.state.ecology = ecology
        yield


app = FastAPI(title="ecology", lifespan=lifespan)


@app.exception_handler(errors.EcologyError)
async def told(_: Request, error: errors.EcologyError) -> JSONResponse:
    """The status of an error, with Retry-After (whole seconds, at least 1) where it is known."""
    status = next(STATUS[each] for each in type(error).__mro__ if each in STATUS)
    headers = {}
    if isinstance(error, errors.NotYet) and error.retry_after_ms is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_ms / 1000)))
        status = 429 if status == 402 else status
    body = Problem(error=type(error).__name__, detail=str(error))
    return JSONResponse(body.model_dump(), status, headers)


@app.post("/answer", response_model=Answered, responses={each: {"model": Problem} for each in (402, 429, 503, 504)})
async def answer(
    question: Question, request: Request, response: Response, x_account: Annotated[str, Header()] = "web"
) -> Answered | Response:
    """Answer one question, unless the client leaves first."""
    ecology: eco.Ecology = request.app.state.ecology
    budget = None if question.usd is None else eco.Budget(usd=question.usd)
    work = ecology.aanswer(
        question.input, task=question.task, account=x_account, budget=budget, deadline_ms=question.deadline_ms
    )
    given = await unless_gone(request, work)
    if given is None:
        return Response(status_code=CLIENT_GONE)
    response.headers["X-Ecology-Model"] = str(given.model)
    return Answered(
        output=given.output,
        confidence=given.confidence,
        model=str(given.model),
        ending=given.ending,
        cost_usd=given.cost_usd,
    )


@app.get("/healthz")
async def healthz(request: Request) -> dict[str, Any]:
    """Whether a population is served, and which one; no model is asked."""
    ecology: eco.Ecology = request.app.state.ecology
    return {"status": "ok", "population": ecology.description.name, "digest": ecology.digest}


T = TypeVar("T")


async def unless_gone(request: Request, work: Awaitable[T]) -> T | None:
    """What `work` gives, or None when the client hung up: then it is cancelled, which settles what it had spent."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


# --- the script -------------------------------------------------------------------------------------------

DESCRIPTION = """
name = "service"

[[models]]
name = "small"
tier = "small"
timeout_ms = 5000
max_output_tokens = 8
contract = {{ privileges = ["network"] }}
price = {{ usd_per_million_tokens_in = 0.05, usd_per_million_tokens_out = 0.1 }}
backend = {{ kind = "openai", base_url = "{url}", model = "small", confidence = "joint" }}

[[models]]
name = "large"
role = "fallback"
tier = "large"
timeout_ms = 5000
max_output_tokens = 32
contract = {{ privileges = ["network"] }}
price = {{ usd_per_million_tokens_in = 3, usd_per_million_tokens_out = 15 }}
backend = {{ kind = "openai", base_url = "{url}", model = "large" }}

[policy]
grants = {{ "*" = ["network"] }}
budgets = {{ web = {{ usd = 0.05 }}, trial = {{ usd = 0.0000001 }} }}
default_plan = {{ kind = "cascade", first = "small", then = "large", leg_confidence = 0.8 }}
"""


def small(request: dict[str, Any]) -> dict[str, Any]:
    """Sure about cards."""
    return {"content": "card", "confidence": 0.95 if "card" in request["messages"][-1]["content"] else 0.3}


async def main() -> None:
    """Serve, ask, show and stop."""
    busy = TooManyRequests(retry_after_s=3)
    with OpenAIServer({"small": small, "large": "refund"}) as models, tempfile.TemporaryDirectory() as folder:
        Path(folder, "ecology.toml").write_text(DESCRIPTION.format(url=models.base_url), "utf-8")
        os.environ["ECOLOGY_FILE"] = folder
        async with serving() as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
            print("GET /healthz", (await client.get("/healthz")).json())
            texts = [f"Where is my {'card' if n % 3 else 'money'}? ({n})" for n in range(24)]
            replies = await asyncio.gather(*(client.post("/answer", json={"input": text}) for text in texts))
            for text, reply in list(zip(texts, replies, strict=True))[:4]:
                print(
                    f"{text!r} → {reply.status_code} {reply.json()['output']!r} by {reply.headers['x-ecology-model']}"
                )
            assert [reply.json()["output"] for reply in replies] == ["card" if n % 3 else "refund" for n in range(24)]
            print(f"… {len(replies)} at once, all of them {', '.join({str(reply.status_code) for reply in replies})}")

            async def expect(status: int, why: str, body: dict[str, Any], **headers: str) -> httpx.Response:
                reply = await client.post("/answer", json=body, headers=headers)
                later = f", Retry-After: {reply.headers['retry-after']}" if "retry-after" in reply.headers else ""
                said = reply.json().get("error", "pydantic")
                print(f"{why} → {reply.status_code} {said}{later}")
                assert reply.status_code == status, reply.text
                return reply

            await expect(422, "a body without input", {})
            await expect(422, "an empty input", {"input": " "})
            await expect(422, "a stranger's account", {"input": "card"}, **{"X-Account": "nobody"})
            await expect(402, "an account with nothing left", {"input": "card"}, **{"X-Account": "trial"})
            models.script(busy, busy)
            reply = await expect(503, "both models say that they are busy", {"input": "card"})
            assert reply.headers["retry-after"] == "3"
            models.script(Hang(Phase.BEFORE_HEADERS))
            await expect(504, "silence until the deadline", {"input": "card", "deadline_ms": 100})

            # A client that hangs up: the leg is cancelled, its connection closed, and nothing stays reserved.
            models.script(Delay(10_000))
            with suppress(httpx.TimeoutException):
                await client.post("/answer", json={"input": "card"}, timeout=0.2)
                raise AssertionError("the reply came too early")
            ecology: eco.Ecology = app.state.ecology
            await until(lambda: any(row["cancelled"] for row in ecology.counters() if row["role"] == "generator"))
            held = sum(row["reserved"] for row in ecology.accounts())
            print(f"a client hung up → its leg was cancelled, {held} reserved")
            assert held == 0
            print(f"saved ${ecology.savings().saved_usd:.6f} against always the large model")
    print("stopped")


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """The app under uvicorn on a free loopback port, until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    running = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or running.done())
        assert server.started, "the service did not start"
        host, port = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await running


async def until(holds: Any) -> None:
    """Wait at most ten seconds for something that happens by itself."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(main())
