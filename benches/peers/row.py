"""One row of SPEED.md, measured: the contenders on one kind of input."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus import Corpus
from peer import Peer, all_peers
from turns import Tally, take_turns

__all__ = ["Row", "measure_rows"]


@dataclass(frozen=True)
class Row:
    """`holds` names contenders by the start of their name, and the share of their time that we may take."""

    title: str
    contenders: list[dict[str, Any]]
    prompts_per_call: int
    rounds: int
    calls_per_round: int
    holds: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return self.__dict__


def measure_rows(corpus: Corpus, rounds: int, turn: int, batch: int, *, whole: bool) -> list[Row]:
    """The single decision; with `whole` also long prompts and the batch."""
    count = len(corpus.models)
    with tempfile.TemporaryDirectory() as folder:
        peers = _fitted(corpus, Path(folder))
        skill = _skill(peers, corpus)
        singles = [(peer.name, peer.decide) for peer in peers]
        slices = [[corpus.prompts[(at * turn + i) % len(corpus.prompts)] for i in range(turn)] for at in range(rounds)]
        limit = 1.0 if count <= 16 else 1.5
        words = ("fastText  words, bigrams", limit)
        rows = [_row(f"text → decision, {count} models", take_turns(singles, slices), peers, skill, turn, [words])]
        if whole:
            subwords = ("fastText  subwords 3-5", 0.5)
            for title, prompts in (("32 KB", corpus.kilobytes_32), ("1 MB", corpus.megabyte)):
                few = max(3, rounds // 4)
                tallies = take_turns(singles, [prompts] * few)
                rows.append(_row(f"{title} prompts, {count} models", tallies, peers, skill, len(prompts), [subwords]))
            many = (corpus.prompts * (batch // len(corpus.prompts) + 1))[:batch]
            tallies = take_turns([(peer.name, peer.decide_many) for peer in peers], [[many]] * 3)
            held = [("fastText  subwords 3-5", 0.25)]
            rows.append(_row(f"a batch of {batch:,}, {count} models", tallies, peers, skill, 1, held, batch))
    return rows


def _fitted(corpus: Corpus, folder: Path) -> list[Peer]:
    peers = all_peers()
    for number, peer in enumerate(peers):
        print(f"  {len(corpus.models)} models: fitting {peer.name}", file=sys.stderr, flush=True)
        own = folder / str(number)
        own.mkdir()
        peer.fit(corpus, own)
    return peers


def _skill(peers: Sequence[Peer], corpus: Corpus) -> list[float]:
    """Share of test prompts on which each names the right model: a contender that guesses proves nothing."""
    skill = []
    for peer in peers:
        rows = corpus.test[:500]
        right = [peer.choice(peer.decide(prompt)) == model for prompt, model in rows]
        together = peer.choices(peer.decide_many([prompt for prompt, _ in rows[:50]]))
        assert together == [peer.choice(peer.decide(prompt)) for prompt, _ in rows[:50]], peer.name
        skill.append(sum(right) / len(right))
    return skill


def _row(
    title: str,
    tallies: Sequence[Tally],
    peers: Sequence[Peer],
    skill: Sequence[float],
    calls: int,
    holds: Sequence[tuple[str, float]],
    per_call: int = 1,
) -> Row:
    contenders = [
        tally.to_dict(tallies[0]) | {"right": right, "does": peer.does}
        for tally, peer, right in zip(tallies, peers, skill, strict=True)
    ]
    for contender in contenders:
        contender["per_second"] = per_call * 1e6 / contender["p50_us"]
    held = []
    for name, limit in holds:
        theirs = next(contender for contender in contenders if contender["name"] == name)
        ours = 1 / theirs["ratio"]
        held.append({"against": name, "at_most": limit, "ours": ours, "met": ours <= limit})
    return Row(title, contenders, per_call, len(tallies[0].p50), calls, held)
