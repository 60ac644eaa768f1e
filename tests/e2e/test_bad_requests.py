"""What a bad request gets: a class of its own, its facts as fields, and a sentence that says what to do.

Whatever went wrong, the same ecology answers the next good request, and nothing stays reserved.
"""

from __future__ import annotations

import asyncio
import math
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.populations import describe, held, members, model, serve

import ecology as eco
from ecology.backends.onnx_head import write_head
from ecology.errors import (
    AllLegsFailed,
    BudgetExhausted,
    Closed,
    EcologyError,
    EmptyInput,
    InputTooLarge,
    InvalidDeadline,
    InvalidRequest,
    InvalidUtf8,
    NoEligibleModel,
    UnknownTask,
)

ALONE = {"kind": "direct", "max_fallbacks": 0}

# Each of these fails in its own way when it is asked by name.
FAULTY = [
    "fails",
    "fails-async",
    "gives-up",
    "exits",
    "exits-async",
    "nan-output",
    "nan-in-json",
    "wrong-label",
    "overconfident",
    "nan-confidence",
    "unspeakable",
    "bottomless",
    "negative-tokens",
]


@pytest.fixture(scope="module")
def ecology(tmp_path_factory: pytest.TempPathFactory) -> Iterator[eco.Ecology]:
    root = tmp_path_factory.mktemp("bad")
    rng = np.random.default_rng(0)
    write_head(root / "head.onnx", rng.normal(size=(4, 3)).astype(np.float32), np.zeros(3, dtype=np.float32))
    backend = {"kind": "onnx", "path": "head.onnx", "labels": ["a", "b", "c"]}
    arrays = {"tasks": ["arrays"], "modalities": ["array"], "output": "label", "labels": ["a", "b", "c"]}
    faulty = {"tasks": ["faults"]}
    labels = faulty | {"output": "label", "labels": ["refund"]}
    yielded = serve(
        root,
        model("echo", contract={"tasks": ["chat"]}, price={"usd_per_call": 0.5}),
        model("french", "echo", contract={"tasks": ["chat"], "languages": ["fr"], "max_input_bytes": 20}),
        model("unpriced", "echo", contract={"tasks": ["chat"], "data_classes": ["public"]}, price=None),
        model("old", "echo", contract={"tasks": ["chat"]}, stage="archived"),
        model("judge", contract={"tasks": ["chat"]}, role="judge"),
        model("banned", "echo", contract={"tasks": ["chat"]}),
        model("echo-async", contract={"tasks": ["async"]}),
        model("head", "echo", contract=arrays) | {"backend": backend},
        *(model(name, contract=labels if name == "wrong-label" else faulty) for name in FAULTY),
        deny=["banned@*"],
        default_plan=ALONE,
        budgets={"poor": {"usd": 0.6}, "rich": {"usd": 100}},
        defaults={"language": "en", "data_class": "secret"},
    )
    yield yielded
    yielded.close()


def ask(ecology: eco.Ecology, blocking: bool, data: Any, stated: dict[str, Any]) -> eco.Answer:
    if blocking:
        return ecology.answer(data, **stated)
    return asyncio.run(ecology.aanswer(data, **stated))


def still_serves(ecology: eco.Ecology) -> None:
    assert ecology.answer("fine", task="async").output == "fine"
    assert ecology.answer("fine", task="chat", account="rich").output == "fine"
    assert held(ecology) == 0


Facts = dict[str, Any] | Callable[[Any], bool]

