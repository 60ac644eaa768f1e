"""The table: its columns, its parts, its digest and its matrices, each beside a slow obvious twin."""

from __future__ import annotations

import hashlib
import json
import math
import random
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecology.errors import OutcomesError, SeenInTraining
from ecology.population.training import fingerprint
from ecology.routing import Outcome, Outcomes, Router
from ecology.routing.matrix import Matrix, split_by_prompt

prompts = st.sampled_from(["p", "q", "r", "ä", "Ω"])
models = st.sampled_from(["b@1", "a@1", "c@2"])
share = st.floats(0, 1)
outcome = st.builds(
    Outcome,
    prompt=prompts,
    model=models,
    score=share,
    cost_usd=st.none() | st.floats(0, 9),
    latency_ms=st.none() | st.floats(0, 9),
    task=st.none() | st.sampled_from(["t", "s"]),
    split=st.none() | st.sampled_from(["train", "val", "test"]),
    leg_confidence=st.none() | share,
    tokens_in=st.none() | st.integers(0, 99),
    fold=st.none() | st.sampled_from(["0", "1"]),
)
rows = st.lists(outcome, min_size=1, max_size=12)


def table(some: list[Outcome]) -> Outcomes:
    return Outcomes.of_log(some)  # as `read`, without the warning about repeats


# --- slow twins --------------------------------------------------------------------------------------------


def slow_matrix(some: list[Outcome], models: list[str], value: str) -> dict[tuple[str, str], Any]:
    return {(one.prompt, one.model): getattr(one, value) for one in some if one.model in models}


def slow_digest(some: list[Outcome]) -> str:
    names = [name for name in Outcome.__slots__ if any(getattr(one, name) is not None for one in some)]
    ordered = sorted(some, key=lambda one: (one.prompt, one.model))
    digest = hashlib.sha256(json.dumps(["ecology.outcomes.v1", len(some), names]).encode())
    for name in names:
        column = [getattr(one, name) for one in ordered]
        if name in ("prompt", "model", "task", "split", "fold"):
            values = sorted({value for value in column if value is not None})
            digest.update(json.dumps(values, ensure_ascii=False).encode() + b"\n")
            for value in column:
                digest.update(struct.pack("<i", -1 if value is None else values.index(value)))
        else:
            for value in column:
                digest.update(struct.pack("<d", math.nan if value is None else value + 0.0))
    return "sha256:" + digest.hexdigest()


def slow_split(some: list[Outcome], share: float, seed: int) -> tuple[list[Outcome], list[Outcome]]:
    if any(one.split for one in some):
        return (
            [one for one in some if one.split == "train"],
            [one for one in some if one.split in ("val", "validation")],
        )
    drawn = {
        one.prompt: int.from_bytes(hashlib.sha256(f"{seed}|{one.prompt}".encode()).digest()[:8]) / 2**64 < share
        for one in some
    }
    return [one for one in some if not drawn[one.prompt]], [one for one in some if drawn[one.prompt]]


@given(some=rows)
@settings(deadline=None)
def test_the_table_is_its_rows(some: list[Outcome]) -> None:
    made = table(some)
    assert list(made) == some and len(made) == len(some)
    assert [made[at] for at in range(-len(some), len(some))] == [*some, *some]
    assert list(made[1:]) == some[1:] and list(made[::-1]) == some[::-1]
    assert made.prompts == list(dict.fromkeys(one.prompt for one in some))
    assert made.models == sorted({one.model for one in some})
    assert [made.prompts[code] for code in made.prompt_codes] == [one.prompt for one in some]
    assert [made.models[code] for code in made.model_codes] == [one.model for one in some]
    pairs = {(one.prompt, one.model) for one in some}
    assert made.repeated == len(some) - len(pairs)
    assert made.is_full == (len(pairs) == len(made.prompts) * len(made.models))
    assert made == table(some) and (made == table(some[::-1])) == (some == some[::-1])
    assert made.to_rows() == [{name: getattr(one, name) for name in made.fields} for one in some]


