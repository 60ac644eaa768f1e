"""The bundled demo: a real population, trained on this machine, answering real text.

| file | owns |
|---|---|
| `corpus.py` | labelled utterances: those in the package, or a user's file |
| `tier.py` | one trained tier: weights on disk, and its scores on each split |
| `population.py` | the folder with weights and description that `Ecology.open` reads |
| `trial.py` | a population measured on the test split: accuracy, compute, latency |
| `run.py` | the whole, from corpus to result |
| `report.py` | the result for people |
"""
