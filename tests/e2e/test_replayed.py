"""From an engine that explores, through grades and prompts, to what another policy would have got."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from tests.populations import model, write

from ecology import Ecology, Outcomes, Router, evaluate_off_policy

TRUTH = {("small@1", "cat"): 0.2, ("small@1", "dog"): 0.9, ("large@1", "cat"): 0.95, ("large@1", "dog"): 0.95}


def cats_to_large(prompts: list[str], models: list[str]) -> Any:
    large = np.array(["cat" in prompt for prompt in prompts])
    return np.stack([large if name == "large@1" else ~large for name in models], axis=1).astype(float)


def test_rows_of_a_real_engine_tell_what_another_policy_would_have_scored_and_cost(tmp_path: Path) -> None:
    rows = [
        {"prompt": f"what is this {animal}, number {n}?", "model": name, "score": float(n % 10 != 0)}
        for n in range(60)
        for animal in ("cat", "dog")
        for name in ("small@1", "large@1")
    ]
    Router.fit(rows).save(tmp_path / "router.safetensors")
    routing = {
        "router": "router.safetensors",
        "min_decision_confidence": 0.5,
        "exploration_floor": 0.2,
        "learning": {"enabled": True, "publish_every": 1_000_000},
    }
    models = [
        model("small", "echo", price={"usd_per_call": 0.001}),
        model("large", "echo", price={"usd_per_call": 0.01}),
    ]
    write(tmp_path, models, {"routing": routing})
    rng = random.Random(0)
    feedback, events, prompts = (tmp_path / f"{name}.jsonl" for name in ("feedback", "events", "prompts"))
    with (
        Ecology.open(tmp_path) as ecology,
        feedback.open("w") as graded,
        events.open("w") as seen,
        prompts.open("w") as asked,
    ):
        for n in range(1200):
            animal = ("cat", "dog")[n % 2]
            answer = ecology.answer(f"what is this {animal}, number {n}?", seed=n)
            asked.write(json.dumps({"answer_id": answer.id, "prompt": f"what is this {animal}, number {n}?"}) + "\n")
            seen.write(json.dumps(answer.attribution) + "\n")
            if n % 7:  # one in seven is never graded
                ecology.feedback(answer.id, float(rng.random() < TRUTH[str(answer.model), animal]))
        for row in ecology.take_feedback(2000):
            graded.write(json.dumps(row) + "\n")
    log = Outcomes.from_decisions(feedback, prompts)
    assert (len(log), log.left_out) == (1028, {"without a score": 172})
    every = Outcomes.from_decisions(events, prompts, feedback)
    assert (len(every), every.left_out) == (1028, {"without a score": 172})
    found = evaluate_off_policy(every, cats_to_large)
    assert found["score"].low <= (0.95 + 0.9) / 2 <= found["score"].high
    assert found["cost_usd"].low <= 0.0055 <= found["cost_usd"].high
    assert [caution.code for caution in found.cautions] == ["ungraded"]
    small = evaluate_off_policy(log, "small@1")
    assert small["score"].low <= 0.55 <= small["score"].high and small.verdict == "doubtful", (
        "nobody graded one in seven"
    )
