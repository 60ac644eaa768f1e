"""LiteLLM's spend logs: what its proxy wrote to the table `LiteLLM_SpendLogs`.

Exported from the database as CSV or JSONL, or as the JSON of `/spend/logs` and `/spend/logs/v2`. Columns that are used:
`model_group` (the public name; else `model`), `spend`, `prompt_tokens`, `completion_tokens`, `startTime`, `endTime` or
`request_duration_ms`, `messages` or `proxy_server_request`, `metadata`, `status`, `call_type`, `cache_hit`.

The proxy keeps prompts only if it was told to (`store_prompts_in_spend_logs: true`), and it never knows how good a
reply was: give `score`, a key such as `"metadata.rating"`, or a function of the row. Without it `score`,
`metadata.score` and `metadata.requester_metadata.score` are looked at.

>>> row = {"model_group": "small", "messages": [{"role": "user", "content": "Hi!"}], "spend": 0.001,
...        "response": {"choices": [{"message": {"content": "Hello!"}}]}, "status": "success"}
>>> table = from_litellm([row], score=lambda row: "Hello" in str(row["response"]))
>>> table[0].model, table[0].score, table[0].cost_usd
('small', 1.0, 0.001)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..checked import number_of
from ..outcomes import Outcomes
from .log import Log, Score, find, parsed, prompt_of, records

__all__ = ["from_litellm"]

# Other calls (embeddings, images, moderation) have no answer that a router could choose.
ASKS = ("completion", "text_completion", "responses", "anthropic_messages", "generate_content")
ADVICE = {
    "without a prompt": "set store_prompts_in_spend_logs: true under general_settings of the proxy, and collect again",
    "without a model": "export the column model_group or model",
    "without a score": "give score: a key of the row, or a function of it (--score or --scorer)",
}


def from_litellm(
    *sources: Any, score: Score | None = None, task: str | None = None, propensity: str | None = None
) -> Outcomes:
    """Outcomes of spend logs: files, frames or lists of rows.

    Args:
        score: a key of the row, dotted into objects, or a function of the row to a score in [0, 1] or None.
        task: a key of the row that names the task.
        propensity: a key of the row with the probability of the choice, if the proxy's router drew it.

    Rows that failed, other calls than of chat or completion, and rows without prompt, model or score are left out; see
    `Outcomes.left_out`. A reply from the cache keeps its score, but says nothing about cost and latency.

    Raises:
        ArtifactError: a file cannot be read.
        OutcomesError: nothing is left, or a value is wrong.
    """
    log = Log(score)
    for row in records(sources):
        if str(row.get("status") or "").lower() == "failure":
            log.leave_out("failed")
            continue
        call = str(row.get("call_type") or "")
        if call and not call.removeprefix("a").endswith(ASKS) and call != "anthropic_messages":
            log.leave_out("calls of another kind")
            continue
        cached = str(row.get("cache_hit") or "").lower() == "true"
        fields = {
            "cost_usd": None if cached else row.get("spend"),
            "latency_ms": None if cached else _latency_ms(row),
            "tokens_in": row.get("prompt_tokens"),
            "tokens_out": row.get("completion_tokens"),
            "timestamp": row.get("startTime"),
            "task": find(row, task) if task else None,
            "propensity": find(row, propensity) if propensity else None,
        }
        log.add(row, _prompt(row), row.get("model_group") or row.get("model"), **fields)
    return log.outcomes(ADVICE)


def _prompt(row: Mapping[str, Any]) -> str | None:
    said = prompt_of(row.get("messages"))
    request = parsed(row.get("proxy_server_request"))
    if said is not None or not isinstance(request, Mapping):
        return said
    body = request.get("body")
    body = body if isinstance(body, Mapping) else request
    return next((said for key in ("messages", "input", "prompt") if (said := prompt_of(body.get(key)))), None)


def _latency_ms(row: Mapping[str, Any]) -> Any:
    if row.get("request_duration_ms") not in (None, ""):
        return row["request_duration_ms"]
    start, end = (number_of("timestamp", row.get(key)) for key in ("startTime", "endTime"))
    took = 1000 * (end - start)
    return took if took >= 0 else None  # NaN, which is not, where one of the two is unknown
