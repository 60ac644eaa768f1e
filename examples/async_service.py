"""Inside an asyncio service: async members run on the caller's loop, with its context, inside one deadline."""

import asyncio
import tempfile
from contextvars import ContextVar
from pathlib import Path

import ecology as eco

DESCRIPTION = """
name = "service"

[[models]]
name = "remote"
role = "fallback"
timeout_ms = 200
backend = { kind = "callable", target = "models:remote" }
price = { usd_per_call = 0.001 }

[[models]]
name = "cache"
role = "champion"
tier = "small"
timeout_ms = 50
backend = { kind = "callable", target = "models:cache" }
price = { usd_per_call = 0 }
fallback = "remote"
"""

MODELS = """
import asyncio
from ecology import Reply

async def remote(text):
    await asyncio.sleep(0.01)  # your HTTP call
    return Reply(text.upper(), confidence=0.9, tokens_in=8, tokens_out=8)

async def cache(text):
    known = {"hello": "hi"}
    return known[text]  # a KeyError fails this leg, and the fallback answers
"""

request_id: ContextVar[str] = ContextVar("request_id")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ecology.toml").write_text(DESCRIPTION)
        Path(folder, "models.py").write_text(MODELS)
        async with eco.Ecology.open(folder) as ecology:
            request_id.set("r-1")
            texts = ["hello", "something new"]
            for text, answer in zip(texts, await asyncio.gather(*map(ecology.aanswer, texts)), strict=True):
                print(f"{text!r} → {answer.output!r} by {answer.model} ({answer.ending}), ${answer.cost_usd:.4f}")


asyncio.run(main())
