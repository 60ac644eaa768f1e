"""Outcomes of a model on prompts that it was trained on: worse than none, so they are refused.

What a model does on rows that it has seen says nothing about what it will do on others. A row may say that it is
out-of-fold: its `fold` names the part of the training data that the answering model was not trained on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import SeenInTraining
from ..population.training import Trained, fingerprint, read_trained

if TYPE_CHECKING:
    from .outcomes import Outcomes

__all__ = ["check_training"]

EXAMPLES = 3


def check_training(outcomes: Outcomes, trained: Trained) -> None:
    """Refuse the table if a model was trained on a prompt that it has an outcome for, unless the row has a `fold`.

    Raises:
        SeenInTraining: with every such model, how many rows, and the first prompts.
        ArtifactError: a file of fingerprints cannot be read.
    """
    import numpy as np

    prints = {model: set(known) for model, known in read_trained(trained).items() if model in outcomes.models}
    if not prints:
        return
    prompts = outcomes.prompts
    marks = [fingerprint(prompt) for prompt in prompts]
    fold = outcomes.words("fold")
    plain = np.ones(len(outcomes), bool) if fold is None else fold.codes < 0
    counts: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    for code, model in enumerate(outcomes.models):
        if model in prints:
            seen = np.array([mark in prints[model] for mark in marks], bool)
            rows = np.flatnonzero(plain & (outcomes.model_codes == code) & seen[outcomes.prompt_codes])
            if len(rows):
                counts[model] = len(rows)
                first = dict.fromkeys(outcomes.prompt_codes[rows].tolist())
                examples[model] = [prompts[at] for at in list(first)[:EXAMPLES]]
    if counts:
        raise SeenInTraining(counts=counts, examples=examples)
