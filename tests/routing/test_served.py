"""A factored router as users meet it: scores, gains, decisions with their cost, files, explanations, one model more."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ecology import _core
from ecology.errors import (
    ArtifactError,
    EditedArtifact,
    InvalidRequest,
    OtherFeatures,
    OutcomesError,
    TruncatedArtifact,
    UnknownModel,
)
from ecology.routing import Outcome, Router

from .factored import parts, weights

WORDS = ["card", "refund", "prove", "theorem", "poem", "rhyme", "total", "2", "+", "where", "is", "my", "日本語", "the"]


def prompts(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 30))) for _ in range(count)]


@pytest.fixture(scope="module")
def router() -> Router:
    return Router(weights(7))


# --- scores, gains, decisions --------------------------------------------------------------------------------


def test_a_batch_has_the_scores_of_score_batch_and_the_choices_of_route(router: Router) -> None:
    some = prompts(200)
    batch, scores = router.route_batch(some), router.score_batch(some)
    assert (batch["scores"].dtype, batch["scores"].shape) == (np.float32, (200, 7))
    np.testing.assert_array_equal(batch["scores"], scores)
    single = [router.route(prompt) for prompt in some]
    assert batch["model"] == [decision.model for decision in single]
    assert batch["confidence"].tolist() == [decision.confidence for decision in single]
    for decision, row in zip(single, scores, strict=True):
        assert dict(decision.ranked) == dict(zip(router.models, row.tolist(), strict=True))
    empty = router.route_batch([])
    assert (empty["model"], empty["scores"].shape) == ([], (0, 7))


def test_scores_are_the_formula_in_numpy(router: Router) -> None:
    about, tensors = parts(7)
    some = prompts(50, seed=1)
    basis = router._weights.basis(some).astype(np.float64)
    z = basis[:, :8]
    for at, (start, stop) in enumerate([(8, 11), (11, 16)]):
        logits = z @ tensors[f"group.{at}.weights"].T + tensors[f"group.{at}.bias"]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.testing.assert_allclose(basis[:, start:stop], shares / shares.sum(axis=1, keepdims=True), atol=1e-5)
    raw = basis @ tensors["heads.weights"].T + tensors["heads.bias"]
    platt, isotonic = about["calibration"][0], about["calibration"][2]
    scores = router.score_batch(some)
    expected = 1 / (1 + np.exp(-(platt["slope"] * raw[:, 0] + platt["offset"])))
    np.testing.assert_allclose(scores[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(scores[:, 2], np.interp(raw[:, 2], isotonic["raw"], isotonic["probability"]), atol=1e-5)
    costs = np.exp(basis @ tensors["cost.weights"].T + tensors["cost.bias"])
    for prompt, row in zip(some, costs, strict=True):
        ranked = {one["model"]: one["expected_cost_usd"] for one in router.route(prompt).to_dict()["ranked"]}
        assert ranked["m0@1"] == pytest.approx(row[0], rel=1e-3, abs=2e-9)


def test_a_gain_turns_its_sign_with_the_models_and_ties_nothing_that_scores_tell_apart(router: Router) -> None:
    some = list(dict.fromkeys(prompts(300, seed=2)))
    gain = router.gain(some, strong="m2@1", weak="m5@1")
    assert (gain.dtype, gain.shape) == (np.float32, (len(some),))
    np.testing.assert_array_equal(gain, -router.gain(some, strong="m5@1", weak="m2@1"))
    scores = router.score_batch(some)
    # Both are isotonic, level between 0.2 and 0.4.
    assert len(set((scores[:, 2] - scores[:, 5]).tolist())) < len(set(gain.tolist()))
    platt = router.gain(some, strong="m0@1", weak="m3@1")
    np.testing.assert_allclose(platt, scores[:, 0] - scores[:, 3], atol=1e-6)
    assert router.gain([], strong="m0@1", weak="m1@1").shape == (0,)


def test_a_model_that_is_not_ranked_is_refused_with_those_that_are(router: Router) -> None:
    with pytest.raises(UnknownModel) as caught:
        router.gain(["a"], strong="m1@1", weak="m11@1")
    assert list(caught.value.known) == router.models
    assert "did you mean m1@1?" in str(caught.value)
    with pytest.raises(InvalidRequest):
        router.gain("one string", strong="m0@1", weak="m1@1")  # type: ignore[arg-type]


def test_a_decision_tells_cost_latency_and_why_of_everyone(router: Router) -> None:
    decision = router.route("prove the theorem")
    told = decision.to_dict()
    first, *others = told["ranked"]
    assert (first["model"], first["not_chosen"]) == (decision.model, None)
    assert decision.expected_cost_usd == first["expected_cost_usd"] or first["model"] == "m3@1"
    assert decision.expected_latency_ms == first["expected_latency_ms"] > 0
    assert decision.why == {row["model"]: [row["not_chosen"]] for row in others}
    shown = repr(decision)
    assert shown.startswith(f'Decision(model="{decision.model}", confidence=') and shown.endswith("of 7)")
    html = decision._repr_html_()
    assert html.count("<tr>") == 8 and decision.model in html


def test_a_router_shows_what_it_is(router: Router) -> None:
    assert "7 models: m0@1" in repr(router) and "1 more" in repr(router) and "factored" in repr(router)
    assert all(model in router._repr_html_() for model in router.models)
    about, tensors = parts(2)
    about["models"] = ["<b>@1", "b@1"]
    hostile = Router(_core.RouterWeights.factored(json.dumps(about), tensors))
    assert "<b>" not in hostile._repr_html_() and "<b>" not in hostile.route("a")._repr_html_()


# --- explanations --------------------------------------------------------------------------------------------


def test_an_explanation_adds_up(router: Router) -> None:
    for prompt in prompts(20, seed=3):
        explanation = router.explain(prompt)
        parts_of = explanation.bias + sum(block.contribution for block in explanation.blocks)
        assert parts_of == pytest.approx(explanation.difference, abs=1e-3)
        assert explanation.runner_up == explanation.decision.ranked[1][0]
        assert [block.name for block in explanation.blocks] == ["text", "group0", "group1"]
        shares = [member.share for member in explanation.blocks[1].members]
        assert sum(shares) == pytest.approx(1, abs=1e-4) and shares == sorted(shares, reverse=True)
        assert json.loads(json.dumps(explanation.to_dict())) == explanation.to_dict()
        assert explanation.decision.model in str(explanation) and "<table>" in explanation._repr_html_()


def test_what_a_card_keeps_of_prompts_is_no_text_unless_asked() -> None:
    from ecology.routing.explain import evidence

    some = ["where is my secret card", *prompts(40, seed=4)]
    for keep_texts in (False, True):
        kept = evidence(weights(3), some, keep_texts=keep_texts)
        assert set(kept["nearest"]) == {"group0", "group1"} and len(kept["nearest"]["group1"]) == 5
        assert all(len(near) == 3 for near in kept["nearest"]["group0"].values())
        told = {text for group in kept["nearest"].values() for near in group.values() for text in near}
        texts = {text[:80] for text in some}
        assert (told <= texts) if keep_texts else not (told & texts) and all(len(each) == 12 for each in told)
    about, tensors = parts(3)
    about["card"] = json.dumps({"evidence": kept})
    explanation = Router(_core.RouterWeights.factored(json.dumps(about), tensors)).explain("prove " * 200)
    assert "words" in [signal.name for signal in explanation.signals]
    assert all(abs(signal.deviations) >= 2 for signal in explanation.signals)
    assert explanation.blocks[1].members[0].evidence[0] in texts


# --- files ---------------------------------------------------------------------------------------------------

DECIDE = """
import hashlib, json, sys
import ecology as eco
router = eco.Router.load(sys.argv[1])
prompts = json.load(sys.stdin)
told = [router.route(prompt).to_dict() for prompt in prompts]
bits = router.score_batch(prompts).tobytes() + router.gain(prompts, "m0@1", "m2@1").tobytes()
print(json.dumps([router.digest, hashlib.sha256(bits).hexdigest(), told]))
"""


def test_a_saved_router_decides_bit_for_bit_the_same_in_another_process(router: Router, tmp_path: Path) -> None:
    file = tmp_path / "router.safetensors"
    assert router.save(file) == router.digest == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    some = prompts(100, seed=5)
    run = subprocess.run(
        [sys.executable, "-c", DECIDE, str(file)], input=json.dumps(some), capture_output=True, text=True, check=True
    )
    told = [router.route(prompt).to_dict() for prompt in some]
    bits = router.score_batch(some).tobytes() + router.gain(some, "m0@1", "m2@1").tobytes()
    assert json.loads(run.stdout) == json.loads(json.dumps([router.digest, hashlib.sha256(bits).hexdigest(), told]))
    again = Router.load(file)
    assert (again.card, again._weights.data, again._weights.kind) == (router.card, "sha256:outcomes", "factored")


def load(folder: Path, raw: bytes) -> ArtifactError:
    file = folder / "edited.safetensors"
    file.write_bytes(raw)
    with pytest.raises(ArtifactError) as caught:
        Router.load(file)
    assert caught.value.path == str(file) and str(caught.value).endswith("or train it again")
    return caught.value


def test_each_kind_of_damage_has_an_error_with_its_facts(router: Router, tmp_path: Path) -> None:
    file = tmp_path / "router.safetensors"
    router.save(file)
    raw = file.read_bytes()
    for length in (0, 7, 100, len(raw) // 2, len(raw) - 1):
        error = load(tmp_path, raw[:length])
        assert isinstance(error, TruncatedArtifact)
        assert (error.found_bytes, error.found_bytes < error.expected_bytes) == (length, True)
    edited = load(tmp_path, raw[:-1] + bytes([raw[-1] ^ 1]))
    assert isinstance(edited, EditedArtifact) and edited.expected != edited.actual
    assert isinstance(load(tmp_path, raw.replace(b"m3@1", b"m4@1", 1)), EditedArtifact)
    version = raw.replace(b'\\"version\\":1', b'\\"version\\":7', 1)
    other = load(tmp_path, version)
    assert isinstance(other, OtherFeatures) and (other.found_version, other.known_version) == (7, 1)
    assert type(load(tmp_path, raw.replace(b"ecology.router.v1", b"ecology.router.v8", 1))) is ArtifactError


def test_parts_that_do_not_fit_are_refused_with_all_reasons() -> None:
    about, tensors = parts(3)
    about["calibration"] = about["calibration"][:2]
    about["cost"] = [True]
    tensors["heads.bias"][1] = np.nan
    with pytest.raises(ValueError, match=r"heads\.bias\[1\].*cost\.known has 1.*2 calibrations for 3 models"):
        _core.RouterWeights.factored(json.dumps(about), tensors)


# --- one model more ------------------------------------------------------------------------------------------


def test_a_model_added_to_a_hundred_leaves_the_others_as_they_were() -> None:
    before = Router(weights(100))
    some = prompts(200, seed=6)
    rows = [Outcome(prompt, "newcomer@1", float("prove" in prompt), 0.002, 12.0) for prompt in dict.fromkeys(some)]
    after = before.add_model(rows)
    assert after.models == [*before.models, "newcomer@1"]
    np.testing.assert_array_equal(before.score_batch(some), after.score_batch(some)[:, :100])
    np.testing.assert_array_equal(before.gain(some, "m3@1", "m8@1"), after.gain(some, "m3@1", "m8@1"))
    for prompt in some[:20]:
        old, new = (dict(each.route(prompt).ranked) for each in (before, after))
        assert new.pop("newcomer@1") is not None and new == old
    assert after.card["added"] == ["newcomer@1"] and after.digest != before.digest
    assert "1 of them was added" in repr(after) and "added" not in repr(before)
    told = {row["model"]: row for row in after.route("prove").to_dict()["ranked"]}["newcomer@1"]
    assert told["expected_cost_usd"] == pytest.approx(0.002, rel=0.05)
    # It has learned something, and says so with probabilities.
    proof = np.array(["prove" in prompt for prompt in some])
    scores = after.score_batch(some)[:, 100]
    assert scores[proof].mean() > scores[~proof].mean() + 0.1


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([Outcome(f"p{n}", "m1@1", 1.0) for n in range(30)], "m1@1 is ranked already"),
        ([Outcome(f"p{n}", "new@1", 1.0) for n in range(3)], "new@1 has outcomes on 3 prompts, at least 20"),
    ],
)
def test_a_model_that_cannot_be_added_is_told_why(rows: list[Outcome], problem: str, router: Router) -> None:
    with pytest.raises(OutcomesError, match=problem):
        router.add_model(rows)