# data, what is stated → the class, its facts, what the sentence tells to do
REFUSED: dict[str, tuple[Any, dict[str, Any], type[EcologyError], Facts, str]] = {
    "empty": ("", {}, EmptyInput, {}, "send some text"),
    "no bytes": (b"", {}, EmptyInput, {}, "send some text"),
    "nothing": (None, {}, EmptyInput, {}, "send some text"),
    "empty list": ([], {}, EmptyInput, {}, "send some text"),
    "empty object": ({}, {}, EmptyInput, {}, "send some text"),
    "empty array": (np.zeros((0, 4)), {}, EmptyInput, {}, "send some text"),
    "chat without a user": ([{"role": "system", "content": "x"}], {}, EmptyInput, {}, "send some text"),
    "white space": (" \n\t\u2003", {}, EmptyInput, {}, "send some text"),
    "not UTF-8": (b"caf\xe9 au lait", {}, InvalidUtf8, {"position": 3}, "decode it first"),
    "cut in a character": ("é".encode()[:1], {}, InvalidUtf8, {"position": 0}, "decode it first"),
    "lone surrogate": ("half \ud83d a pair", {}, InvalidUtf8, {"position": 5}, "decode it first"),
    "11 MB": (
        "x" * 11_000_000,
        {},
        InputTooLarge,
        {"input_bytes": 11_000_000, "limit_bytes": 10_000_000},
        "send less text or raise `limits.input_bytes`",
    ),
    "bytes are counted, not characters": (
        "é" * 6_000_000,
        {},
        InputTooLarge,
        {"input_bytes": 12_000_000, "limit_bytes": 10_000_000},
        "send less text",
    ),
    "a large array": (np.zeros(2_000_000), {}, InputTooLarge, {"input_bytes": 16_000_000}, "send less"),
    "deadline 0": ("hi", {"deadline_ms": 0}, InvalidDeadline, {"deadline_ms": 0}, "give a number above 0"),
    "deadline -1": ("hi", {"deadline_ms": -1}, InvalidDeadline, {"deadline_ms": -1}, "give a number above 0"),
    "deadline nan": (
        "hi", {"deadline_ms": math.nan}, InvalidDeadline, lambda e: math.isnan(e.deadline_ms), "give a number above 0"
    ),
    "deadline inf": ("hi", {"deadline_ms": math.inf}, InvalidDeadline, {"deadline_ms": math.inf}, "above 0"),
    "budget's deadline 0": (
        "hi", {"budget": eco.Budget(deadline_ms=0)}, InvalidDeadline, {"deadline_ms": 0}, "give a number above 0"
    ),
    "unknown task": (
        "hi",
        {"task": "chatt"},
        UnknownTask,
        lambda e: e.task == "chatt" and set(e.known) == {"chat", "arrays", "faults", "async"},
        "ask for one of:",
    ),
    "nobody is eligible": (
        "a sentence of 26 characters",
        {"task": "chat", "language": "de", "data_class": "public", "model": "french", "budget": eco.Budget(usd=9)},
        NoEligibleModel,
        lambda e: clauses(e) == {
            "echo@1": ["not_asked"],
            "french@1": ["language", "input_size"],
            "unpriced@1": ["not_asked", "unknown_price"],
            "old@1": ["stage", "not_asked"],
            "judge@1": ["role", "not_asked"],
            "banned@1": ["policy", "not_asked"],
        },
        "loosen the request, the policy or a contract",
    ),
    "no model of that name": ("hi", {"task": "chat", "model": "ecko"}, NoEligibleModel, {}, "ask for one of: echo@1"),
    "an unknown price under a money budget": (
        "hi",
        {"task": "chat", "model": "unpriced", "data_class": "public", "budget": eco.Budget(usd=1)},
        NoEligibleModel,
        lambda e: clauses(e)["unpriced@1"] == ["unknown_price"],
        "state a price, 0 for free",
    ),
    "the request's budget": (
        "hi",
        {"task": "chat", "budget": eco.Budget(usd=0.25)},
        BudgetExhausted,
        {"account": "request", "resource": "nano_usd", "limit": 250_000_000, "held": 0, "needed": 500_000_000,
         "retry_after_ms": None},
        "raise the limit or ask for less",
    ),
    "a budget of nothing": (
        "hi", {"task": "chat", "budget": eco.Budget(usd=0)}, BudgetExhausted, {"limit": 0}, "raise the limit"
    ),
    "a token budget": (
        "hi", {"task": "chat", "budget": eco.Budget(tokens_out=10)}, BudgetExhausted,
        {"resource": "tokens_out", "limit": 10, "needed": 1024}, "raise the limit",
    ),
    "neither text, JSON nor an array": (object(), {}, InvalidRequest, {}, "send one of those"),
    "NaN in JSON": ({"x": math.nan}, {}, InvalidRequest, {}, "send one of those"),
    "a set": ({1, 2}, {}, InvalidRequest, {}, "send one of those"),
    "a Request and keywords": (
        eco.Request(input="hi", task="chat"), {"deadline_ms": 5}, InvalidRequest, {}, "give none beside it"
    ),
}  # fmt: skip


