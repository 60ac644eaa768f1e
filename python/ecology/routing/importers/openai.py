"""Requests and replies in the shapes of OpenAI's API, one JSON object a line.

Three shapes are read, also mixed:

* *batches*: lines of the input file (`custom_id`, `body`) and of the output file (`custom_id`, `response.body`), which
  are joined by `custom_id`;
* *pairs*: a request and a reply in one object, under `request` and `response`, or `input` and `output`, as gateways and
  distillation services export them;
* *conversations*: `model` and `messages`, of which the last is the reply, or stored completions (`choices` beside
  `messages` or `input`).

A reply does not say how good it is: give `score`, a key such as `"metadata.rating"`, or a function of the line (for
batches of `{**output_line, "request": body}`).

>>> line = {"request": {"model": "small", "messages": [{"role": "user", "content": "Hi!"}]},
...         "response": {"choices": [{"message": {"content": "Hello!"}}], "usage": {"completion_tokens": 2}}}
>>> from_openai([line | {"score": 1}])[0].tokens_out
2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..outcomes import Outcomes
from .log import Log, Score, find, parsed, prompt_of, records

__all__ = ["from_openai"]

ADVICE = {
    "without a prompt": "give the file of requests beside the file of replies; they are joined by custom_id",
    "without a model": "give the file of requests, or replies that name their model",
    "without a score": "give score: a key of the line, or a function of it (--score or --scorer)",
    "without a reply": "give the file of replies beside the file of requests",
}
Prices = Mapping[str, tuple[float, float]]


def from_openai(
    *sources: Any, score: Score | None = None, task: str | None = None, prices: Prices | None = None
) -> Outcomes:
    """Outcomes of requests and replies: files or lists of objects.

    Args:
        score: a key of the line, dotted into objects, or a function of the line to a score in [0, 1] or None.
        task: a key of the line that names the task.
        prices: model → US dollars per million tokens, in and out; without it `cost_usd` of a line, if it has one.

    Replies that failed, and lines without prompt, model or score, are left out; see `Outcomes.left_out`.

    Raises:
        ArtifactError: a file cannot be read.
        OutcomesError: nothing is left, or a value is wrong.
    """
    lines = records(sources)
    requests: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        if isinstance(line.get("body"), Mapping) and "custom_id" in line:
            requests.setdefault(str(line["custom_id"]), []).append(line["body"])
    log = Log(score)
    answered = False
    for line in lines:
        if isinstance(line.get("body"), Mapping) and "custom_id" in line:
            continue
        answered = True
        reply, failed = _reply(line)
        if failed:
            log.leave_out("failed")
            continue
        request = _request(line, reply, requests)
        body = {"request": request} if "custom_id" in line and "request" not in line else {}
        model = request.get("model") or reply.get("model") or line.get("model")
        usage = reply.get("usage")
        usage = usage if isinstance(usage, Mapping) else {}
        tokens = [
            usage.get(f"{a}_tokens", usage.get(f"{b}_tokens"))
            for a, b in (("prompt", "input"), ("completion", "output"))
        ]
        fields = {
            "cost_usd": _cost(model, tokens, prices) if prices else line.get("cost_usd"),
            "latency_ms": line.get("latency_ms"),
            "tokens_in": tokens[0],
            "tokens_out": tokens[1],
            "timestamp": reply.get("created", reply.get("created_at")),
            "task": find(line | body, task) if task else None,
        }
        log.add(line | body, _prompt(request), model, **fields)
    if not answered and requests:
        log.leave_out("without a reply")
    return log.outcomes(ADVICE)


def _reply(line: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The body of the reply, empty if it is not told apart from the request, and whether the call failed."""
    found = next((parsed(line[key]) for key in ("response", "output", "completion") if key in line), line)
    reply: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    status = reply.get("status_code")
    if isinstance(reply.get("body"), Mapping):
        reply = reply["body"]
    failed = bool(line.get("error")) or bool(reply.get("error")) or (isinstance(status, int) and status >= 400)
    return reply, failed or ("custom_id" in line and not reply)


def _request(
    line: Mapping[str, Any], reply: Mapping[str, Any], requests: Mapping[str, list[Mapping[str, Any]]]
) -> Mapping[str, Any]:
    """The body of the request. Several models may have answered one `custom_id`, each in a batch of its own."""
    known = requests.get(str(line.get("custom_id")), [])
    if known:
        said = str(reply.get("model") or "")
        # A reply names the dated model, "small-2024-08-06", where the request says "small".
        named = [body for body in known if said.startswith(str(body.get("model") or "?"))]
        return max(named, key=lambda body: len(str(body.get("model"))), default=known[0] if len(known) == 1 else {})
    found = next((parsed(line[key]) for key in ("request", "input") if key in line), line)
    return found if isinstance(found, Mapping) else line


def _prompt(request: Mapping[str, Any]) -> str | None:
    return next((said for key in ("messages", "input", "prompt") if (said := prompt_of(request.get(key)))), None)


def _cost(model: Any, tokens: list[Any], prices: Prices) -> float | None:
    price = prices.get(str(model))
    if price is None or None in tokens:
        return None
    return float((price[0] * tokens[0] + price[1] * tokens[1]) / 1e6)
