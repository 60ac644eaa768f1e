"""Is this router worth its place? Fit on one half of made outcomes, evaluate on the other, write a report."""

import random
import tempfile
from pathlib import Path

import ecology as eco
from ecology.routing import evaluate

# Two models and two kinds of work: the small one can sort mail, both can, and only the large one can plan a journey.
words = random.Random(0)
kinds = {
    "sort": (["invoice", "complaint", "newsletter", "application"], {"small@1": 0.9, "large@1": 0.95}),
    "plan": (["train", "ferry", "hotel", "border"], {"small@1": 0.2, "large@1": 0.9}),
}
cost_usd = {"small@1": 0.0001, "large@1": 0.003}
outcomes = []
for n in range(1200):
    kind = words.choice(list(kinds))
    nouns, skill = kinds[kind]
    prompt = f"{words.choice(['please', 'now', 'today'])} the {words.choice(nouns)} and the {words.choice(nouns)}, {n}"
    split = "train" if n < 600 else "val" if n < 800 else "test"
    for model, chance in skill.items():
        score = float(words.random() < chance)
        row = {
            "prompt": prompt,
            "model": model,
            "score": score,
            "cost_usd": cost_usd[model],
            "task": kind,
            "split": split,
        }
        outcomes.append(row)

router = eco.Router.fit(outcomes)
evaluation = evaluate(router, outcomes, by="task", resamples=200)

for policy in evaluation.policies:
    below = "" if policy.below is None else f", router minus this {policy.below}"
    print(f"{policy.name:>20}: score {policy.score}{below}")
for name in ("apgr", "aiq_gain", "cost_at_98", "ece_mass", "singleton_recall"):
    print(f"{name:>20}: {evaluation.metrics[name]}")
print("the ECE of a perfectly calibrated score here: {:.3f}, up to {:.3f}".format(*evaluation.floors["ece_mass"]))
assert evaluation.metrics["aiq_gain"].low > 0, "the kind of work is in the words, so a router can know it"

with tempfile.TemporaryDirectory() as folder:
    report = Path(folder) / "report.html"
    report.write_text(evaluation.to_html(), "utf-8")
    print(f"a report of {report.stat().st_size // 1024} KB; `ecology evaluate … --html` writes one")
