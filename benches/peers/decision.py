"""Text → decision, us beside fastText and scikit-learn: `sh benches/peers/run.sh .venv/bin [--json] [--quick]`.

One process, one run, the same prompts, short turns (`turns.py`). Everyone learned from the same outcomes
(`corpus.py`). Who does what is in `sides/`, what each figure includes in benches/README.md.
"""

from __future__ import annotations

import argparse
import json
import os

# One thread each where one decision is timed; set before anything loads a BLAS.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

from corpus import make_corpus  # noqa: E402  # the line above has to come first
from machine import describe  # noqa: E402
from row import measure_rows  # noqa: E402
from table import print_rows  # noqa: E402
from work import work_of_ours  # noqa: E402

MODELS, CLASSES = 16, 150
TRAIN_PER_MODEL = {MODELS: 150, CLASSES: 20}
TEST = 2_000


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    parser.add_argument("--quick", action="store_true", help="a few rounds, 16 models only: does it run?")
    parser.add_argument("--rounds", type=int, default=12, help="rounds of every row of single decisions")
    parser.add_argument("--turn", type=int, default=400, help="prompts in one turn")
    parser.add_argument("--batch", type=int, default=10_000, help="prompts in a batch")
    parser.add_argument("--seed", type=int, default=0, help="of prompts and outcomes")
    arguments = parser.parse_args()
    rounds, batch = (3, 1_000) if arguments.quick else (arguments.rounds, arguments.batch)

    rows = []
    for models in (MODELS,) if arguments.quick else (MODELS, CLASSES):
        corpus = make_corpus(models, models * TRAIN_PER_MODEL[models], TEST, arguments.seed)
        work = work_of_ours(corpus.prompts)
        rows += measure_rows(corpus, rounds, arguments.turn, batch, whole=models == MODELS)
    if work["missing"]:  # a figure that includes less than the job holds nothing
        for held in (held for row in rows for held in row.holds):
            held["met"] = False
    machine = describe()
    if arguments.json:
        print(json.dumps({"machine": machine, "work": work, "rows": [row.to_dict() for row in rows]}, indent=2))
    else:
        print_rows(rows, machine, work)


if __name__ == "__main__":
    main()