@given(some=rows, value=st.sampled_from(["score", "leg_confidence", "tokens_in"]), known=st.sets(models, min_size=1))
@settings(deadline=None)
def test_the_matrix_holds_the_last_outcome_of_each_pair(some: list[Outcome], value: str, known: set[str]) -> None:
    columns = sorted(known, reverse=True)
    matrix = Matrix.of(table(some), columns, value)
    assert matrix.models == columns
    assert matrix.prompts == list(dict.fromkeys(one.prompt for one in some if one.model in known))
    for name, found in ((value, matrix.scores), ("cost_usd", matrix.cost_usd), ("latency_ms", matrix.latency_ms)):
        slow = slow_matrix(some, columns, name)
        expected = [[slow.get((prompt, model)) for model in columns] for prompt in matrix.prompts]
        expected_array = np.array(expected, np.float32).reshape(len(matrix.prompts), len(columns))
        assert found.dtype == np.float32 and np.array_equal(found, expected_array, equal_nan=True)


@given(some=rows, shuffled=st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_digest_is_of_the_content_and_not_of_the_order(some: list[Outcome], shuffled: random.Random) -> None:
    made = table(some)
    assert made.digest == slow_digest(some)
    single = list({(one.prompt, one.model): one for one in some}.values())
    mixed = single.copy()
    shuffled.shuffle(mixed)
    assert table(single).digest == table(mixed).digest


def test_the_digest_of_known_content_stays_what_it_is() -> None:
    made = Outcomes.read([Outcome("hi", "a@1", 1.0, 0.25), Outcome("hi", "b@1", 0.0, task="t")])
    assert made.digest == "sha256:64d5d729c51343756270fb9fb7289421f0bd1e9b0684d6ec6341129db251f37c"
    assert Outcomes.read([Outcome("hi", "a@1", 1.0, 0.5), Outcome("hi", "b@1", 0.0, task="t")]).digest != made.digest


def test_which_of_two_repeats_is_last_changes_the_digest() -> None:
    one, two = Outcome("hi", "a@1", 1.0), Outcome("hi", "a@1", 0.0)
    assert table([one, two]).digest != table([two, one]).digest


def test_minus_zero_is_zero_in_the_digest() -> None:
    assert table([Outcome("hi", "a@1", -0.0)]).digest == table([Outcome("hi", "a@1", 0.0)]).digest


@given(some=rows, portion=share, seed=st.integers(0, 3))
@settings(deadline=None)
def test_a_split_puts_a_prompt_on_one_side(some: list[Outcome], portion: float, seed: int) -> None:
    train, validation = table(some).split(portion, seed)
    assert (list(train), list(validation)) == slow_split(some, portion, seed)
    assert "split" in train.fields or not set(train.prompts) & set(validation.prompts)


@given(some=rows)
@settings(deadline=None)
def test_a_summary_is_the_means_of_rows(some: list[Outcome]) -> None:
    for row in table(some).summary():
        own = [one for one in some if one.model == row["model"]]
        costs = [one.cost_usd for one in own if one.cost_usd is not None]
        assert row["outcomes"] == len(own)
        assert row["coverage"] == len({one.prompt for one in own}) / len({one.prompt for one in some})
        assert row["score"] == pytest.approx(sum(one.score for one in own) / len(own))
        assert row["cost_usd"] == (pytest.approx(sum(costs) / len(costs)) if costs else None)


# --- what is refused or told -------------------------------------------------------------------------------


def test_a_repeated_pair_is_warned_about_and_the_last_counts() -> None:
    with pytest.warns(UserWarning, match="1 outcomes repeat a prompt and model; the last one of each counts"):
        made = Outcomes.read([Outcome("hi", "a@1", 1.0), Outcome("hi", "a@1", 0.25)])
    assert made.matrix().scores.tolist() == [[0.25]]


def test_a_model_never_seen_is_told_with_those_that_were() -> None:
    made = table([Outcome("hi", "a@1", 1.0), Outcome("hi", "b@1", 1.0)])
    asks = [
        lambda: made.of_models(["a@1", "x@1", "y@1"]),
        lambda: made.matrix(models=["x@1", "y@1"]),
        lambda: made.renamed({"a@1": "z@1", "x@1": "z@1", "y@1": "z@1"}),
    ]
    for ask in asks:
        with pytest.raises(OutcomesError, match=r"there are outcomes of: a@1, b@1") as caught:
            ask()
        assert [violation.place for violation in caught.value.violations] == ["model x@1", "model y@1"]
    assert made.of_models(["b@1"]).models == ["b@1"]


def test_renamed_models_keep_their_outcomes() -> None:
    made = table([Outcome("hi", "a", 1.0), Outcome("hi", "b", 0.0), Outcome("why", "c", 0.5)])
    again = made.renamed({"a": "z@1", "c": "b"})
    assert [(one.model, one.score) for one in again] == [("z@1", 1.0), ("b", 0.0), ("b", 0.5)]
    assert again.models == ["b", "z@1"] and made.models == ["a", "b", "c"]


def test_a_model_that_nobody_can_learn_from_is_told() -> None:
    some = [Outcome(f"p{n}", m, 1.0, split="train" if n < 10 else "val") for n in range(20) for m in ("a@1", "b@1")]
    late = [Outcome(f"p{n}", "late@1", 1.0, split="val") for n in range(10, 20)]
    with pytest.raises(OutcomesError, match="among the rows to learn from") as caught:
        split_by_prompt(some + late, 0.2, 0)
    assert [violation.place for violation in caught.value.violations] == ["model late@1"]


def test_columns_are_read_only() -> None:
    made = table([Outcome("hi", "a@1", 1.0)])
    for column in (made.numbers("score"), made.prompt_codes, made.model_codes):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0
    for name in ("nothing", "prompt"):
        with pytest.raises(KeyError):
            made.numbers(name)
    with pytest.raises(KeyError):
        made.texts("score")


def test_a_given_array_stays_the_callers() -> None:
    scores = np.array([1.0, 0.0])
    made = Outcomes.read({"prompt": ["a", "b"], "model": ["m", "m"], "score": scores})
    scores[:] = 0.5
    assert made.numbers("score").tolist() == [1.0, 0.0]


# --- training data -----------------------------------------------------------------------------------------

SEEN = [Outcome("Where is my card?", "a@1", 1.0), Outcome("where is  MY card?", "a@1", 1.0),
        Outcome("Where is my card?", "b@1", 1.0), Outcome("What else?", "a@1", 0.0)]  # fmt: skip
TRAINED = {"a@1": [fingerprint("where is my card?")], "c@1": [fingerprint("What else?")]}


def test_outcomes_on_training_prompts_are_refused_with_models_and_examples() -> None:
    with pytest.raises(SeenInTraining) as caught:
        table(SEEN).check_training(TRAINED)
    assert caught.value.counts == {"a@1": 2}
    assert caught.value.examples == {"a@1": ["Where is my card?", "where is  MY card?"]}
    assert "a@1: 2 rows, such as 'Where is my card?'" in str(caught.value)


def test_out_of_fold_outcomes_and_other_models_are_exempt() -> None:
    folded = [Outcome(one.prompt, one.model, one.score, fold="2") for one in SEEN]
    table(folded).check_training(TRAINED)
    table(SEEN).check_training({"b@1": [fingerprint("What else?")], "nobody@1": [fingerprint(SEEN[0].prompt)]})
    with pytest.raises(SeenInTraining) as caught:
        table([*folded, SEEN[0]]).check_training(TRAINED)
    assert caught.value.counts == {"a@1": 1}


def test_a_router_is_not_fitted_on_what_its_models_have_learnt_by_heart() -> None:
    some = [Outcome(f"prompt {n}", m, float(n % 2)) for n in range(40) for m in ("a@1", "b@1")]
    with pytest.raises(SeenInTraining, match="b@1: 1 row"):
        Router.fit(some, trained_on={"b@1": [fingerprint("prompt 7")]})
    assert Router.fit(some, trained_on={"b@1": [fingerprint("prompt 77")]}).models == ["a@1", "b@1"]


# --- for people --------------------------------------------------------------------------------------------


def test_the_table_tells_what_it_is() -> None:
    made = table([Outcome("hi", "a@1", 1.0, 0.5), Outcome("hi", "<b>@1", 0.5), Outcome("why", "a@1", 0.0)])
    assert repr(made) == "Outcomes(3 outcomes: 2 prompts \u00d7 2 models, 75 % of pairs; mean score 0.500; cost_usd)"
    assert repr(table([Outcome("hi", "a@1", 1.0)])).endswith("1 models, full; mean score 1.000)")
    page = made._repr_html_()
    assert "&lt;b&gt;@1" in page and "<b>" not in page and "<th>cost_usd</th>" in page and "latency" not in page
