"""How long a router takes to fit, and how much memory: 100,000 prompts × 10 models by default.

    python benches/fit.py [--prompts 100000] [--models 10] [--partial 1.0] [--tasks]

Prompts are those of the peers' benches (median 49 words); every model is good at one topic. The figures are of this
process alone: outcomes as columns, features, fit, judgement. Threads: RAYON_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "peers"))

from corpus import make_corpus

import ecology as eco


def outcomes(prompts: int, models: int, partial: float, tasks: bool) -> eco.Outcomes:
    """Each model is right on 85 % of its own topic and on 60 % of the others."""
    corpus = make_corpus(models, prompts, models)
    names = list(corpus.models)
    chance = np.random.default_rng(0)
    topic = np.array([names.index(name) for _, name in corpus.train])
    own = topic[:, None] == np.arange(models)[None, :]
    right = chance.random((prompts, models)) < np.where(own, 0.85, 0.6)
    seen = chance.random((prompts, models)) < partial
    row, column = np.nonzero(seen)
    texts = [prompt for prompt, _ in corpus.train]
    columns = {
        "prompt": [texts[at] for at in row],
        "model": [names[at] for at in column],
        "score": right[row, column].astype(float),
        "cost_usd": (np.array([len(text) for text in texts])[row] * (1 + column) * 1e-7),
    }
    if tasks:
        columns["task"] = [f"topic {at}" for at in topic[row]]
    return eco.Outcomes.read(columns)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=100_000)
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--partial", type=float, default=1.0, help="share of pairs that were observed")
    parser.add_argument("--tasks", action="store_true", help="tell the topics")
    arguments = parser.parse_args()
    table = outcomes(arguments.prompts, arguments.models, arguments.partial, arguments.tasks)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    marks: list[tuple[float, float]] = []
    router = eco.Router.fit(table, progress=lambda done: marks.append((done, time.perf_counter() - began)))
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{len(table)} outcomes, {arguments.prompts} prompts by {arguments.models} models")
    print(f"fit {took:.1f} s, CPU {cpu:.1f} s")
    print(f"peak RSS {after.ru_maxrss / 1024:.0f} MB ({before.ru_maxrss / 1024:.0f} before)")
    for share in (0.1, 0.5, 0.7, 0.8, 0.9):
        print(f"  {share:.0%} after {next(at for done, at in marks if done >= share):.1f} s")
    print(router.guard)
    for trial in router.card["family"]:
        print(
            f"  {trial['name']:>12} {trial['numbers']:>4} loss {trial['loss']:.5f} {'kept' if trial['chosen'] else ''}"
        )


if __name__ == "__main__":
    main()
