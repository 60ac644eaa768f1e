"""A router alone, fitted on outcomes: which of two models is enough for this prompt?"""

import random
import tempfile
from pathlib import Path

import ecology as eco

# Outcomes as any log has them: the small model is right about cards, the large one about everything.
words = random.Random(0)
subjects = {
    "card": ["lost card", "card declined", "new card pin"],
    "loan": ["loan rate", "mortgage terms", "loan early"],
}
outcomes = []
for n in range(400):
    kind = "card" if n % 2 else "loan"
    prompt = f"{words.choice(['please', 'hello', 'hi', 'urgent'])} {words.choice(subjects[kind])} question {n}"
    outcomes += [
        {"prompt": prompt, "model": "small@1", "score": float(kind == "card"), "cost_usd": 0.0001},
        {"prompt": prompt, "model": "large@1", "score": 1.0, "cost_usd": 0.01},
    ]

router = eco.Router.fit(outcomes)
print(router.guard)
for prompt in ("my card was declined", "what is the mortgage rate"):
    decision = router.route(prompt)
    print(f"{prompt!r} → {decision.model} (confidence {decision.confidence:.2f}, calibrated: {decision.calibrated})")
    print("   ", decision.ranked)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "router.safetensors"
    router.save(path)
    assert eco.Router.load(path).route("my card was declined").ranked == router.route("my card was declined").ranked
