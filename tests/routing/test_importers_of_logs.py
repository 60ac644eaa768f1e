"""Importers of logs: LiteLLM's spend logs, and requests and replies in OpenAI's shapes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ecology.errors import ArtifactError, OutcomesError
from ecology.routing import Outcome, Outcomes


def chat(content: Any) -> list[dict[str, Any]]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


# --- LiteLLM -----------------------------------------------------------------------------------------------


def spent(at: int, **changes: Any) -> dict[str, Any]:
    """A row of LiteLLM_SpendLogs."""
    return {
        "request_id": f"chatcmpl-{at}",
        "call_type": "acompletion",
        "api_key": "88dc28",
        "spend": 0.002,
        "total_tokens": 30,
        "prompt_tokens": 20,
        "completion_tokens": 10,
        "startTime": "2024-02-29T12:30:00.000Z",
        "endTime": "2024-02-29T12:30:01.500Z",
        "request_duration_ms": None,
        "model": "openai/small-2024",
        "model_id": "",
        "model_group": "small",
        "custom_llm_provider": "openai",
        "metadata": {"status": "success", "rating": 0.75, "requester_metadata": {"niche": "support"}},
        "cache_hit": "False",
        "request_tags": [],
        "messages": chat("Where is my card?"),
        "response": {"choices": [{"message": {"role": "assistant", "content": "In the post."}}]},
        "status": "success",
        "proxy_server_request": {},
    } | changes


EXPECTED = Outcome(
    "Where is my card?", "small", 0.75, 0.002, 1500.0, "support", tokens_in=20, tokens_out=10, timestamp=1709209800.0
)
OPTIONS = {"score": "metadata.rating", "task": "metadata.requester_metadata.niche"}


def written(file: Path, rows: list[dict[str, Any]]) -> Path:
    if file.suffix == ".csv":  # as COPY … TO … CSV writes it: JSON as text
        with file.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            plain = [{k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()} for row in rows]
            writer.writerows(plain)
    elif file.name == "paged.json":  # /spend/logs/v2
        file.write_text(json.dumps({"data": rows, "total": len(rows), "page": 1, "page_size": 50, "total_pages": 1}))
    elif file.suffix == ".json":  # /spend/logs
        file.write_text(json.dumps(rows))
    else:
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("name", ["logs.csv", "logs.jsonl", "logs.json", "paged.json"])
def test_spend_logs_are_read_in_every_form(tmp_path: Path, name: str) -> None:
    assert list(Outcomes.from_litellm(written(tmp_path / name, [spent(1)]), **OPTIONS)) == [EXPECTED]


REQUESTED = [{"body": {"messages": chat("Where is my card?")}}, {"messages": chat("Where is my card?")},
             {"input": "Where is my card?"}]  # fmt: skip


@pytest.mark.parametrize("kept", REQUESTED, ids=["body", "messages", "input"])
@pytest.mark.parametrize("empty", [{}, "{}", None, []], ids=str)
def test_a_prompt_is_found_in_the_request_that_the_proxy_kept(kept: Any, empty: Any) -> None:
    row = spent(1, messages=empty, proxy_server_request=kept)
    assert list(Outcomes.from_litellm([row], **OPTIONS)) == [EXPECTED]


def test_what_is_no_use_is_left_out_and_counted() -> None:
    rows = [
        spent(1),
        spent(2, status="failure"),
        spent(3, call_type="aembedding"),
        spent(4, messages={}),
        spent(5, model="", model_group=None),
        spent(6, metadata={}),
        spent(7, metadata="{}", call_type="aresponses"),
    ]
    table = Outcomes.from_litellm(rows[:3], rows[3:], **OPTIONS)
    assert list(table) == [EXPECTED]
    assert table.left_out == {
        "failed": 1, "calls of another kind": 1, "without a prompt": 1, "without a model": 1, "without a score": 2,
    }  # fmt: skip


def test_a_reply_from_the_cache_says_nothing_about_cost_and_time() -> None:
    (one,) = Outcomes.from_litellm([spent(1, cache_hit="True", spend=0.0)], score=lambda row: 1)
    assert (one.score, one.cost_usd, one.latency_ms) == (1.0, None, None)


def test_a_duration_that_was_measured_wins_over_two_clocks() -> None:
    (one,) = Outcomes.from_litellm([spent(1, request_duration_ms=1234)], score="metadata.rating")
    assert one.latency_ms == 1234.0


def test_a_log_without_prompts_or_scores_says_what_to_set() -> None:
    with pytest.raises(OutcomesError, match="store_prompts_in_spend_logs: true"):
        Outcomes.from_litellm([spent(1, messages={})])
    with pytest.raises(OutcomesError, match="2 are without a score \\(give score"):
        Outcomes.from_litellm([spent(1), spent(2)])
    with pytest.raises(OutcomesError, match="there are none"):
        Outcomes.from_litellm([])


def test_a_score_that_is_none_is_told_by_its_row() -> None:
    with pytest.raises(OutcomesError) as caught:
        Outcomes.from_litellm([spent(1), spent(2)], score=lambda row: 5.0 if row["request_id"][-1] == "2" else 1.0)
    assert [violation.place for violation in caught.value.violations] == ["row 1.score"]


def test_a_file_that_is_no_log_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs.json").write_text('{"data": 3}')
    with pytest.raises(ArtifactError, match="no list of JSON objects"):
        Outcomes.from_litellm(tmp_path / "logs.json")


# --- OpenAI ------------------------------------------------------------------------------------------------

USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}


def reply(model: str | None = "small-2024-08-06", **changes: Any) -> dict[str, Any]:
    choices = [{"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}]
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": model,
            "choices": choices, "usage": USAGE} | changes  # fmt: skip


def asked(custom_id: str, model: str, content: str) -> dict[str, Any]:
    body = {"model": model, "messages": chat(content)}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def told(custom_id: str, body: dict[str, Any] | None, status: int = 200, error: Any = None) -> dict[str, Any]:
    response = None if body is None else {"status_code": status, "request_id": "req-1", "body": body}
    return {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": error}


def test_batches_are_joined_by_custom_id_and_model(tmp_path: Path) -> None:
    requests = [asked("1", "small", "2 + 2?"), asked("2", "small", "Why?"), asked("1", "small-pro", "2 + 2?")]
    replies = [told("2", reply()), told("1", reply("small-pro-2024")), told("1", reply())]
    written(tmp_path / "in.jsonl", requests), written(tmp_path / "out.jsonl", replies)

    def score(line: Any) -> float:
        assert line["request"]["messages"] and line["response"]["body"]["choices"]
        return float(line["request"]["messages"][-1]["content"] == "2 + 2?")

    table = Outcomes.from_openai(
        tmp_path / "out.jsonl", tmp_path / "in.jsonl", score=score, prices={"small": (1.0, 2.0)}
    )
    assert list(table) == [
        Outcome("Why?", "small", 0.0, 4e-05, tokens_in=20, tokens_out=10, timestamp=1.7e9),
        Outcome("2 + 2?", "small-pro", 1.0, None, tokens_in=20, tokens_out=10, timestamp=1.7e9),
        Outcome("2 + 2?", "small", 1.0, 4e-05, tokens_in=20, tokens_out=10, timestamp=1.7e9),
    ]


def test_batches_that_failed_are_left_out() -> None:
    requests = [asked(str(n), "small", "2 + 2?") for n in range(4)]
    failed = [
        told("1", {"error": {"message": "no"}}, status=400),
        told("2", None, error={"code": "batch_expired"}),
        told("3", reply(), status=500),
    ]
    table = Outcomes.from_openai(requests + failed + [told("0", reply())], score=lambda line: 1)
    assert len(table) == 1 and table.left_out == {"failed": 3}


PAIRS = {
    "request and response": {"request": {"model": "small", "messages": chat("2 + 2?")}, "response": reply()},
    "input and output": {"input": {"model": "small", "messages": chat("2 + 2?")}, "output": reply()},
    "as text": {"request": json.dumps({"model": "small", "messages": chat("2 + 2?")}), "response": json.dumps(reply())},
    "stored": reply("small") | {"messages": chat("2 + 2?")},
    "parts": {
        "request": {"model": "small", "messages": chat([{"type": "text", "text": "2 + 2?"}])},
        "response": reply(),
    },
    "responses": {
        "request": {"model": "small", "input": "2 + 2?"},
        "response": {"created_at": 1700000000, "usage": {"input_tokens": 20, "output_tokens": 10}},
    },
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_a_request_and_its_reply_are_an_outcome(pair: dict[str, Any]) -> None:
    more = {"metadata": {"score": "0.5", "task": "sums"}, "latency_ms": 12, "cost_usd": 0.25}
    assert list(Outcomes.from_openai([pair | more], task="metadata.task")) == [
        Outcome("2 + 2?", "small", 0.5, 0.25, 12.0, "sums", tokens_in=20, tokens_out=10, timestamp=1.7e9)
    ]


def test_a_conversation_is_scored_by_a_function_of_its_last_turn() -> None:
    turns = [*chat("2 + 2?"), {"role": "assistant", "content": "4"}]
    (one,) = Outcomes.from_openai(
        [{"model": "small", "messages": turns}], score=lambda line: line["messages"][-1]["content"] == "4"
    )
    assert (one.prompt, one.model, one.score) == ("2 + 2?", "small", 1.0)


def test_half_of_a_batch_says_what_is_missing() -> None:
    with pytest.raises(OutcomesError, match="without a reply \\(give the file of replies"):
        Outcomes.from_openai([asked("1", "small", "2 + 2?")])
    with pytest.raises(OutcomesError, match="without a prompt \\(give the file of requests"):
        Outcomes.from_openai([told("1", reply())], score=lambda line: 1)
    with pytest.raises(OutcomesError, match="without a score"):
        Outcomes.from_openai([PAIRS["stored"]])
