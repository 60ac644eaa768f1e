"""The attribution of an answer as a tree for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.tree import Tree

__all__ = ["attribution_tree", "inferred_task"]

WHY = {
    "best": "it ranks first",
    "declared_fallback": "its predecessor failed and names it",
    "next_in_rank": "its predecessor failed, it is next in rank",
    "first_stage": "it is the first stage",
    "escalation": "the first stage was not sure enough",
    "doubt": "the decision was not sure of one model",
}
NOT_CHOSEN = {
    "below_target": "its confidence misses the target",
    "dearer": "a cheaper one reaches the target",
    "less_confident": "less confident",
    "less_utility": "less utility",
    "rule_prefers_other": "a rule prefers another",
    "doubt_goes_to_fallback": "in doubt the fallback goes first",
    "exploration": "exploration picked another",
}


ABSTAINED = {
    "low_confidence": "that is too low",
    "nobody_accepts": "no model that serves accepts it",
    "nothing_to_read": "there is no text to read it from",
}


def inferred_task(inferred: dict[str, Any]) -> str:
    """What an intent model said, in words.

    >>> said = {"model": "intent@1", "task": None, "likeliest": "refunds", "confidence": 0.41}
    >>> inferred_task(said | {"abstained": "low_confidence"})
    'not inferred: intent@1 gives refunds 0.410, and that is too low'
    >>> inferred_task(said | {"task": "refunds", "confidence": 0.97, "abstained": None})
    'refunds, inferred by intent@1 with confidence 0.970'
    """
    share = f"{inferred['confidence']:.3f}"
    if inferred["abstained"] is None:
        return f"{inferred['task']}, inferred by {inferred['model']} with confidence {share}"
    why = ABSTAINED[inferred["abstained"]]
    return f"not inferred: {inferred['model']} gives {inferred['likeliest']} {share}, and {why}"


def attribution_tree(attribution: dict[str, Any]) -> Tree:
    """Plan, legs, decision and snapshot of `Answer.attribution`."""
    from rich.text import Text
    from rich.tree import Tree

    def line(*parts: tuple[str, str] | str) -> Text:
        return Text.assemble(*parts)

    cost = f"${attribution['cost_usd']:.6f}, " if attribution["cost_usd"] else ""
    spent = f"{cost}{_ms(attribution['compute_ms'] + attribution['overhead_ms'])} compute"
    root = Tree(
        line(
            (str(attribution["plan"]), "bold"),
            f" → {attribution['ending'].replace('_', ' ')} in {_ms(attribution['latency_ms'])} ({spent}, of which "
            f"orchestration {_ms(attribution['overhead_ms'])})",
        )
    )
    for leg in attribution["legs"]:
        style = "green" if leg["chosen"] else "default"
        mark = "✓ " if leg["chosen"] else "· "
        node = root.add(line((mark + leg["model"], style), f" [{leg['role']}] because {WHY[leg['why']]}"))
        said = repr(leg["output"]) if leg["outcome"] == "ok" else leg["fault"]
        told = leg["outcome"] if said is None else f"{leg['outcome']}: {_short(said)}"
        confidence = "" if leg["confidence"] is None else f", leg confidence {leg['confidence']:.3f}"
        node.add(line(f"{told}{confidence}"))
        paid = f"${leg['cost_usd']:.6f}, " if leg["cost_usd"] else ""
        took = f"{paid}{_ms(leg['latency_ms'] or 0)} latency, {_ms(leg['compute_ms'])} compute"
        node.add(line((f"{took}, digest {leg['digest'][:19]}…", "dim")))
    combined, withheld = attribution.get("combined"), attribution.get("withheld")
    if combined is not None:
        weights = " and ".join(f"{weight:g}" for weight in combined["weights"])
        said = f"both votes together, weighted {weights}: {_short(repr(combined['label']))}"
        root.add(line((said, "green"), f", confidence {combined['confidence']:.3f}"))
    if withheld is not None:
        root.add(line((f"the reply of {withheld} is withheld: nobody is sure enough of it", "yellow")))
    decision = attribution["decision"]
    mark = "calibrated" if decision["calibrated"] else "uncalibrated"
    rule = f", rule {decision['rule']!r}" if decision["rule"] else ""
    node = root.add(line("decision ", ("(" + mark + rule + f", propensity {decision['propensity']:g})", "dim")))
    if decision["task_inferred"] is not None:
        node.add(line("task ", (inferred_task(decision["task_inferred"]), "dim")))
    for ranked in decision["ranked"]:
        why = f" · {NOT_CHOSEN[ranked['not_chosen']]}" if ranked["not_chosen"] else ""
        node.add(line(f"{ranked['model']} {ranked['confidence']:.3f}", (why, "dim")))
    for model, reasons in decision["excluded"].items():
        node.add(line((f"{model} not eligible: {'; '.join(reasons)}", "dim")))
    snapshot = attribution["snapshot"]
    root.add(line((f"snapshot {snapshot['generation']} of {snapshot['name']}, {snapshot['digest'][:19]}…", "dim")))
    return root


def _ms(milliseconds: float) -> str:
    if milliseconds < 1:
        return f"{milliseconds * 1e3:.0f} µs"
    return f"{milliseconds:.1f} ms" if milliseconds < 100 else f"{milliseconds:.0f} ms"


def _short(said: object, limit: int = 100) -> str:
    text = str(said)
    return text if len(text) <= limit else text[: limit - 1] + "…"
