"""`ecology drift`: two tables, then and now."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.running import Run
from tests.evidence.drift.made import traffic

from ecology import Outcomes, Router
from ecology.cli.output import console


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console is as wide as the terminal in which its module was first loaded."""
    monkeypatch.setattr(console, "width", 200)


@pytest.fixture
def tables(tmp_path: Path) -> None:
    Outcomes.of_log(traffic(300, 1)).write(tmp_path / "then.csv")
    Outcomes.of_log(traffic(300, 2)).write(tmp_path / "same.csv")
    Outcomes.of_log(traffic(300, 3, words=["tram", "bicycle", "ticket"], too_sure=0.4)).write(tmp_path / "other.csv")


@pytest.mark.usefixtures("tables")
def test_it_says_whether_and_what(run: Run) -> None:
    same, other = (run("drift", "then.csv", f"{name}.csv", "--leg", "--by", "task") for name in ("same", "other"))
    assert same.code == other.code == 0
    assert "stable: nothing moved beyond chance in 300 prompts against 300" in same.out
    assert other.out.startswith("drifted: prompts are others")
    for word in ("vocabulary", "support", "score minus it", "a@1"):
        assert word in other.out


@pytest.mark.usefixtures("tables")
def test_json_has_all_of_it_also_with_a_router(run: Run, tmp_path: Path) -> None:
    Router.fit(traffic(300, 9)).save(tmp_path / "router.safetensors")
    found = run("drift", "then.csv", "other.csv", "--router", "router.safetensors", "--json").json
    assert found["verdict"] == "drifted" and found["slices"][0]["calibration"][0]["model"] == "a@1"


@pytest.mark.usefixtures("tables")
def test_what_cannot_be_compared_is_explained(run: Run) -> None:
    assert "no such column" in run("drift", "then.csv", "same.csv", "--by", "colour", "--json").error["message"]
    assert "absent.csv" in run("drift", "then.csv", "absent.csv", "--json").error["message"]
    assert run("drift", "then.csv", "same.csv", "--leg", "--router", "r.safetensors").code == 2
