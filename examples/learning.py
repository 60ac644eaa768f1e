"""A router that learns from feedback while it serves: `python examples/learning.py`.

Two models, and a router that was fitted when both were good. Since then `small` went wrong on cats. Whoever reads the
answers grades them, and after a while cats go to the other one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import ecology as eco

DESCRIPTION = """
name = "pets"

[[models]]
name = "small"
timeout_ms = 1000
price = { usd_per_call = 0.0001 }
backend = { kind = "mock", replies = ["meow"] }

[[models]]
name = "large"
tier = "large"
timeout_ms = 1000
price = { usd_per_call = 0.01 }
backend = { kind = "mock", replies = ["a cat"] }

[policy.routing]
router = "router.safetensors"
min_decision_confidence = 0.5

[policy.routing.learning]
enabled = true
publish_every = 20
state = "learned.safetensors"
"""


def main() -> None:
    """Fit, serve, grade, and look at what was learned."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = [
            {"prompt": f"what is this {animal}, number {n}?", "model": model, "score": float(n % often != 0)}
            for n in range(60)
            for animal in ("cat", "dog")
            for model, often in (("small@1", 10), ("large@1", 20))  # wrong once in ten, once in twenty
        ]
        eco.Router.fit(rows).save(root / "router.safetensors")
        (root / "ecology.toml").write_text(DESCRIPTION, "utf-8")
        with eco.Ecology.open(root) as ecology:
            print("before:", ecology.route("what is this cat, number 7?", risk="high"))
            for n in range(200):
                answer = ecology.answer(f"what is this cat, number {n}?", seed=n)
                ecology.feedback(answer.id, float(answer.output == "a cat"))
            print("after: ", ecology.route("what is this cat, number 7?", risk="high"))
            print("generation", ecology.generation, ecology.feedback_counts())
            explored = [row for row in ecology.take_feedback() if row["explored"]]
            print(len(explored), "of 200 were tried out, each with a chance of", explored[0]["propensity"])
            ecology.save_learned()
        with eco.Ecology.open(root) as ecology:
            print("again: ", ecology.route("what is this cat, number 7?", risk="high"))


if __name__ == "__main__":
    main()
