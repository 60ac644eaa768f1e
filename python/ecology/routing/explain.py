"""Why this model? What a router saw in a prompt, and what set the chosen model apart from the next.

The core takes the difference of two raw scores apart: it is linear in a few numbers about the prompt, so that the
parts add up to it. Words come from the card: how usual each signal is, and which training prompts were nearest to
each prototype.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _core

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Block", "Explanation", "Member", "Signal", "evidence", "explain"]

# A signal that far from its mean stands out: one in twenty does, where signals are normal.
STANDS_OUT = 2.0
MOST_SIGNALS, MOST_MEMBERS, NEAREST = 8, 5, 3
MOST_PROMPTS, SHORT_TEXT = 5_000, 80


@dataclass(frozen=True, slots=True)
class Signal:
    """A named signal, and by how many standard deviations it differs from its mean over training prompts."""

    name: str
    value: float
    deviations: float


@dataclass(frozen=True, slots=True)
class Member:
    """An inferred task or a prototype: its share of the prompt in [0, 1], what that adds to the difference of raw
    scores, and the training prompts nearest to it (fingerprints, or texts if the router keeps them)."""

    name: str
    share: float
    contribution: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of what the router knows of a prompt, and what it adds to the difference of raw scores; its largest
    members."""

    name: str
    contribution: float
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What moved a decision. `difference` is the raw score of the chosen model less that of `runner_up` (less 0 where
    there is no other): `bias`, which is the same for every prompt, and the contributions of `blocks` add up to it."""

    decision: _core.Decision
    runner_up: str | None
    difference: float
    bias: float
    signals: tuple[Signal, ...]
    blocks: tuple[Block, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it, without the decision."""
        return {
            "model": self.decision.model,
            "runner_up": self.runner_up,
            "difference": self.difference,
            "bias": self.bias,
            "signals": [
                {"signal": signal.name, "value": signal.value, "deviations": signal.deviations}
                for signal in self.signals
            ],
            "blocks": [
                {
                    "name": block.name,
                    "contribution": block.contribution,
                    "members": [
                        {
                            "name": member.name,
                            "share": member.share,
                            "contribution": member.contribution,
                            "evidence": list(member.evidence),
                        }
                        for member in block.members
                    ],
                }
                for block in self.blocks
            ],
        }

    def __str__(self) -> str:
        against = f" rather than {self.runner_up}" if self.runner_up else ""
        lines = [f"{self.decision.model}{against}: confidence {self.decision.confidence:.3f}"]
        lines.append(f"  for every prompt {self.bias:+.3f}, for this one {self.difference - self.bias:+.3f}")
        lines += [f"  {each.name} is {each.value:.4g}, {each.deviations:+.1f} sd from usual" for each in self.signals]
        for block in self.blocks:
            lines.append(f"  {block.name}: {block.contribution:+.3f}")
            for member in block.members:
                near = f", like {'; '.join(member.evidence)}" if member.evidence else ""
                lines.append(f"    {member.name}: share {member.share:.2f}, {member.contribution:+.3f}{near}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from .html import explanation_html

        return explanation_html(self)


def explain(
    weights: _core.RouterWeights, card: Mapping[str, Any], decision: _core.Decision, prompt: str
) -> Explanation:
    """Take a decision of these weights apart; `card` is theirs."""
    column = {model: at for at, model in enumerate(weights.models)}
    ranked = [model for model, _ in decision.ranked]
    runner_up = next((model for model in ranked if model != decision.model), None)
    other = None if runner_up is None else column[runner_up]
    taken = weights.contributions(prompt, column[decision.model], other)
    kept = card.get("evidence", {})
    blocks = tuple(_block(block, kept.get("nearest", {}).get(block["name"], {})) for block in taken["blocks"])
    signals = _standing_out(taken["signals"], kept.get("signals", {}))
    return Explanation(decision, runner_up, taken["difference"], taken["bias"], signals, blocks)


def _standing_out(signals: Mapping[str, float], usual: Mapping[str, Sequence[float]]) -> tuple[Signal, ...]:
    found = []
    for name, value in signals.items():
        mean, sd = usual.get(name, (value, 0.0))
        if sd > 0 and abs(value - mean) >= STANDS_OUT * sd:
            found.append(Signal(name, value, (value - mean) / sd))
    return tuple(sorted(found, key=lambda signal: -abs(signal.deviations))[:MOST_SIGNALS])


def _block(block: Mapping[str, Any], nearest: Mapping[str, Sequence[str]]) -> Block:
    contributions = block["contributions"]
    members = []
    # The numbers of `text` have no meaning of their own; only their sum has.
    if block["name"] != "text":
        largest = sorted(range(len(contributions)), key=lambda at: (-block["values"][at], at))[:MOST_MEMBERS]
        for at in largest:
            name = block["members"][at] if block["members"] else f"{block['name']} {at}"
            members.append(Member(name, block["values"][at], contributions[at], tuple(nearest.get(str(at), ()))))
    return Block(block["name"], float(sum(contributions)), tuple(members))


def evidence(weights: _core.RouterWeights, prompts: Sequence[str], *, keep_texts: bool = False) -> dict[str, Any]:
    """What a card keeps for explanations: mean and standard deviation of each signal over training prompts, and for
    each member of each group the three prompts with the largest share of it.

    Prompts are kept as fingerprints (the first 12 digits of their SHA-256): a file of weights travels further than
    the data it was fitted on. With `keep_texts` the first 80 characters of each are kept instead: users' words in a
    file, so ask yourself first.

    At most 5,000 prompts are looked at, evenly spaced.
    """
    import numpy as np

    some = list(prompts[:: max(1, -(-len(prompts) // MOST_PROMPTS))])
    if not some:
        return {"signals": {}, "nearest": {}}
    # As floats of the core, since cards are compared to the bit.
    spec = json.dumps({key: value for key, value in json.loads(weights.features).items() if key != "embedding"})
    rows = [_core.signals(prompt, spec) for prompt in some]
    table: npt.NDArray[np.float64] = np.array([list(row.values()) for row in rows], np.float64)
    usual = zip(rows[0], table.mean(axis=0).tolist(), table.std(axis=0).tolist(), strict=True)
    basis, at, nearest = weights.basis(some), 0, {}
    for name, _, size in weights.blocks:
        if name != "text":
            shares = basis[:, at : at + size]
            best = np.argsort(-shares, axis=0, kind="stable")[:NEAREST]
            nearest[name] = {str(j): [_shown(some[row], keep_texts) for row in best[:, j]] for j in range(size)}
        at += size
    return {"signals": {name: [mean, sd] for name, mean, sd in usual}, "nearest": nearest}


def _shown(prompt: str, keep_texts: bool) -> str:
    return prompt[:SHORT_TEXT] if keep_texts else hashlib.sha256(prompt.encode()).hexdigest()[:12]
