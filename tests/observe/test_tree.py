"""The tree of an attribution says what ran, why, what it took, and why the others were not chosen."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.populations import members, model, ranked_by_price, serve

import ecology as eco
from ecology.observe import attribution_tree
from ecology.observe.tree import NOT_CHOSEN, WHY

CORE = Path(__file__).parents[2] / "rust" / "core" / "src"


def drawn(attribution: dict[str, Any]) -> str:
    screen = io.StringIO()
    Console(file=screen, width=200, color_system=None).print(attribution_tree(attribution))
    return screen.getvalue()


@pytest.fixture
def escalated(tmp_path: Path) -> eco.Answer:
    cascade = {"kind": "cascade", "leg_confidence": 0.5}
    models = [*ranked_by_price(model("unsure"), model("fails"), model("sure")), model("old", "echo", stage="archived")]
    with serve(tmp_path, *models, default_plan=cascade) as ecology:
        return ecology.answer("hello")


def test_every_leg_is_shown_with_its_reason_outcome_and_confidence(escalated: eco.Answer) -> None:
    text = drawn(escalated.attribution)
    lines = [re.sub(r"^[\s│├└─]+", "", line) for line in text.splitlines()]
    assert lines[0].startswith("cascade → ")
    for leg in escalated.attribution["legs"]:
        mark = "✓" if leg["chosen"] else "·"
        assert f"{mark} {leg['model']} [generator] because {WHY[leg['why']]}" in lines
        at = lines.index(f"{mark} {leg['model']} [generator] because {WHY[leg['why']]}")
        said = leg["fault"] if leg["outcome"] != "ok" else repr(leg["output"])
        assert lines[at + 1].startswith(f"{leg['outcome']}: {said}")
        assert leg["digest"][:19] in lines[at + 2]
    assert any(line.startswith("decision (uncalibrated, propensity 1)") for line in lines)
    assert "old@1 not eligible: stage: it is archived, only active models serve" in lines
    snapshot = escalated.attribution["snapshot"]
    assert lines[-1] == f"snapshot 1 of test, {snapshot['digest'][:19]}…"
    assert "None" not in text


def test_a_cost_is_shown_when_there_is_one(escalated: eco.Answer, tmp_path: Path) -> None:
    assert f"${escalated.cost_usd:.6f}" in drawn(escalated.attribution)
    paid = [leg["cost_usd"] for leg in escalated.attribution["legs"] if leg["cost_usd"]]
    assert len(paid) > 1 and all(f"${each:.6f}, " in drawn(escalated.attribution) for each in paid)
    with serve(tmp_path / "free", model("echo")) as ecology:
        assert "$" not in drawn(ecology.answer("hello").attribution)


def test_what_a_member_says_cannot_style_or_flood_the_terminal(tmp_path: Path) -> None:
    with serve(tmp_path, model("a", "scripted_a")) as ecology:
        module = members(ecology)
        module.SCRIPT["a"] = lambda _: "[red]not markup[/] " + "x" * 5000
        text = drawn(ecology.answer("hello").attribution)
        assert "[red]not markup[/]" in text and "…" in text
        assert max(map(len, text.splitlines())) < 201 and len(text) < 2000
        for said in ({"a": ["b"]}, 4.5, [1, 2], None, "", "日本語", "two\nlines"):
            module.SCRIPT["a"] = lambda _, said=said: said
            assert "ok: " in drawn(ecology.answer("hello").attribution)


def test_a_failed_request_is_drawn_too(tmp_path: Path) -> None:
    with serve(tmp_path, model("fails"), model("hung", "hang", timeout_ms=20)) as ecology:
        with pytest.raises(eco.EcologyError):
            ecology.answer("hello", model="fails")
        with pytest.raises(eco.EcologyError):
            ecology.answer("hello", model="hung")
        members(ecology).RELEASE.set()
        failed, late = map(drawn, ecology.take_events())
        assert "failed: LookupError: nothing to say" in failed
        assert "timed_out" in late and "None" not in late


@pytest.mark.skipif(not CORE.exists(), reason="the sources of the core are not here")
@pytest.mark.parametrize(
    ("file", "kind", "words"),
    [("leg/outcome.rs", "Why", WHY), ("router/decision.rs", "NotChosen", NOT_CHOSEN)],
)
def test_every_reason_of_the_core_has_words(file: str, kind: str, words: dict[str, str]) -> None:
    names = re.findall(rf"{kind}::\w+ => \"(\w+)\"", (CORE / file).read_text("utf-8"))
    assert names and set(names) == set(words)


def test_votes_that_were_taken_together_and_replies_that_were_withheld_are_shown(escalated: eco.Answer) -> None:
    both = {"by": "average", "label": "refund", "confidence": 0.625, "weights": [0.4, 0.6]}
    text = drawn(escalated.attribution | {"combined": both, "withheld": "large@1"})
    assert "both votes together, weighted 0.4 and 0.6: 'refund', confidence 0.625" in text
    assert "the reply of large@1 is withheld: nobody is sure enough of it" in text
    assert "together" not in drawn(escalated.attribution) and "withheld" not in drawn(escalated.attribution)
