"""From a description to an attributed answer: every plan, every ending, every kind of input and output.

Laws: every leg that ran is in the attribution, in the counters and in the event; a decision replays from its record.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.populations import describe, held, model, ranked_by_price, serve
from tests.schema import ANSWER, ATTRIBUTION, DECISION, check, same_as_json

import ecology as eco
from ecology.errors import AllLegsFailed

CASCADE = {"kind": "cascade", "leg_confidence": 0.5}
DOUBT = {"kind": "adaptive", "decision_confidence": 1.0}
CERTAIN = {"kind": "adaptive", "decision_confidence": 0.0}


def legs(answer: eco.Answer) -> list[tuple[str, str, str]]:
    """(model, why, outcome) of each leg, in the order in which they were started."""
    return [(leg["model"], leg["why"], leg["outcome"]) for leg in answer.attribution["legs"]]


# functions from cheap to dear, plan → ending, output, legs
PLANS: list[tuple[str, list[Any], dict[str, Any], str, Any, list[tuple[str, str, str]]]] = [
    ("direct", ["echo", "sure"], {}, "answered", "hello", [("echo@1", "best", "ok")]),
    (
        "next in rank",
        ["fails", "sure", "echo"],
        {},
        "fell_back",
        "sure",
        [("fails@1", "best", "failed"), ("sure@1", "next_in_rank", "ok")],
    ),
    (
        "declared fallback",
        [{"name": "fails", "fallback": "echo"}, "sure", "echo"],
        {},
        "fell_back",
        "hello",
        [("fails@1", "best", "failed"), ("echo@1", "declared_fallback", "ok")],
    ),
    (
        "a chain of fallbacks",
        ["fails", "wrong-output", "exits", "echo"],
        {"default_plan": {"kind": "direct", "max_fallbacks": 3}},
        "fell_back",
        "hello",
        [
            ("fails@1", "best", "failed"),
            ("wrong-output@1", "next_in_rank", "bad_output"),
            ("exits@1", "next_in_rank", "failed"),
            ("echo@1", "next_in_rank", "ok"),
        ],
    ),
    (
        "cascade accepts",
        ["sure", "echo"],
        {"default_plan": CASCADE},
        "accepted",
        "sure",
        [("sure@1", "first_stage", "ok")],
    ),
    (
        "cascade accepts at the threshold itself",
        ["sure", "echo"],
        {"default_plan": CASCADE | {"leg_confidence": 0.9375}},
        "accepted",
        "sure",
        [("sure@1", "first_stage", "ok")],
    ),
    (
        "cascade escalates",
        ["unsure", "echo"],
        {"default_plan": CASCADE},
        "escalated",
        "hello",
        [("unsure@1", "first_stage", "ok"), ("echo@1", "escalation", "ok")],
    ),
    (
        "silence is not confidence",
        ["silent", "echo"],
        {"default_plan": CASCADE},
        "escalated",
        "hello",
        [("silent@1", "first_stage", "ok"), ("echo@1", "escalation", "ok")],
    ),
    (
        "escalation failed",
        ["unsure", "fails"],
        {"default_plan": CASCADE},
        "escalation_failed",
        "unsure",
        [("unsure@1", "first_stage", "ok"), ("fails@1", "escalation", "failed")],
    ),
    (
        "nobody to escalate to",
        ["unsure"],
        {"default_plan": CASCADE},
        "nobody_to_escalate_to",
        "unsure",
        [("unsure@1", "first_stage", "ok")],
    ),
    (
        "named stages",
        ["echo", "sure", "unsure"],
        {"default_plan": CASCADE | {"first": "unsure", "then": "sure"}},
        "escalated",
        "sure",
        [("unsure@1", "first_stage", "ok"), ("sure@1", "escalation", "ok")],
    ),
    (
        "first stage fails",
        ["fails", "sure"],
        {"default_plan": CASCADE},
        "fell_back",
        "sure",
        [("fails@1", "first_stage", "failed"), ("sure@1", "next_in_rank", "ok")],
    ),
    (
        "escalation not afforded",
        ["unsure", "echo"],
        {"default_plan": CASCADE, "budgets": {"team": {"usd": 0.0025}}},
        "not_afforded",
        "unsure",
        [("unsure@1", "first_stage", "ok"), ("echo@1", "escalation", "not_afforded")],
    ),
    (
        "adaptive, certain",
        ["unsure", "sure"],
        {"default_plan": CERTAIN},
        "answered",
        "unsure",
        [("unsure@1", "best", "ok")],
    ),
    (
        "adaptive, in doubt",
        ["unsure", "sure", "echo"],
        {"default_plan": DOUBT},
        "selected",
        "sure",
        [("unsure@1", "doubt", "ok"), ("sure@1", "doubt", "ok")],
    ),
    (
        "adaptive, one of two fails",
        ["fails", "unsure", "echo"],
        {"default_plan": DOUBT},
        "fell_back",
        "unsure",
        [("fails@1", "doubt", "failed"), ("unsure@1", "doubt", "ok")],
    ),
    (
        "adaptive, both fail",
        ["fails", "wrong-output", "echo"],
        {"default_plan": DOUBT},
        "fell_back",
        "hello",
        [("fails@1", "doubt", "failed"), ("wrong-output@1", "doubt", "bad_output"), ("echo@1", "next_in_rank", "ok")],
    ),
]


def population_of(wanted: list[Any]) -> list[dict[str, Any]]:
    made = []
    for one in wanted:
        facts = {"name": one} if isinstance(one, str) else dict(one)
        if facts["name"] == "wrong-output":
            facts["function"] = "unspeakable"
        made.append(model(**facts))
    return ranked_by_price(*made)


@pytest.mark.parametrize("blocking", [True, False], ids=["answer", "aanswer"])
@pytest.mark.parametrize(
    ("wanted", "policy", "ending", "output", "expected"), [p[1:] for p in PLANS], ids=[p[0] for p in PLANS]
)
def test_a_plan_ends_as_it_says_and_everything_that_ran_is_accounted_for(
    tmp_path: Path,
    wanted: list[Any],
    policy: dict[str, Any],
    ending: str,
    output: Any,
    expected: list[tuple[str, str, str]],
    blocking: bool,
) -> None:
    with serve(tmp_path, *population_of(wanted), **({"budgets": {"team": {"usd": 1}}} | policy)) as ecology:
        if blocking:
            answer = ecology.answer("hello", account="team")
        else:
            answer = asyncio.run(ecology.aanswer("hello", account="team"))
        assert (answer.ending, answer.output, answer.attribution["ending"]) == (ending, output, ending)
        assert answer.attribution["plan"] == policy.get("default_plan", {"kind": "direct"})["kind"]
        # Two that run at once may be told of in either order; the models cannot be mistaken.
        assert sorted(legs(answer)) == sorted(expected)
        check_books(ecology, answer)


def check_books(ecology: eco.Ecology, answer: eco.Answer) -> None:
    """Attribution, event, counters, accounts and savings tell one story of the only request so far."""
    attribution = answer.attribution
    assert ecology.take_events() == [attribution]
    assert ecology.event_counts() == (1, 0)
    told = {leg["model"]: leg for leg in attribution["legs"]}
    rows = ecology.counters()
    counted = {row["model"]: row for row in rows if row["role"] == "generator"}
    overhead = [row for row in rows if row["role"] == "overhead"]
    assert len(overhead) == 1 and (overhead[0]["calls"], overhead[0]["ok"]) == (1, 1)
    # What was refused by the budget never ran.
    ran = {name: leg for name, leg in told.items() if leg["outcome"] != "not_afforded"}
    assert set(ran) <= set(counted)
    for name, leg in ran.items():
        row = counted[name]
        assert row["calls"] == 1 and row["ok"] == (leg["outcome"] == "ok")
        assert row["ok"] + row["failed"] + row["timed_out"] + row["cancelled"] == 1
        assert row["nano_usd"] == round(leg["cost_usd"] * 1e9)
        assert (row["tokens_in"], row["tokens_out"]) == (leg["tokens_in"], leg["tokens_out"])
        assert row["compute_ns"] == round(leg["compute_ms"] * 1e6)
        assert row["account"] == "team"
    assert [leg["model"] for leg in told.values() if leg["chosen"]] == [answer.model]
    assert told[answer.model or ""]["outcome"] == "ok"
    nano = sum(row["nano_usd"] for row in rows)
    assert round(answer.cost_usd * 1e9) == nano == round(attribution["cost_usd"] * 1e9)
    team = {row["resource"]: row for row in ecology.accounts() if row["account"] == "team"}
    assert team["nano_usd"]["committed"] == nano
    assert held(ecology) == 0
    savings = ecology.savings()
    assert savings.requests == 1
    assert round(savings.cost_usd * 1e9) == nano
    check(answer.to_dict(), ANSWER)
    same_as_json(attribution)


# --- inputs and outputs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "output"),
    [
        ("label", "refund"),
        ("echo", "hello"),
        ("json_object", {"orders": ["A-1", "A-2"], "paid": True, "sum": 12.5, "count": 2, "note": None,
                         "deep": {"ä": []}}),
    ],
)  # fmt: skip
def test_an_output_comes_back_as_it_was_given(tmp_path: Path, function: str, output: Any) -> None:
    with serve(tmp_path, model("m", function)) as ecology:
        answer = ecology.answer("hello")
        assert answer.output == output and type(answer.output) is type(output)
        assert answer.attribution["legs"][0]["output"] == output
        check(answer.to_dict(), ANSWER)
        same_as_json(answer.to_dict())


def test_an_array_comes_back_as_float32_of_its_shape(tmp_path: Path) -> None:
    with serve(tmp_path, model("m", "array")) as ecology:
        answer = ecology.answer("hello")
        assert answer.output.dtype == np.float32
        np.testing.assert_array_equal(answer.output, [[0.5, -1.0, 2.0], [3.0, 4.0, 5.5]])
        assert answer.attribution["legs"][0]["output"] == {"shape": [2, 3]}
        same_as_json(answer.attribution)


def test_a_reply_brings_its_confidence_and_its_tokens(tmp_path: Path) -> None:
    price = {"usd_per_call": 0.5, "usd_per_million_tokens_in": 2.0, "usd_per_million_tokens_out": 3.0}
    with serve(tmp_path, model("sure", price=price)) as ecology:
        answer = ecology.answer("hello")
        [leg] = answer.attribution["legs"]
        assert answer.confidence == answer.attribution["confidence"] == leg["confidence"] == 0.9375
        assert (leg["tokens_in"], leg["tokens_out"]) == (7, 5)
        # In integers of a billionth: 0.5 $ + 7 · 2000 + 5 · 3000.
        assert round(answer.cost_usd * 1e9) == 500_000_000 + 14_000 + 15_000


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        ("Where is my card?", {"type": "str", "shape": None}),
        (b"Where is my card?", {"type": "str", "shape": None}),
        ([{"role": "user", "content": "Hi!"}], {"type": "list", "shape": None}),
        ([{"role": "user", "content": [{"type": "text", "text": "Hi!"}]}], {"type": "list", "shape": None}),
        ({"order": 4471}, {"type": "dict", "shape": None}),
        ([1, 2, 3], {"type": "list", "shape": None}),
        (42, {"type": "int", "shape": None}),
        (0, {"type": "int", "shape": None}),
        (False, {"type": "bool", "shape": None}),
        (np.zeros((2, 3), dtype=np.float32), {"type": "ndarray", "shape": [2, 3]}),
    ],
    ids=["text", "bytes", "chat", "parts", "object", "list", "number", "zero", "false", "array"],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "Request"])
def test_a_member_gets_the_input_as_the_caller_gave_it_and_bytes_as_text(
    tmp_path: Path, data: Any, seen: dict[str, Any], wrapped: bool
) -> None:
    contract = {"modalities": ["text", "json", "array"]}
    with serve(tmp_path, model("m", "kind_of", contract=contract)) as ecology:
        answer = ecology.answer(eco.Request(input=data) if wrapped else data)
        assert answer.output == seen


def test_the_last_turn_of_a_chat_is_what_is_routed(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "b"},
    ]
    with serve(tmp_path, model("m", "kind_of"), log_text="full") as ecology:
        assert ecology.route(turns).to_dict() == ecology.route("b").to_dict()
        assert '"text":"b"' in ecology.route(turns).record()


# --- one schema --------------------------------------------------------------------------------------------


def test_answer_decision_and_event_have_one_schema_also_when_the_request_fails(tmp_path: Path) -> None:
    models = ranked_by_price(model("fails"), model("echo"), model("denied", "echo", stage="archived"))
    with serve(tmp_path, *models, plans={"alone": {"kind": "direct", "max_fallbacks": 0}}) as ecology:
        answer = ecology.answer("hello")
        with pytest.raises(AllLegsFailed) as caught:
            ecology.answer("hello", task="alone")
        answered, failed = ecology.take_events()
        check(answer.to_dict(), ANSWER)
        for event in (answered, failed):
            check(event, ATTRIBUTION)
            same_as_json(event)
        assert (failed["ending"], failed["model"], failed["task"]) == ("failed", None, "alone")
        assert failed["legs"] == caught.value.legs
        decision = ecology.route("hello")
        check(decision.to_dict(), DECISION)
        same_as_json(decision.to_dict())
        assert decision.to_dict() == answer.attribution["decision"] == answer.decision.to_dict()
        assert set(decision.to_dict()["excluded"]) == {"denied@1"}
        assert decision.ranked == [(row["model"], row["confidence"]) for row in decision.to_dict()["ranked"]]
        assert (decision.model, decision.propensity, decision.calibrated) == ("fails@1", 1.0, False)


def test_events_that_do_not_fit_are_counted_as_dropped(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo"), limits={"events": 3}) as ecology:
        answers = [ecology.answer(f"number {n}") for n in range(5)]
        assert ecology.event_counts() == (5, 2)
        assert ecology.take_events(2) == [answer.attribution for answer in answers[:2]]
        assert ecology.take_events() == [answers[2].attribution]
        assert ecology.take_events() == []


# --- replay and savings ------------------------------------------------------------------------------------

PROMPTS = ["hi", "Where is my card?", "What is 17 * 23 + 4?", "def f(x): return x", "日本語でお願いします", "é" * 3000]


@pytest.mark.parametrize("log_text", ["features", "full"])
def test_a_record_and_its_snapshot_give_the_same_decision(tmp_path: Path, log_text: str) -> None:
    routing = {
        "exploration_floor": 0.2,
        "rules": [{"name": "sums", "maths": True, "prefer": "c"}, {"name": "long", "min_words": 3, "prefer": "b"}],
    }
    models = [model("a", "echo", tier="small"), model("b", "echo", tier="large"), model("c", "echo")]
    with serve(tmp_path, *models, routing=routing, log_text=log_text) as ecology:
        chosen = set()
        for seed, prompt in enumerate(PROMPTS * 4):
            decision = ecology.route(prompt, seed=seed)
            assert eco.replay(ecology.snapshot, decision.record()) == decision.to_dict()
            chosen.add(decision.model)
        assert len(chosen) > 1, "exploration and rules should not all choose one model"


def test_a_record_is_refused_under_another_snapshot_or_without_the_prompt(tmp_path: Path) -> None:
    with serve(tmp_path, model("echo"), log_text="none") as ecology:
        record, snapshot = ecology.route("hello").record(), ecology.snapshot
        with pytest.raises(ValueError, match="neither features nor text"):
            eco.replay(snapshot, record)
        ecology.reload(describe(tmp_path, model("sure")))
        with pytest.raises(ValueError, match="under snapshot"):
            eco.replay(ecology.snapshot, record)


def test_savings_add_up_against_the_counters(tmp_path: Path) -> None:
    small = model("small", "echo", price={"usd_per_call": 0.001}, tier="small")
    large = model("large", "sure", price={"usd_per_call": 0.01}, tier="large")
    with serve(tmp_path, small, large, baseline="large") as ecology:
        cost = sum(ecology.answer("hello").cost_usd for _ in range(6)) + ecology.answer("hi", model="large").cost_usd
        savings, rows = ecology.savings(), ecology.counters()
        assert (savings.requests, savings.baseline) == (7, "large@1")
        assert round(savings.cost_usd * 1e9) == round(cost * 1e9) == sum(row["nano_usd"] for row in rows) == 16_000_000
        assert round(savings.baseline_cost_usd * 1e9) == 7 * 10_000_000
        assert savings.saved_usd == pytest.approx(0.07 - 0.016)
        assert savings.share == {"small@1": pytest.approx(6 / 7), "large@1": pytest.approx(1 / 7)}
        assert savings.compute_ms == pytest.approx(sum(row["compute_ns"] for row in rows) / 1e6)
        overhead = sum(row["compute_ns"] for row in rows if row["role"] == "overhead") / 1e6
        assert savings.overhead_ms == pytest.approx(overhead)
        [own] = [row["compute_ns"] for row in rows if row["model"] == "large@1"]
        assert savings.baseline_compute_ms == pytest.approx(7 * own / 1e6)
        same_as_json(savings.to_dict())


def test_without_a_request_nothing_is_claimed_to_be_saved(tmp_path: Path) -> None:
    with serve(tmp_path, model("large", "echo", tier="large")) as ecology:
        savings = ecology.savings()
        assert (savings.requests, savings.saved_usd, savings.baseline_compute_ms, savings.share) == (0, 0.0, None, {})
