"""How the cost of a decision grows with the number of models and the length of the prompt.

    .venv/bin/python benches/growth.py

The whole job of `Ecology.route`: features, scores of all, admission, budgets, ranking. Weights are random: what a
decision costs does not depend on what they say. The budget filter is measured both ways: far from the limits one
comparison answers for all models; near them each is looked at, and half of them turn out too dear and are not ranked.
"""

from __future__ import annotations

import json
import random
import struct
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from ecology import Ecology

MODELS = (2, 16, 128, 1024)
CHARACTERS = (10**2, 10**3, 10**4, 10**5, 10**6)
WORDS = 49
BUCKETS_LOG2 = 15
ROUNDS, CALLS = 15, 100


def main() -> None:
    """Measure and print two tables."""
    console = Console(width=110)
    chance = random.Random(0)
    prompts = [prompt(chance, WORDS * 6) for _ in range(CALLS)]
    with tempfile.TemporaryDirectory() as folder:
        opened = {(n, near): Ecology.open(describe(Path(folder), n, near)) for n in MODELS for near in (False, True)}
        table = Table(
            "models", "far from limits, µs", "a model, ns", "near them, µs", "a model, ns", title=f"{WORDS} words"
        )
        for models in MODELS:
            far, near = (microseconds(opened[models, near], prompts) for near in (False, True))
            table.add_row(
                str(models), f"{far:.1f}", f"{far / models * 1e3:.0f}", f"{near:.1f}", f"{near / models * 1e3:.0f}"
            )
        console.print(table)
        table = Table("characters", "µs", "a character, ns", title="16 models; of more than 16 KiB both ends are read")
        for characters in CHARACTERS:
            texts = [prompt(chance, characters) for _ in range(max(2, min(CALLS, 10**6 // characters)))]
            took = microseconds(opened[16, False], texts)
            table.add_row(f"{characters:,}", f"{took:.1f}", f"{took / characters * 1e3:.2f}")
        console.print(table)


def microseconds(ecology: Ecology, prompts: list[str]) -> float:
    """Processor time of one decision: the least of several rounds, since neighbours only ever add."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        for prompt in prompts:
            ecology.route(prompt, task="assist", account="acme/web")
        rounds.append((time.process_time_ns() - began) / len(prompts) / 1e3)
    return min(rounds)


def prompt(chance: random.Random, characters: int) -> str:
    """Made-up words, half of them from a small set."""
    words: list[str] = []
    length = 0
    while length < characters:
        letters = "etaoinshr" if chance.random() < 0.5 else "abcdefghijklmnopqrstuvwxyz"
        words.append("".join(chance.choices(letters, k=chance.randint(2, 8))))
        length += len(words[-1]) + 1
    return " ".join(words)[:characters]


def describe(folder: Path, models: int, near: bool) -> Path:
    """A population with a router of random weights; `near` puts every other model beyond the payer's limit."""
    names = [f"m{number:04}" for number in range(models)]
    weights = folder / f"router-{models}.safetensors"
    weights.write_bytes(router(names))
    lines = ['name = "growth"', ""]
    for number, name in enumerate(names):
        price = 100 if near and number % 2 else 0.001 * (1 + number % 7)
        lines += [
            "[[models]]",
            f'name = "{name}"',
            "timeout_ms = 1000",
            'backend = { kind = "callable", target = "builtins:str" }',
            'contract = { tasks = ["assist"], max_input_bytes = 10_000_000 }',
            f"price = {{ usd_per_call = {price} }}",
            "",
        ]
    limit = 50 if near else 1_000_000
    lines += ["[policy.budgets]", f'"acme" = {{ usd = {limit} }}', f'"acme/web" = {{ usd = {limit} }}', ""]
    lines += ["[policy.routing]", f'router = "{weights.name}"', ""]
    path = folder / f"{models}-{near}.toml"
    path.write_text("\n".join(lines))
    return path


def router(names: list[str]) -> bytes:
    """A weights file as `Router.save` writes it."""
    chance = np.random.default_rng(0)
    bias, scales = np.zeros(len(names), "<f4"), np.full(len(names), 0.05, "<f4")
    weights = chance.integers(-127, 128, (1 << BUCKETS_LOG2, len(names)), dtype=np.int8)
    features = {"version": 1, "word_ngrams": 2, "char_ngram_min": 3, "char_ngram_max": 4}
    features |= {"buckets_log2": BUCKETS_LOG2, "max_bytes": 16384}
    calibration = [[1.0, 0.0]] * len(names)
    meaning = {"kind": "router", "models": [f"{name}@1" for name in names], "calibration": calibration, "card": "{}"}
    about = {"format": "ecology.linear.v2", "features": features, "meaning": meaning}
    header: dict[str, object] = {"__metadata__": {"ecology": json.dumps(about)}}
    at, data = 0, b""
    for name, array, kind in (("bias", bias, "F32"), ("scales", scales, "F32"), ("weights", weights, "I8")):
        raw = array.tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [at, at + len(raw)]}
        at, data = at + len(raw), data + raw
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    return struct.pack("<Q", len(encoded)) + encoded + data


if __name__ == "__main__":
    main()
