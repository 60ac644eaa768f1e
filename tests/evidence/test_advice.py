"""The verdict is one model where that is right, and a cascade or a router only where it is more than a coin."""

from __future__ import annotations

import numpy as np
import pytest

from ecology.evidence.advice import Advice, advise_on
from ecology.routing.validation import Validation

COST = np.array([0.001, 0.01])


def rows_of(
    n: int = 2000, *, leg: str = "tells", decision: str | None = None, seed: int = 0, dear: float = 0.9
) -> Validation:
    """Two models. `leg` is what the small one's confidence knows (`tells`, `hints`, `noise`,
    `silent`); `decision` what a router
    knows of both."""
    rng = np.random.default_rng(seed)
    easy = rng.random(n)
    chance = np.stack([np.clip(0.3 + 1.4 * easy, 0, 0.99), np.full(n, dear)], axis=1)
    score = (rng.random((n, 2)) < chance).astype(float)
    hints = np.clip(chance[:, 0] + rng.normal(0, 0.6, n), 0, 1)
    first = {"tells": chance[:, 0], "hints": hints, "noise": rng.random(n), "silent": np.full(n, np.nan)}[leg]
    told = {None: None, "tells": chance, "noise": np.clip(score.mean(axis=0) + rng.normal(0, 0.1, (n, 2)), 0, 1)}[
        decision
    ]
    return Validation(("small@1", "large@1"), score, np.stack([first, np.full(n, np.nan)], axis=1), COST, told)


CASES: dict[str, tuple[Validation, str, str, str]] = {
    "a cheap model that knows when it is right": (rows_of(), "a cascade", "small@1 → large@1", "% less"),
    "a confidence that is noise": (rows_of(leg="noise"), "one model", "large@1", "large@1"),
    "nothing to choose by": (rows_of(leg="silent"), "one model", "large@1", "there is nothing to choose by"),
    "a router that knows": (rows_of(leg="silent", decision="tells"), "the router", "the learned router", "% less"),
    "a router that guesses": (rows_of(leg="silent", decision="noise"), "one model", "large@1", "large@1"),
    "a cheap model that is as good": (rows_of(dear=0.7), "one model", "small@1", "small@1"),
}


@pytest.mark.parametrize(("rows", "verdict", "use", "said"), CASES.values(), ids=CASES.keys())
def test_the_verdict_is_the_one_that_the_data_were_made_for(
    rows: Validation, verdict: str, use: str, said: str
) -> None:
    advice = advise_on(rows)
    assert (advice.verdict, advice.use) == (verdict, use), advice.reason
    assert said in advice.reason
    assert advice.table[0].name == use and advice.rows == len(rows.score)


@pytest.mark.parametrize("leg", ["noise", "silent"])
def test_where_there_is_no_signal_one_model_is_the_verdict_nearly_always(leg: str) -> None:
    said = [advise_on(rows_of(500, leg=leg, decision="noise", seed=seed)).verdict for seed in range(40)]
    assert said.count("one model") >= 38


def test_what_it_takes_to_choose_may_turn_the_verdict() -> None:
    rows = rows_of()
    assert advise_on(rows).verdict == "a cascade"
    assert advise_on(rows, orchestration=0.02).verdict == "one model"
    dear = advise_on(rows, orchestration=0.001)
    assert dear.table[0].cost == pytest.approx(0.001 + advise_on(rows).table[0].cost, rel=0.2)


def test_for_a_budget_a_fixed_mixture_may_be_the_answer() -> None:
    blind = advise_on(rows_of(leg="silent", dear=0.97), max_cost=0.005)
    assert blind.verdict == "a fixed mixture" and "small@1" in blind.use and "large@1" in blind.use
    assert advise_on(rows_of(dear=0.97), max_cost=0.005).verdict == "a cascade"
    assert advise_on(rows_of(leg="silent", dear=0.7), max_cost=0.005).use == "small@1"


def table_keeps_its_word(advice: Advice, rows: Validation) -> None:
    for row in advice.table:
        assert row.score_low <= row.score <= row.score_high
        assert row.against_best[1] <= row.against_best[0] <= row.against_best[2]
        if row.kind == "single":
            at = rows.of(row.name)
            assert row.score == pytest.approx(rows.score[:, at].mean()) and row.cost == pytest.approx(rows.cost[at])
            assert row.plan is None
        if row.kind == "cascade":
            assert row.plan is not None and row.plan["kind"] == "cascade"
        assert sum(row.share.values()) >= 1 - 1e-9


@pytest.mark.parametrize("decision", [None, "tells"])
def test_the_table_says_what_each_alternative_scores_and_costs(decision: str | None) -> None:
    rows = rows_of(decision=decision)
    advice = advise_on(rows)
    table_keeps_its_word(advice, rows)
    kinds = [row.kind for row in advice.table]
    assert kinds.count("single") == 2 and "cascade" in kinds and "mixture" in kinds
    assert ("router" in kinds) == (decision is not None)


def test_a_pair_without_a_difference_in_cost_has_one_answer() -> None:
    rows = rows_of()
    same = Validation(rows.models, rows.score, rows.leg, np.array([0.01, 0.01]))
    assert advise_on(same).verdict == "one model"


def test_fresh_rows_decide_where_the_validation_rows_are_too_few() -> None:
    hints, noise = (rows_of(20_000, leg=leg, dear=0.85, seed=99) for leg in ("hints", "noise"))
    few = [rows_of(500, leg="hints", dear=0.85, seed=seed) for seed in range(30)]
    alone, told = [advise_on(rows) for rows in few], [advise_on(rows, fresh=hints) for rows in few]
    unsure = [at for at, advice in enumerate(alone) if "rows would tell" in advice.reason]
    assert unsure and all(told[at].verdict == "a cascade" for at in unsure)
    assert all(
        after.verdict == before.verdict
        for at, (before, after) in enumerate(zip(alone, told, strict=True))
        if at not in unsure
    )
    misled = [advise_on(rows_of(500, leg="noise", seed=seed), fresh=noise).verdict for seed in range(30)]
    assert misled.count("a cascade") <= 1


@pytest.mark.parametrize(("cheap", "fresh"), [(1, False), (8, False), (8, True)])
def test_many_thresholds_and_many_cascades_find_nothing_where_there_is_nothing(cheap: int, fresh: bool) -> None:
    rng = np.random.default_rng(1)
    names = (*(f"small{at}@1" for at in range(cheap)), "large@1")
    cost = np.append(1e-4 + 1e-5 * np.arange(cheap), 10.0)

    def made(n: int) -> Validation:
        """Confidences that say nothing: every cascade is a coin, at one threshold or another a lucky one."""
        score = (rng.random((n, cheap + 1)) < [0.8] * cheap + [0.88]).astype(float)
        return Validation(names, score, rng.random(score.shape), cost)

    said = [advise_on(made(200), fresh=made(800) if fresh else None, margin=0.08).verdict for _ in range(40)]
    assert said.count("a cascade") <= 4  # 2.5 % are one of 40


def test_fewer_fresh_rows_than_validation_rows_decide_nothing() -> None:
    many = rows_of(8000, leg="hints", dear=0.85, seed=3)
    few = rows_of(100, leg="noise", dear=0.85, seed=4)
    alone, told = advise_on(many), advise_on(many, fresh=few)
    assert alone.verdict == told.verdict == "a cascade"
    assert alone.table == told.table
