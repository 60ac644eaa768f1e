"""RouterBench's frames (withmartian/routerbench): wide, with replies and costs beside the scores.

Columns: `sample_id`, `prompt`, `eval_name`, for each model `<model>` (its score in [0, 1]), `<model>|model_response`
and `<model>|total_cost` (US dollars), and `oracle_model_to_route_to`. `prompt` is the text of a Python list of turns.

The published files are pickles. A pickle can run any code when it is opened, so this opens none: load it yourself if
you trust it, `from_routerbench(pandas.read_pickle(path))`, or convert it to Parquet once.

Costs are taken as they are written. The repository's own converter divides prices per million tokens by ten million;
where that is so, all costs are a tenth of the true ones, which changes no ranking of models.

>>> frame = {"sample_id": ["mmlu.1"], "prompt": ["['What is 2 + 2?']"], "eval_name": ["mmlu-sums"], "small": [1.0],
...          "small|model_response": ["['4']"], "small|total_cost": [0.001], "oracle_model_to_route_to": ["small"]}
>>> from_routerbench(frame)[0]
... # doctest: +ELLIPSIS
Outcome(prompt='What is 2 + 2?', model='small', score=1.0, cost_usd=0.001, latency_ms=None, task='mmlu-sums', ...)
"""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

from ...errors import ArtifactError, OutcomesError, Violation
from ..columns import columns_of
from ..outcomes import Outcomes

__all__ = ["from_routerbench"]

MARKS = ("|model_response", "|total_cost")


def from_routerbench(source: Any) -> Outcomes:
    """Outcomes of a frame, of columns, or of a CSV or Parquet file of RouterBench.

    A prompt of several turns becomes their text, one below the other. The oracle is left out.

    Raises:
        ArtifactError: the file cannot be read, or is a pickle.
        OutcomesError: it is no such frame, or values are wrong.
    """
    if isinstance(source, str | os.PathLike) and Path(source).suffix in (".pkl", ".pickle"):
        fix = "if you trust it: Outcomes.from_routerbench(pandas.read_pickle(path)), or convert it to Parquet"
        raise ArtifactError(str(source), "it is a pickle, which can run any code when it is opened", fix)
    columns, _ = columns_of(source)
    marked = (name.removesuffix(mark) for name in columns for mark in MARKS if name.endswith(mark))
    models = [model for model in dict.fromkeys(marked) if model in columns and model != "oracle"]
    if "prompt" not in columns or not models:
        fix = "give a frame with prompt, eval_name and, for each model, <model> and <model>|total_cost"
        raise OutcomesError([Violation("columns", f"this is no frame of RouterBench: {', '.join(columns)}", fix)])
    wide: dict[str, Any] = {"prompt": [_text(prompt) for prompt in columns["prompt"]]}
    if "eval_name" in columns:
        wide["task"] = columns["eval_name"]
    for model in models:
        wide[model] = columns[model]
        if f"{model}|total_cost" in columns:
            wide[f"{model}|cost_usd"] = columns[f"{model}|total_cost"]
    return Outcomes.of_log(wide, {}, wide=models)


def _text(prompt: Any) -> Any:
    """The turns of a list that was written as text."""
    if isinstance(prompt, str) and prompt[:1] == "[" and prompt[-1:] == "]":
        try:
            turns = ast.literal_eval(prompt)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return prompt
        if turns and all(isinstance(turn, str) for turn in turns):
            return "\n".join(turns)
    return prompt
