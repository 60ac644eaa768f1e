"""What docs/routing.md shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import ecology as eco

PAGE = Path(__file__).parents[2] / "docs" / "routing.md"


def test_the_router_of_the_page_knows_when_the_large_model_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE.name, "exec"), names)
    router, decision = names["router"], names["decision"]
    assert router.guard.worthwhile
    assert decision.model == "large@1" and decision.why == {"tiny@1": ["below_target"]}
    # The large model is right in nine of ten, whatever is asked.
    assert decision.confidence == pytest.approx(0.9, abs=0.08)
    sums, words = router.gain(
        ["How much is 6 times 7?", "Which word rhymes with 4 and 5?"], strong="large@1", weak="tiny@1"
    )
    assert sums > 0.5 and abs(words) < 0.2
    assert eco.Router.load(tmp_path / "router.safetensors").digest == router.digest