def clauses(error: NoEligibleModel) -> dict[str, list[str]]:
    """The names of the clauses, for the models of the task `chat`; all others fail the clause `task`."""
    named = {model: [reason.partition(":")[0] for reason in why] for model, why in error.reasons.items()}
    return {model: names for model, names in named.items() if "task" not in names}


@pytest.mark.parametrize("blocking", [True, False], ids=["answer", "aanswer"])
@pytest.mark.parametrize(("data", "stated", "kind", "facts", "advice"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_request_is_refused_before_anything_starts(
    ecology: eco.Ecology,
    data: Any,
    stated: dict[str, Any],
    kind: type[EcologyError],
    facts: Facts,
    advice: str,
    blocking: bool,
) -> None:
    calls = sum(row["calls"] for row in ecology.counters())
    with pytest.raises(EcologyError) as caught:
        ask(ecology, blocking, data, stated)
    error = caught.value
    assert type(error) is kind
    assert advice in str(error)
    if callable(facts):
        assert facts(error), error.facts()
    else:
        assert {name: error.facts()[name] for name in facts} == facts
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert sum(row["calls"] for row in ecology.counters()) == calls
    still_serves(ecology)


@pytest.mark.parametrize(
    "name", [name for name, case in REFUSED.items() if "deadline" not in name and "Request" not in name]
)
def test_route_refuses_what_answer_refuses(ecology: eco.Ecology, name: str) -> None:
    data, stated, kind, _, _ = REFUSED[name]
    with pytest.raises(EcologyError) as caught:
        ecology.route(data, **stated)
    assert type(caught.value) is kind


def test_an_account_that_has_spent_its_money_refuses_until_it_is_raised(tmp_path: Path) -> None:
    def described(usd: float) -> eco.Description:
        return describe(tmp_path, model("echo", price={"usd_per_call": 0.25}), budgets={"org/team": {"usd": usd}})

    with eco.Ecology(described(0.6)) as ecology:
        for _ in range(2):
            ecology.answer("hi", account="org/team/key")
        with pytest.raises(BudgetExhausted) as caught:
            ecology.answer("hi", account="org/team/key")
        facts = {"account": "org/team", "resource": "nano_usd", "limit": 600_000_000, "held": 500_000_000,
                 "needed": 250_000_000, "retry_after_ms": None}  # fmt: skip
        assert caught.value.facts() == facts
        assert ecology.answer("hi", account="org/other").output == "hi"
        ecology.reload(described(0.75))
        assert ecology.answer("hi", account="org/team/key").output == "hi"
        assert held(ecology) == 0


# the model that is asked → outcome, a piece of its fault
FAULTS = {
    "fails": ("failed", "LookupError: nothing to say"),
    "fails-async": ("failed", "LookupError: nothing to say"),
    "gives-up": ("failed", "CancelledError"),
    "exits": ("failed", "SystemExit"),
    "exits-async": ("failed", "SystemExit"),
    "nan-output": ("bad_output", "NaN"),
    "nan-in-json": ("bad_output", "NaN"),
    "wrong-label": ("bad_output", '"something else" is not a label of the contract'),
    "overconfident": ("bad_output", "confidence 1.5 is not in [0, 1]"),
    "nan-confidence": ("bad_output", "confidence NaN is not in [0, 1]"),
    "unspeakable": ("bad_output", "neither text, JSON nor an array"),
    "bottomless": ("bad_output", "nested deeper"),
    "negative-tokens": ("bad_output", ""),
}


@pytest.mark.parametrize("blocking", [True, False], ids=["answer", "aanswer"])
@pytest.mark.parametrize(("name", "outcome", "fault"), [(name, *said) for name, said in FAULTS.items()], ids=FAULTS)
def test_a_member_that_fails_fails_its_leg_alone(
    ecology: eco.Ecology, name: str, outcome: str, fault: str, blocking: bool
) -> None:
    with pytest.raises(AllLegsFailed) as caught:
        ask(ecology, blocking, "hi", {"task": "faults", "model": name})
    [leg] = caught.value.legs
    assert (leg["model"], leg["outcome"]) == (f"{name}@1", outcome)
    assert fault in leg["fault"]
    assert f"{name}@1" in str(caught.value) and fault in str(caught.value)
    assert str(caught.value).splitlines()[-1].startswith("mend")
    assert pickle.loads(pickle.dumps(caught.value)).legs == caught.value.legs
    still_serves(ecology)


def test_every_faulty_member_is_tried() -> None:
    assert list(FAULTS) == FAULTY


@pytest.mark.parametrize(
    ("array", "outcome", "fault"),
    [
        (np.zeros((2, 4), dtype=np.float32), "bad_output", "6 numbers for 3 labels"),
        (np.zeros((1, 5), dtype=np.float32), "failed", "input"),
        (np.zeros(4, dtype=np.float32), "failed", "input"),
        (np.full((1, 4), np.nan, dtype=np.float32), "bad_output", "NaN"),
        (np.array([["a", "b", "c", "d"]]), "failed", "could not convert"),
    ],
    ids=["two rows", "five columns", "one axis", "NaN in, NaN out", "letters"],
)
def test_an_onnx_member_refuses_another_shape_and_goes_on(
    ecology: eco.Ecology, array: Any, outcome: str, fault: str
) -> None:
    with pytest.raises(AllLegsFailed) as caught:
        ecology.answer(array, task="arrays")
    assert caught.value.legs[0]["outcome"] == outcome
    assert fault.lower() in caught.value.legs[0]["fault"].lower()
    assert ecology.answer(np.ones((1, 4), dtype=np.float32), task="arrays").output in ("a", "b", "c")
    still_serves(ecology)


def test_every_leg_that_failed_is_told(tmp_path: Path) -> None:
    with serve(
        tmp_path,
        model("fails", fallback="unspeakable"),
        model("unspeakable"),
        model("overconfident"),
        default_plan={"kind": "direct", "max_fallbacks": 2},
        budgets={"team": {"usd": 1}},
    ) as ecology:
        with pytest.raises(AllLegsFailed) as caught:
            ecology.answer("hi", account="team")
        told = {leg["model"]: leg["outcome"] for leg in caught.value.legs}
        assert told == {"fails@1": "failed", "unspeakable@1": "bad_output", "overconfident@1": "bad_output"}
        rows = [row for row in ecology.counters() if row["role"] == "generator"]
        assert {row["model"]: row["failed"] for row in rows} == dict.fromkeys(told, 1)
        [overhead] = [row for row in ecology.counters() if row["role"] == "overhead"]
        assert (overhead["calls"], overhead["ok"], overhead["failed"]) == (1, 0, 1)
        assert ecology.savings().requests == 0
        assert held(ecology) == 0


def test_a_closed_ecology_says_so_everywhere(tmp_path: Path) -> None:
    ecology = serve(tmp_path, model("echo"))
    ecology.close()
    ecology.close()
    calls: list[Callable[[], Any]] = [
        lambda: ecology.answer("hi"),
        lambda: asyncio.run(ecology.aanswer("hi")),
        lambda: ecology.route("hi"),
        ecology.savings,
        ecology.counters,
        ecology.accounts,
        ecology.take_events,
        ecology.event_counts,
        ecology.reload,
        lambda: ecology.digest,
        lambda: ecology.generation,
        lambda: ecology.snapshot,
        lambda: ecology.description,
    ]
    for call in calls:
        with pytest.raises(Closed, match="open it again"):
            call()


def test_a_request_in_flight_ends_although_the_ecology_is_closed(tmp_path: Path) -> None:
    with serve(tmp_path, model("a", "scripted_a")) as ecology:

        def close_and_answer(_: Any) -> str:
            ecology.close()
            return "done"

        members(ecology).SCRIPT["a"] = close_and_answer
        assert ecology.answer("hi").output == "done"
        with pytest.raises(Closed):
            ecology.answer("hi")
