"""Votes, budgets and small ONNX models: what a careful user would write instead."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import orjson
from contest import Contender, Contest, Hold

import ecology as eco
from ecology.backends.onnx_head import write_head
from ecology.backends.onnx_library import without_telemetry
from jobs.timing import calls
from jobs.workloads import LEVELS, NO_TWO_EQUAL, LockedAccount

WIDTH, LABELS = 32, 16


@contextmanager
def contests(turn: int) -> Iterator[list[Contest]]:
    """The rows that need no other process."""
    with tempfile.TemporaryDirectory() as folder:
        yield [_vote(turn), _account(turn), _onnx(Path(folder), turn)]


def _vote(turn: int) -> Contest:
    replies = NO_TWO_EQUAL

    def by_orjson() -> str:
        canonical = [orjson.dumps(orjson.loads(reply), option=orjson.OPT_SORT_KEYS) for reply in replies]
        return replies[canonical.index(Counter(canonical).most_common(1)[0][0])]

    assert replies[eco._core.majority(replies)["index"]] == by_orjson()
    return Contest(
        "majority of 5 JSON replies, no two to the letter the same",
        "µs a vote",
        [
            Contender(
                "majority()",
                "canonical form, votes, support, tie, divergence",
                lambda: calls(lambda: eco._core.majority(replies), turn),
            ),
            Contender("orjson", "canonical form by sorted keys, votes", lambda: calls(by_orjson, turn)),
        ],
        [Hold("orjson", 0.5)],
    )


def _account(turn: int) -> Contest:
    accounts = eco.Accounts()
    for name in LEVELS:
        accounts.declare(name, {"nano_usd": 1 << 60})
    path, by_hand = accounts.path(LEVELS[-1]), LockedAccount()

    return Contest(
        "reserve and settle",
        "µs for both",
        [
            Contender(
                "Accounts", "three levels, all or nothing", lambda: calls(lambda: path.reserve(900).settle(1), turn)
            ),
            Contender("dict and Lock", "one level", lambda: calls(by_hand.spend, turn)),
        ],
        [Hold("dict and Lock", 1.0)],
    )


def _onnx(root: Path, turn: int) -> Contest:
    without_telemetry()
    import onnxruntime

    rng = np.random.default_rng(0)
    write_head(root / "head.onnx", rng.normal(size=(WIDTH, LABELS)).astype("f4"), rng.normal(size=LABELS).astype("f4"))
    names = json.dumps([f"label {at}" for at in range(LABELS)])
    (root / "ecology.toml").write_text(
        'name = "bench"\n[[models]]\nname = "head"\ntimeout_ms = 1000\ncontract = { modalities = ["array"] }\n'
        f'backend = {{ kind = "onnx", path = "head.onnx", labels = {names} }}\n',
        "utf-8",
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(root / "head.onnx", options, providers=["CPUExecutionProvider"])
    ecology = eco.Ecology.open(root)
    row = rng.normal(size=(1, WIDTH)).astype("f4")
    assert ecology.answer(row).output == f"label {int(session.run(None, {'input': row})[0].argmax())}"
    return Contest(
        f"an ONNX member, {WIDTH} → {LABELS}",
        "µs a call",
        [
            Contender(
                "answer()", "the whole journey, softmax and label", lambda: calls(lambda: ecology.answer(row), turn)
            ),
            Contender("session.run", "the bare call", lambda: calls(lambda: session.run(None, {"input": row}), turn)),
        ],
        [Hold("session.run", over_us=25.0)],
    )
