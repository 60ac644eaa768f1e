"""Decisions of an ecology, their grades and prompts, joined by the id of the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecology import Outcome, Outcomes
from ecology.errors import OutcomesError


def graded(at: int, **changes: Any) -> dict[str, Any]:
    """A row of `take_feedback`."""
    return {
        "answer_id": f"{at:032x}",
        "score": 0.5,
        "time": 1_700_000_100.0 + at,
        "age_ms": 100_000.0,
        "snapshot": "sha256:ab",
        "generation": 3,
        "task": "support",
        "plan": "direct",
        "ending": "answered",
        "chosen": "small@1",
        "confidence": 0.8,
        "calibrated": True,
        "propensity": 0.98,
        "explored": False,
        "ranked": [{"model": "small@1", "confidence": 0.8, "expected_cost_usd": 0.001}],
        "model": "small@1",
        "cost_usd": 0.001,
        "latency_ms": 12.0,
        "learned": True,
    } | changes


def event(at: int, **changes: Any) -> dict[str, Any]:
    """An attribution, shortened."""
    return {
        "answer_id": f"{at:032x}",
        "task": "support",
        "plan": "direct",
        "ending": "answered",
        "model": "small@1",
        "confidence": 0.7,
        "cost_usd": 0.001,
        "latency_ms": 12.0,
        "decision": {"model": "small@1", "confidence": 0.8, "propensity": 0.98, "explored": False},
    } | changes


def asked(at: int, **changes: Any) -> dict[str, Any]:
    return {"answer_id": f"{at:032x}", "prompt": f"Where is card {at}?"} | changes


CHAT = [{"role": "user", "content": "Where is card 1?"}]
EXPECTED = Outcome(
    "Where is card 1?", "small@1", 0.5, 0.001, 12.0, "support", propensity=0.98, timestamp=1_700_000_001.0
)


@pytest.mark.parametrize(
    "lines, expected",
    [
        ([graded(1), asked(1)], EXPECTED),
        ([asked(1), graded(1)], EXPECTED),
        ([graded(1) | asked(1)], EXPECTED),
        ([graded(1, chosen=None), asked(1)], EXPECTED),
        ([event(1, timestamp=1_700_000_001.0), asked(1), {"answer_id": f"{1:032x}", "score": 0.5}], EXPECTED),
        ([event(1), graded(1), asked(1, prompt=None, messages=CHAT)], EXPECTED),
    ],
    ids=["grade, prompt", "prompt, grade", "one line", "who answered", "event, prompt, grade", "all three"],
)  # fmt: skip
def test_lines_about_one_answer_become_one_outcome_in_any_order(lines: list[Any], expected: Outcome) -> None:
    assert list(Outcomes.from_decisions(lines)) == [expected]


def test_prompts_may_come_beside_and_from_files(tmp_path: Path) -> None:
    file = tmp_path / "feedback.jsonl"
    file.write_text("".join(json.dumps(graded(at)) + "\n" for at in range(3)))
    prompts = {f"{at:032x}": f"Where is card {at}?" for at in range(2)}
    table = Outcomes.from_decisions(file, prompts=prompts)
    assert table.prompts == ["Where is card 0?", "Where is card 1?"] and table.left_out == {"without a prompt": 1}


def test_a_fallbacks_answer_is_what_the_choice_led_to() -> None:
    lines = [graded(1, model="large@1", ending="fell_back", cost_usd=0.011), asked(1)]
    (row,) = Outcomes.from_decisions(lines)
    assert (row.model, row.cost_usd, row.propensity) == ("small@1", 0.011, 0.98)


def test_what_nobody_chose_graded_or_drew_is_counted_and_left_out() -> None:
    lines = [graded(0), asked(0)]
    lines += [event(1), asked(1), event(2), asked(2)]
    lines += [graded(3, plan="cascade", ending="escalated"), asked(3), graded(4, ending="selected"), asked(4)]
    lines += [graded(5, propensity=None), asked(5), graded(6, chosen=None, ending="fell_back"), asked(6)]
    table = Outcomes.from_decisions(lines)
    assert len(table) == 1
    assert table.left_out == {
        "without a score": 2, "picked by their replies": 2, "without a propensity": 1, "without a model": 1,
    }  # fmt: skip


def test_a_score_may_come_from_a_key_or_a_function() -> None:
    lines = [event(1, user={"rating": 0.25}), asked(1)]
    assert Outcomes.from_decisions(lines, score="user.rating")[0].score == 0.25
    assert Outcomes.from_decisions(lines, score=lambda line: line["cost_usd"] < 1)[0].score == 1.0


def test_nothing_left_is_an_error_that_says_why() -> None:
    with pytest.raises(OutcomesError, match="write a line with answer_id and prompt"):
        Outcomes.from_decisions([graded(1)])
    with pytest.raises(OutcomesError, match="2 is not in"):
        Outcomes.from_decisions([graded(1, score=2), asked(1)])
    with pytest.raises(OutcomesError, match="timestamp"):
        Outcomes.from_decisions([graded(1, time="soon"), asked(1)])
