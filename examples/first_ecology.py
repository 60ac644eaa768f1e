"""A generalist and two specialists from `ecology init`: asked, attributed and counted."""

import tempfile
from pathlib import Path

import ecology as eco
from ecology.engine.scaffold import scaffold

with tempfile.TemporaryDirectory() as folder:
    scaffold(Path(folder))
    with eco.Ecology.open(folder) as ecology:
        for question in ("What is 17 * 23 + 4?", "How long does a refund take?"):
            answer = ecology.answer(question, budget=eco.Budget(usd=0.002, deadline_ms=800))
            print(f"{question} → {answer.output}  ({answer.model}, {answer.ending})")
        savings = ecology.savings()
        print(f"{savings.requests} requests, share of each model: {savings.share}")
