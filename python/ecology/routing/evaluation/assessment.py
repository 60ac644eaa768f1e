"""Is this router worth its place? All of `ecology.routing.metrics` for one router, on rows it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import MetricsError, OutcomesError, UnknownModel, Violation
from ..matrix import Matrix
from .definitions import DEFINITIONS
from .held_out import held_out
from .value import Evaluation, Policy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..metrics import Interval
    from .sample import Sample

    Floats = npt.NDArray[np.float64]

__all__ = ["Ranker", "evaluate"]

LEAST = 20
FEW = 200
POLICIES = {
    "router": "as it serves: the cheapest model that reaches its target, else the most confident",
    "most confident": "the router at any price",
    "best single": "one model for everything",
    "mixture": "the best fixed mixture of models at the router's cost; reads no prompt",
    "random": "a random choice at the router's cost that knows the prices only",
    "oracle at equal cost": "knows every score beforehand, spends what the router spends",
    "oracle": "knows every score beforehand, at any price",
}


class Ranker(Protocol):
    """What is needed of a router: its models, in the order of the columns of its scores.

    `gain(prompts, strong=, weak=)`, `route_batch(prompts)`, `card` and `digest` are used where it has them.
    """

    @property
    def models(self) -> list[str]: ...  # the columns of score_batch

    def score_batch(self, prompts: Sequence[str]) -> Any: ...  # P(good), [prompts, models]


def evaluate(
    router: Ranker,
    outcomes: Any,
    *,
    by: str | Mapping[str, str] | None = None,
    strong: str | None = None,
    weak: str | None = None,
    split: str | None = None,
    expected_cost: Any = None,
    resamples: int = 400,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Evaluation:
    """Measure a router beside the best single model, the best fixed mixture, random at equal cost and the oracle.

    Args:
        router: an `ecology.Router`, or anything with its `models` and `score_batch`.
        outcomes: a `Matrix`, or anything that `Outcomes.read` reads. Rows of the split `test` are used if there are
            any, else those of `val`, or those that `fit` kept aside; see `held_out`. Prompts that not every model has
            answered are left out.
        by: slices: the column `task` or `split` of the outcomes, or a mapping from prompt to the name of its slice.
        strong, weak: the pair of APGR and CPT; by default the model of the best mean score and the cheapest other.
        split: "test", "val" or "all" to overrule.
        expected_cost: what the router reckons with, [models] or [prompts, models] in the order of the matrix's prompts,
            in US dollars; by default its `expected_cost_batch`, or the mean costs on its card.
        resamples: of the bootstrap over prompts that gives the 95 % intervals; 0 for none.
        seed: of the bootstrap and of the floor of the ECE.
        progress: told the share that is done.

    Raises:
        OutcomesError: nothing to judge by, a model without outcomes, fewer than 20 whole prompts.
        UnknownModel: `strong` or `weak` is no model of the router.
        MetricsError: `strong` and `weak` are the same, or a number that a metric cannot use.
        InvalidRequest: a prompt that the router cannot read.
    """
    import numpy as np

    from .. import metrics
    from .curves import calibration_of, curves_of
    from .slices import slice_names, slices_of

    for name in (strong, weak):
        if name is not None and name not in router.models:
            raise UnknownModel(name, list(router.models))
    if strong is not None and strong == weak:
        raise MetricsError([Violation("weak", f"it is the strong model, {strong}, itself", "name another")])
    rows = held_out(outcomes, list(router.models), split, getattr(router, "card", None))
    whole = np.asarray(~np.isnan(rows.matrix.scores).any(axis=1))
    _enough(rows.matrix, whole, rows.warnings)
    matrix = _only(rows.matrix, whole)
    if expected_cost is not None and np.ndim(expected_cost) == 2 and len(expected_cost) == len(whole):
        expected_cost = np.asarray(expected_cost)[whole]
    sample, unit, basis = _sample(router, matrix, strong, weak, expected_cost)
    names = slice_names(by, rows, matrix.prompts)
    n = len(matrix.prompts)
    biased = ("ece_mass", "ece_width")
    found = metrics.bootstrap(sample.measure, n, seed=seed, resamples=resamples, progress=progress, biased=biased)
    floors = {
        f"ece_{kind}": metrics.ece_floor(sample.confidence.ravel(), binning=kind, seed=seed)
        for kind in ("mass", "width")
    }
    prices = sample.cost
    best = metrics.best_single(sample.scores, np.zeros(len(matrix.models)) if prices is None else prices)
    return Evaluation(
        router=str(getattr(router, "digest", type(router).__name__)),
        models=matrix.models,
        prompts=n,
        rows=rows.rows,
        strong=matrix.models[sample.strong],
        weak=matrix.models[sample.weak],
        cost_unit=unit,
        cost_basis=basis,
        metrics={name: found[name] for name in DEFINITIONS},
        floors=floors,
        policies=_policies(found, matrix.models[best], unit),
        calibration=calibration_of(sample, seed),
        singletons=int(sample.alone.sum()),
        by=by if isinstance(by, str) else None if by is None else "slice",
        slices=slices_of(sample, names, best, seed, resamples),
        curves=curves_of(sample, found),
        warnings=rows.warnings,
        seed=seed,
        resamples=resamples,
    )


def _enough(matrix: Matrix, whole: npt.NDArray[np.bool_], warnings: list[str]) -> None:
    n = int(whole.sum())
    if n < LEAST:
        found = f"{n} of {len(matrix.prompts)} prompts were answered by every model, at least {LEAST} are needed"
        raise OutcomesError([Violation("outcomes", found, "collect more")])
    if n < len(matrix.prompts):
        warnings.append(f"not answered by every model, and left out: {len(matrix.prompts) - n} of the prompts")
    if n < FEW:
        warnings.append(f"{n} prompts are few: the intervals are wide, and repeated splits would say more")


def _only(matrix: Matrix, rows: npt.NDArray[np.bool_]) -> Matrix:
    prompts = [prompt for prompt, kept in zip(matrix.prompts, rows, strict=True) if kept]
    return Matrix(prompts, matrix.models, matrix.scores[rows], matrix.cost_usd[rows], matrix.latency_ms[rows])


def _sample(
    router: Ranker, matrix: Matrix, strong: str | None, weak: str | None, expected: Any
) -> tuple[Sample, str | None, str]:
    import numpy as np

    from ..metrics import best_single
    from ..metrics.inputs import Inputs
    from .sample import Sample

    facts = getattr(router, "card", {}).get("models", {})
    cost, unit, basis = _costs(matrix, facts)
    reckoned = None
    if cost is not None:
        key = "cost_usd" if unit == "USD" else "latency_ms"
        carded = [facts.get(model, {}).get(key) for model in matrix.models]
        means = cost.mean(axis=0)
        reckoned = np.array([mean if known is None else known for known, mean in zip(carded, means, strict=True)])
        tell = getattr(router, "expected_cost_batch" if unit == "USD" else "expected_latency_batch", None)
        by_prompt = None if tell is None else np.asarray(tell(matrix.prompts), dtype=np.float64)
        if by_prompt is not None and not np.isnan(by_prompt).any():
            reckoned = by_prompt
    scores = matrix.scores.astype(np.float64)
    prices = np.zeros(len(matrix.models)) if cost is None else cost.mean(axis=0)
    if expected is not None and unit == "USD":
        inputs = Inputs()
        reckoned = inputs.costs("expected_cost", expected, scores)
        inputs.done()
    if strong is None:
        others = [column for column, model in enumerate(matrix.models) if model != weak]
        first = others[best_single(scores[:, others], prices[others])]
    else:
        first = matrix.models.index(strong)
    rest = [column for column in range(len(matrix.models)) if column != first]
    then = min(rest, key=lambda column: prices[column]) if weak is None else matrix.models.index(weak)
    confidence = np.asarray(router.score_batch(matrix.prompts), dtype=np.float64)
    if hasattr(router, "gain"):
        gain = np.asarray(
            router.gain(matrix.prompts, strong=matrix.models[first], weak=matrix.models[then]), dtype=np.float64
        )
    else:
        gain = confidence[:, first] - confidence[:, then]
    if hasattr(router, "route_batch"):
        column = {model: at for at, model in enumerate(matrix.models)}
        served = np.array([column[model] for model in router.route_batch(matrix.prompts)["model"]], dtype=np.intp)
    else:
        served = confidence.argmax(axis=1)
    return Sample(matrix.models, scores, confidence, cost, reckoned, gain, served, first, then), unit, basis


def _costs(matrix: Matrix, facts: Mapping[str, Any]) -> tuple[Floats | None, str | None, str]:
    """What each answer cost, [prompts, models]: money, or time as its stand-in; gaps become the model's mean."""
    import numpy as np

    for unit, values, key in (("USD", matrix.cost_usd, "cost_usd"), ("ms", matrix.latency_ms, "latency_ms")):
        known = values.astype(np.float64)
        gaps = np.isnan(known)
        means = []
        for column, model in enumerate(matrix.models):
            seen = known[~gaps[:, column], column]
            means.append(float(seen.mean()) if len(seen) else facts.get(model, {}).get(key))
        if any(mean is None for mean in means):
            continue
        basis = "as observed" if not gaps.any() else "as observed, gaps filled with the model's mean"
        if gaps.all():
            basis = "the means on the router's card"
        stand_in = "" if unit == "USD" else "latency, since not every model's cost is known; "
        return np.where(gaps, np.array(means, dtype=np.float64), known), unit, stand_in + basis
    return None, None, "not known: nothing here weighs quality against money"


def _policies(found: Mapping[str, Interval], best: str, unit: str | None) -> list[Policy]:
    policies = []
    for name, what in POLICIES.items():
        if f"score:{name}" not in found:
            continue
        cost = found[f"cost:{name}"] if unit is not None else None
        below = None if name == "router" else found[f"below:{name}"]
        told = f"{best} for everything" if name == "best single" else what
        policies.append(Policy(name, told, found[f"score:{name}"], cost, below))
    return policies
