"""Decisions of an ecology, their grades and their prompts, joined: what off-policy evaluation and drift read.

A line is a JSON object, and lines with the same `answer_id` are about the same answer, whatever order they come in:

* *rows of feedback* (`Ecology.take_feedback`): `answer_id`, `score`, `chosen`, `propensity`, `task`, `ending`,
  `cost_usd`, `latency_ms`, `time`, `age_ms`; they say everything but the prompt;
* *events* (`Ecology.take_events`) or attributions of answers: `answer_id`, `decision`, `task`, `ending`, `cost_usd`, …;
* *prompts*, which an ecology does not write down by itself: `answer_id` and `prompt` (or `text`, `input`, `messages`);
  and *grades* from elsewhere: `answer_id` and `score`.

The model of an outcome is the one that the decision *chose*, since that is what the propensity is about. Where it
failed and another answered in its place, score and cost are those of the choice, fallback included. Answers that were
picked by what the replies looked like (a cascade, several in parallel) are nobody's choice and are left out.

>>> grade = {"answer_id": "7", "score": 1.0, "chosen": "small@1", "propensity": 0.98, "ending": "answered"}
>>> (row,) = from_decisions([grade, {"answer_id": "7", "prompt": "Where is my card?"}])
>>> row.prompt, row.model, row.propensity
('Where is my card?', 'small@1', 0.98)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..outcomes import Outcomes
from .log import Log, Score, find, prompt_of, records

__all__ = ["from_decisions"]

ADVICE = {
    "without a prompt": "write a line with answer_id and prompt for each answer, or give prompts: answer_id → prompt",
    "without a model": "give rows of take_feedback, or events, which hold the decision",
    "without a score": "give rows of take_feedback, or lines with answer_id and score",
    "without a propensity": "give rows of take_feedback, or events, which hold the decision",
}
CHOSEN = ("answered", "fell_back")
"""Endings after which the answer is what the decision led to."""
PROMPTS = ("prompt", "text", "input", "messages")


def from_decisions(*sources: Any, prompts: Mapping[str, str] | None = None, score: Score | None = None) -> Outcomes:
    """Outcomes of decisions: files or lists of objects, one row a decision, each with its propensity.

    Args:
        prompts: of each `answer_id`, where the lines do not hold them.
        score: a key of the joined lines, dotted into objects, or a function of them to a score in [0, 1] or None; by
            default `score`.

    Decisions without prompt, grade or propensity are left out and counted; see `Outcomes.left_out`.

    Raises:
        ArtifactError: a file cannot be read.
        OutcomesError: nothing is left, or a value is wrong.
    """
    joined: dict[Any, dict[str, Any]] = {}
    for number, line in enumerate(records(sources)):
        answer = line.get("answer_id")
        known = joined.setdefault(number if answer in (None, "") else str(answer), {})
        known.update({key: value for key, value in line.items() if value is not None})
    log = Log(score)
    for answer, line in joined.items():
        ending = line.get("ending", CHOSEN[0])
        if ending not in CHOSEN or line.get("plan") == "cascade":
            log.leave_out("picked by their replies")
            continue
        propensity = _of(line, "propensity")
        if propensity is None:
            # A prompt of which nothing else is known is of an answer that nobody graded.
            decided = any(key in line for key in ("score", "chosen", "decision"))
            log.leave_out("without a propensity" if decided else "without a score")
            continue
        fields = {name: line.get(name) for name in ("task", "cost_usd", "latency_ms")}
        prompt = next((said for key in PROMPTS if (said := prompt_of(line.get(key)))), None)
        if prompt is None and prompts is not None:
            prompt = prompts.get(str(answer))
        fields |= {"propensity": propensity, "timestamp": _decided(line)}
        log.add(line, prompt, _chosen(line), **fields)
    return log.outcomes(ADVICE)


def _chosen(line: Mapping[str, Any]) -> Any:
    """Whom the decision chose: who answered, if nothing says otherwise."""
    named = line.get("chosen") or find(line, "decision.model")
    return line.get("model") if named is None and line.get("ending") != "fell_back" else named


def _of(line: Mapping[str, Any], name: str) -> Any:
    return line[name] if name in line else find(line, f"decision.{name}")


def _decided(line: Mapping[str, Any]) -> Any:
    """When the answer was given, as far as anything says; a grade may come days later."""
    if "timestamp" in line or "time" not in line:
        return line.get("timestamp")
    try:
        return float(line["time"]) - float(line.get("age_ms", 0)) / 1000
    except (TypeError, ValueError):
        return line["time"]  # which is refused with its row
