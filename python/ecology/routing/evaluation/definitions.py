"""The words of an evaluation: what each of its numbers means, in a sentence or two, for tables and reports."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFINITIONS", "Definition"]


@dataclass(frozen=True)
class Definition:
    """`better` is "higher", "lower" or "" (neither); `form` is how a value is printed: "number" or "share"."""

    label: str
    better: str
    text: str
    form: str = "number"


def _cost_at(percent: int) -> Definition:
    return Definition(
        f"cost at {percent} % of best single",
        "lower",
        f"The least mean cost at which a mixture of the router's settings scores {percent} % of the best single "
        "model's score, as a share of what that model costs; the mixture is chosen in hindsight on these prompts.",
        "share",
    )


def _cpt(percent: int) -> Definition:
    return Definition(
        f"CPT({percent} %)",
        "lower",
        f"The least share of prompts sent to the strong model that recovers {percent} % of the gap to it "
        "(RouteLLM, arXiv:2406.18665).",
        "share",
    )


_AREA = "÷ the range of costs, from the cheapest to the dearest single model"

DEFINITIONS: dict[str, Definition] = {
    "apgr": Definition(
        "APGR",
        "higher",
        "Average performance gap recovered: the area under the share of the gap between the weak and the strong "
        "model that is recovered, over the share of strong calls. 0.5 is a random order (RouteLLM, "
        "arXiv:2406.18665; thresholds at ten quantiles, as its code has them).",
    ),
    "cpt_20": _cpt(20),
    "cpt_50": _cpt(50),
    "cpt_80": _cpt(80),
    "aiq": Definition(
        "AIQ", "higher", f"The area under the router's non-decreasing hull {_AREA} (RouterBench, arXiv:2403.12031)."
    ),
    "aiq_singles": Definition(
        "AIQ of the single models", "", f"The same of the best fixed mixtures: the hull of the single models {_AREA}."
    ),
    "aiq_gain": Definition(
        "AIQ above the mixtures",
        "higher",
        "The difference of the two, paired. Not above 0: the router knows nothing that a coin does not.",
    ),
    "aiq_oracle": Definition(
        "AIQ of the oracle", "", "The same for a router that knows every score and cost beforehand."
    ),
    "cost_at_95": _cost_at(95),
    "cost_at_98": _cost_at(98),
    "cost_at_100": _cost_at(100),
    "ece_mass": Definition(
        "ECE, bins of equal mass",
        "lower",
        "Mean distance of confidence and score over 15 bins of equally many (prompt, model) pairs. Read it beside its "
        "floor, what a perfectly calibrated score measures on as many. Resampling shifts it upwards, so that its "
        "interval may lie above it.",
    ),
    "ece_width": Definition(
        "ECE, bins of equal width",
        "lower",
        "The same over 15 bins of equal width on [0, 1] (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599).",
    ),
    "brier": Definition(
        "Brier", "lower", "Mean squared distance of confidence and score over all (prompt, model) pairs (Brier 1950)."
    ),
    "aurc": Definition(
        "AURC",
        "lower",
        "Area under the risk-coverage curve of the chosen model's confidence: the mean loss of what is answered, over "
        "all coverages (Geifman et al. 2019, arXiv:1805.08206).",
    ),
    "aurc_best": Definition("least AURC possible", "", "The same, if the prompts were sorted by their score."),
    "selective_50": Definition("score at 50 % coverage", "higher", "Mean score of the half it is most sure of."),
    "selective_80": Definition("score at 80 % coverage", "higher", "Mean score of the 80 % it is most sure of."),
    "singleton_recall": Definition(
        "recall on singletons",
        "higher",
        "Of the prompts that only one model solves (score ≥ 0.5), the share that went to that model.",
        "share",
    ),
}
