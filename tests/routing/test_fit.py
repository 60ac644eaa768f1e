"""Fitting says what is wrong with outcomes, is the same for the same outcomes, and tells how it chose."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from ecology import _core
from ecology.errors import ArtifactError, OutcomesError
from ecology.routing import Outcome, Outcomes, Router
from ecology.routing.validation import validation_rows

SUMS = ["add", "subtract", "multiply", "divide", "total", "fraction"]
POEMS = ["rhyme", "verse", "sonnet", "ballad", "stanza", "haiku"]
REST = ["please", "now", "the", "a", "for", "me", "quickly", "some", "of", "and", "with", "today"]
MODELS = ("sums@1", "poems@1")


def rows(
    n: int = 300, models: tuple[str, ...] = MODELS, seed: int = 0, task: bool = True, partial: float = 0.0
) -> list[Outcome]:
    """Who is right is in the words: `sums…` for half of the prompts, `poems…` for the others; cost follows length."""
    rng = random.Random(seed)
    out = []
    for number in range(n):
        sums = number % 2 == 0
        words = [*rng.sample(SUMS if sums else POEMS, 2), *rng.choices(REST, k=rng.randint(3, 30))]
        rng.shuffle(words)
        prompt = f"{' '.join(words)} {number}"
        for at, model in enumerate(models):
            if rng.random() < partial:
                continue
            right = rng.random() < (0.95 if sums == model.startswith("sums") else 0.15)
            kind = ("sums" if sums else "poems") if task else None
            out.append(Outcome(prompt, model, float(right), 1e-6 * len(prompt) * (1 + at), 10.0 + at, kind))
    return out


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.fit(rows())


@pytest.fixture(scope="module")
def embedding() -> _core.StaticEmbedding:
    """Sums on one side, poems on the other."""
    pieces = ["[UNK]", *SUMS, *POEMS, *REST]
    vectors = np.random.default_rng(0).integers(-20, 20, (len(pieces), 8)).astype(np.int8)
    vectors[1 : 1 + len(SUMS), 0] = 120
    vectors[1 + len(SUMS) : 1 + len(SUMS) + len(POEMS), 0] = -120
    ones = np.ones(len(pieces), np.float32)
    return _core.StaticEmbedding(pieces, vectors, ones, ones)


def accuracy(router: Router, test: list[Outcome]) -> float:
    prompts = list(dict.fromkeys(outcome.prompt for outcome in test))
    best = router.score_batch(prompts).argmax(axis=1)
    sums = router.models.index(next(model for model in router.models if model.startswith("sums")))
    wanted = [any(word in prompt.split() for word in SUMS) for prompt in prompts]
    return float(np.mean((best == sums) == wanted))


@pytest.mark.parametrize("partial", [0.0, 0.5], ids=["every pair", "half of the pairs"])
@pytest.mark.parametrize("task", [True, False], ids=["tasks", "no tasks"])
def test_who_is_right_is_learned(task: bool, partial: float) -> None:
    fitted = Router.fit(rows(500, task=task, partial=partial))
    assert accuracy(fitted, rows(200, seed=9)) > 0.9


def test_the_card_tells_the_family_the_data_and_the_worth(router: Router) -> None:
    card = router.card
    family = card["family"]
    assert family[0]["name"] == "means"
    assert not family[0]["chosen"]
    assert sum(trial["chosen"] for trial in family) == 1
    assert {"success", "niche"} <= {trial["name"] for trial in family}
    assert card["data_digest"] == Outcomes.read(rows()).digest
    assert card["tasks"] == ["poems", "sums"]
    assert 0 < card["validation"]["brier"] < 0.2
    assert set(card["validation"]["brier_of"]) == set(MODELS)
    assert card["models"]["sums@1"]["latency_ms"] == 10.0
    assert router.guard.worthwhile


def test_what_scores_by_chance_is_not_worth_routing() -> None:
    rng = random.Random(3)
    noise = [Outcome(o.prompt, o.model, float(rng.random() < 0.5), o.cost_usd) for o in rows(task=False)]
    fitted = Router.fit(noise)
    assert not fitted.guard.worthwhile
    assert np.abs(fitted.score_batch(["add the total", "a sonnet"]) - 0.5).max() < 0.2


def test_the_order_of_rows_does_not_matter_and_the_seed_does(router: Router) -> None:
    shuffled = rows()
    random.Random(1).shuffle(shuffled)
    assert Router.fit(shuffled).digest == router.digest
    assert Router.fit(rows(), seed=1).digest != router.digest


FIT = """
import json, sys
from ecology.routing import Outcome, Router
rows = [Outcome(**row) for row in json.load(sys.stdin)]
print(Router.fit(rows).digest)
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads_gives_the_same_bytes(router: Router, threads: int) -> None:
    names = ("prompt", "model", "score", "cost_usd", "latency_ms", "task")
    given = json.dumps([{name: getattr(row, name) for name in names} for row in rows()])
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
    run = subprocess.run(
        [sys.executable, "-c", FIT], input=given, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == router.digest


def test_a_second_fit_on_all_rows_is_as_good_keeps_the_judgement_and_solves_no_goal_on_them(router: Router) -> None:
    again = Router.fit(rows(), refit=True)
    assert again.digest != router.digest and again.card["refit"] is True and "refit" not in router.card
    assert again.guard == router.guard and again.card["validation"] == router.card["validation"]
    assert accuracy(again, rows(200, seed=9)) > 0.9
    prompts = list(dict.fromkeys(row.prompt for row in rows(400, seed=9)))
    truth = {(row.prompt, row.model): row.score for row in rows(400, seed=9)}
    scores = again.score_batch(prompts)
    seen = np.array([[truth[prompt, model] for model in again.models] for prompt in prompts])
    assert abs(scores.max(axis=1).mean() - np.take_along_axis(seen, scores.argmax(axis=1)[:, None], 1).mean()) < 0.08
    validation_rows(rows(), router=router)
    with pytest.raises(OutcomesError, match="refit"):
        validation_rows(rows(), router=again)


def test_what_a_prompt_will_cost_and_take_is_told_by_prompt_where_it_follows_the_prompt() -> None:
    fitted = Router.fit(rows(500), signals=True)
    short, long = "add a total", " ".join(["add a total of some"] * 12)
    cost, latency = fitted.expected_cost_batch([short, long]), fitted.expected_latency_batch([short, long])
    assert cost.dtype == np.float32 and cost.shape == (2, 2)
    at = [fitted.models.index(model) for model in MODELS]
    assert (cost[1] > 2 * cost[0]).all()
    assert cost[0, at[1]] == pytest.approx(2 * cost[0, at[0]], rel=0.1)
    assert latency[:, at].tolist() == [[10.0, 11.0]] * 2  # it does not follow: the means
    assert fitted.route(long).expected_cost_usd == pytest.approx(cost[1, fitted.models.index(fitted.route(long).model)])


def test_costs_that_nobody_knows_are_not_numbers() -> None:
    given = [Outcome(row.prompt, row.model, row.score) for row in rows()]
    fitted = Router.fit(given)
    assert np.isnan(fitted.expected_cost_batch(["a"])).all() and np.isnan(fitted.expected_latency_batch(["a"])).all()
    assert fitted.expected_cost_batch([]).shape == (0, 2)


def test_progress_rises_to_one() -> None:
    told: list[float] = []
    Router.fit(rows(60), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_an_embedding_is_used_and_carried(embedding: _core.StaticEmbedding, tmp_path: Any) -> None:
    fitted = Router.fit(rows(), embedding=embedding)
    assert accuracy(fitted, rows(200, seed=9)) > 0.9
    assert "embedding" in {trial["name"] for trial in fitted.card["family"]}
    embedding.save(tmp_path / "static.safetensors")
    assert Router.fit(rows(), embedding=tmp_path / "static.safetensors").digest == fitted.digest
    fitted.save(tmp_path / "router.safetensors")
    again = Router.load(tmp_path / "router.safetensors")
    prompts = [outcome.prompt for outcome in rows(20, seed=5)]
    assert again.score_batch(prompts).tobytes() == fitted.score_batch(prompts).tobytes()
    with pytest.raises(ArtifactError):
        Router.fit(rows(), embedding=tmp_path / "absent.safetensors")


# --- outcomes that teach nothing ---------------------------------------------------------------------------

ALL_RIGHT = [Outcome(o.prompt, o.model, 1.0) for o in rows(60)]
NEVER_SEEN = [
    *(Outcome(o.prompt, o.model, o.score, split="train") for o in rows(60)),
    *(Outcome(o.prompt, o.model, o.score, split="val") for o in rows(30, models=(*MODELS, "late@1"), seed=1)),
]


@pytest.mark.parametrize(
    ("given", "places"),
    [
        (rows(3), ["split train", "split val"]),
        (rows(60, models=("sums@1",)), ["model"]),
        (ALL_RIGHT, ["score"]),
        (NEVER_SEEN, ["model late@1"]),
        ({"prompt": ["a"], "model": ["b@1"], "score": [1.5]}, ["row 0.score"]),
        ({"prompt": ["a"], "model": ["b@1"], "score": [float("nan")]}, ["row 0.score"]),
        ({"prompt": ["a"], "model": ["b@1"], "score": [1], "cost_usd": [float("inf")]}, ["row 0.cost_usd"]),
        ({"prompt": ["a"], "model": ["b@1"], "score": [1], "cost_usd": [float("nan")]}, ["row 0.cost_usd"]),
    ],
    ids=["three rows", "one model", "one class", "never seen", "beyond 1", "no score", "no end of cost", "no cost"],
)
def test_outcomes_that_cannot_teach_are_refused_by_place(given: Any, places: list[str]) -> None:
    with pytest.raises(OutcomesError) as caught:
        Router.fit(given)
    assert [violation.place for violation in caught.value.violations] == places
    assert all(violation.fix for violation in caught.value.violations)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"validation_share": 0.0}, "validation_share"),
        ({"validation_share": 1}, "validation_share"),
        ({"validation_share": float("nan")}, "validation_share"),
        ({"seed": -1}, "seed"),
        ({"seed": 1 << 64}, "seed"),
    ],
)
def test_options_out_of_range_are_told_as_what_they_are(options: dict[str, Any], place: str) -> None:
    with pytest.raises(OutcomesError) as caught:
        Router.fit(rows(60), **options)
    assert [violation.place for violation in caught.value.violations] == [place]


def test_a_model_of_unknown_cost_is_not_taken_for_a_free_one() -> None:
    known = [Outcome(o.prompt, o.model, o.score, None, 10.0 if o.model == "sums@1" else None) for o in rows()]
    unknown = [Outcome(o.prompt, o.model, o.score) for o in rows()]
    guard, blind = Router.fit(known).guard, Router.fit(unknown).guard
    assert (guard.orchestration_usd, guard.gain) == (0.0, blind.gain)
