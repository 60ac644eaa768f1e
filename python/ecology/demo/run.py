"""The whole demo: train on `train`, choose and solve on `val`, report on `test`. Nothing is simulated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..backends.encoder import Encoder
from ..backends.minilm import build, find_teacher
from ..ecology import Ecology
from ..errors import MissingExtra
from ..population.training import write_fingerprints
from ..routing import Outcome, Router
from ..routing.solve import Solution, solve_adaptive, solve_averaged, solve_cascade
from ..routing.validation import Validation
from ..stats import paired_interval
from .corpus import TEST, TRAIN, VAL, Corpus
from .population import TASK, TRAINED_ON, write_population
from .tier import Tier, train_large, train_small, train_wide
from .trial import Trial, run_trials

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]

__all__ = ["Result", "run_demo"]

# How a step of work is shown: step("training …") gives a context whose value takes progress in [0, 1].
Step = Callable[[str], AbstractContextManager[Callable[[float], None]]]
PROBES = 200
BATCH = 32


@dataclass(frozen=True)
class Result:
    """All that the report tells."""

    corpus: Corpus
    folder: Path
    large: Tier
    missing: str | None
    specialists: dict[str, Any]
    solutions: list[Solution]
    chosen: Solution
    generalist: Trial
    ecology: Trial
    examples: list[tuple[str, str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """The object of `--json`."""
        generalist, ecology = self.generalist.to_dict(), self.ecology.to_dict()
        return {
            "n": self.ecology.n,
            "generalist": generalist,
            "ecology": ecology | {"plan": self.chosen.kind, "share": self.ecology.share()},
            "compute_ratio": ecology["compute_ms_per_request"] / generalist["compute_ms_per_request"],
            "difference": self.difference(),
            "threshold": self.chosen.threshold,
            "target_reached_on_validation": self.chosen.reached,
            "specialists": self.specialists,
            "missing": self.missing,
            "note": self.corpus.note or None,
        }

    def difference(self) -> dict[str, float]:
        """Accuracy of the ecology minus that of the generalist on the same rows, paired, with a 95 % interval."""
        mean, low, high = paired_interval(
            [float(right) for right in self.ecology.correct], [float(right) for right in self.generalist.correct]
        )
        return {"mean": mean, "low": low, "high": high}


def run_demo(corpus: Corpus, folder: Path, step: Step, *, seed: int = 0, quality_target: float = 1.0) -> Result:
    """Train, solve, write the population into `folder`, and measure it against its own generalist."""
    folder.mkdir(parents=True, exist_ok=True)
    train, val, test = (corpus.part(split) for split in (TRAIN, VAL, TEST))
    with step(f"small: {len(train)} texts, {len(train.names)} labels, hashed n-grams") as progress:
        small = train_small("small", folder, train, val, seed, progress)
    specialists = _specialists(folder, train, val, small, seed, step)
    large, missing = _large(folder, train, val, seed, step)
    tiers = [small, large]
    costs = _measure_costs(folder, tiers, val, step)
    with step("router: what each model is good at, from out-of-fold outcomes"):
        router = Router.fit(_outcomes(tiers, train, val, costs), seed=seed)
        router.save(folder / "router.safetensors")
    rows = _validation(tiers, val, costs, router)
    solutions = [solve_cascade(rows, small.name, large.name, quality_target)]
    votes = small.votes(small.val_scores), large.votes(large.val_scores)
    solutions.append(solve_averaged(rows, small.name, large.name, *votes, _truth(small, val), quality_target))
    adaptive = solve_adaptive(rows, large.name, quality_target)
    solutions += [adaptive] if adaptive is not None else []
    chosen = min(solutions, key=lambda solution: (not solution.reached, solution.cost))
    digest = write_fingerprints(folder / TRAINED_ON, train.texts)
    path = write_population(folder, tiers, _plan(chosen), costs, router="router.safetensors", data_digest=digest)
    alone = write_population(folder, [large], {"kind": "direct"}, costs, file="generalist.toml")
    with Ecology.open(alone) as generalist, Ecology.open(path) as ecology:
        with step(f"test: {len(test)} texts through each") as progress:
            one, many = run_trials([generalist, ecology], test.texts, test.labels, progress)
        examples = _examples(ecology, test, many)
    return Result(corpus, folder, large, missing, specialists, solutions, chosen, one, many, examples)


def _large(folder: Path, train: Corpus, val: Corpus, seed: int, step: Step) -> tuple[Tier, str | None]:
    """The generalist, and what is missing when it had to be the lesser one."""
    try:
        find_teacher()
        with step("encoder: MiniLM to ONNX, checked against reference vectors"):
            built = build(folder)
        encoder = Encoder(built.onnx, built.tokenizer)
    except MissingExtra as error:
        with step("large: a wide head over the core's features") as progress:
            return train_wide(folder, train, val, seed, progress), str(error)
    texts = [*train.texts, *val.texts]
    with step(f"encoder: {len(texts)} sentence embeddings") as progress:
        vectors = encoder.encode(texts, BATCH, lambda done, of: progress(done / of))
    with step("large: a head on the embeddings") as progress:
        return train_large(folder, train, val, vectors[: len(train)], vectors[len(train) :], seed, progress), None


def _specialists(folder: Path, train: Corpus, val: Corpus, small: Tier, seed: int, step: Step) -> dict[str, Any]:
    """Would a specialist per domain, behind a domain router, beat the small generalist? Measured, not assumed."""
    import numpy as np

    domains = sorted(set(train.domains))
    sizes = [len({label for label, of in zip(train.labels, train.domains, strict=True) if of == d}) for d in domains]
    if len(domains) < 2 or min(sizes) < 2:
        return {"tried": False}
    trial = folder / "specialists"
    trial.mkdir(exist_ok=True)
    with step(f"specialists: {len(domains)} domains behind a domain router") as progress:
        by_domain = [_relabelled(part) for part in (train, val)]
        router = train_small("domains", trial, by_domain[0], by_domain[1], seed, lambda _: None)
        picked = np.array(router.labels)[router.val_scores.argmax(axis=1)]
        correct = np.zeros(len(val))
        for at, domain in enumerate(domains):
            rows = {row for row, of in enumerate(train.domains) if of != domain}
            specialist = train_small(f"specialist-{at}", trial, train.without(rows), val, seed, lambda _: None)
            right = specialist.correct(specialist.val_scores, val)
            correct[picked == domain] = right[picked == domain]
            progress((at + 1) / len(domains))
    mean, low, high = paired_interval(list(correct), list(small.correct(small.val_scores, val)))
    return {"tried": True, "domains": len(domains), "val_accuracy": float(correct.mean()), "gain": [mean, low, high]}


def _relabelled(corpus: Corpus) -> Corpus:
    return replace(corpus, labels=corpus.domains)


def _measure_costs(folder: Path, tiers: list[Tier], val: Corpus, step: Step) -> dict[str, float]:
    """Compute per request of each tier alone, orchestration included, in milliseconds."""
    costs = {}
    with step("compute of each tier, alone") as progress:
        for at, tier in enumerate(tiers):
            path = write_population(folder, [tier], {"kind": "direct"}, {}, file=f".{tier.name}.toml")
            path.write_text(path.read_text().replace('baseline = "large"', f'baseline = "{tier.name}"'))
            with Ecology.open(path) as ecology:
                (trial,) = run_trials([ecology], val.texts[:PROBES], val.labels[:PROBES], lambda _: None)
            costs[tier.name] = trial.compute_ms / trial.n
            path.unlink()
            progress((at + 1) / len(tiers))
    return costs


def _outcomes(tiers: list[Tier], train: Corpus, val: Corpus, costs: dict[str, float]) -> list[Outcome]:
    """Right or wrong, by prompt and model: out-of-fold on training rows, plain on validation rows."""
    outcomes = []
    for tier in tiers:
        for split, part, scores in ((TRAIN, train, tier.train_scores), (VAL, val, tier.val_scores)):
            correct = tier.correct(scores, part)
            outcomes += [
                Outcome(
                    text,
                    f"{tier.name}@1",
                    float(right),
                    latency_ms=costs[tier.name],
                    task=TASK,
                    split=split,
                    fold="out-of-fold" if split == TRAIN else None,
                )
                for text, right in zip(part.texts, correct, strict=True)
            ]
    return outcomes


def _validation(tiers: list[Tier], val: Corpus, costs: dict[str, float], router: Router) -> Validation:
    import numpy as np

    decision = router.score_batch(val.texts)
    order = [router.models.index(f"{tier.name}@1") for tier in tiers]
    return Validation(
        models=tuple(tier.name for tier in tiers),
        score=np.stack([tier.correct(tier.val_scores, val) for tier in tiers], axis=1),
        leg=np.stack([tier.confidence(tier.val_scores) for tier in tiers], axis=1),
        cost=np.array([costs[tier.name] for tier in tiers]),
        decision=decision[:, order],
    )


def _truth(tier: Tier, val: Corpus) -> npt.NDArray[np.intp]:
    """The column of each row's label; −1, which is nobody's, where the tier does not know it."""
    import numpy as np

    position = {label: at for at, label in enumerate(tier.labels)}
    return np.array([position.get(label, -1) for label in val.labels])


def _plan(solution: Solution) -> dict[str, Any]:
    if solution.kind in ("cascade", "averaged"):
        plan = {"kind": "cascade", "first": "small", "then": "large", "leg_confidence": solution.threshold}
        averaged = {"combine": "average", "weights": list(solution.weights or ())}
        return plan | averaged if solution.kind == "averaged" else plan
    return {"kind": "adaptive", "decision_confidence": solution.threshold}


def _examples(ecology: Ecology, test: Corpus, trial: Trial) -> list[tuple[str, str, Any]]:
    """Three live answers, by their place in the test alone: the first that one model gave, one from the middle, and the
    first that was escalated (or the last, if none was)."""
    escalated = set(trial.escalated)
    plain = [row for row in range(len(test)) if row not in escalated] or list(range(len(test)))
    rows = [plain[0], plain[len(plain) // 2], trial.escalated[0] if escalated else plain[-1]]
    return [(test.texts[row], test.labels[row], ecology.answer(test.texts[row])) for row in rows]
