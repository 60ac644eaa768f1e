"""A router learns what can be learned, says when there is nothing to learn, and is the same wherever it is loaded."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ecology as eco
from ecology.errors import ArtifactError, EmptyInput, InvalidRequest, OutcomesError
from ecology.routing import Outcome, Router

SUMS = ["add", "subtract", "multiply", "divide", "total", "fraction"]
POEMS = ["rhyme", "verse", "sonnet", "ballad", "stanza", "haiku"]
REST = ["please", "now", "the", "a", "for", "me", "quickly", "some", "of", "and", "with", "today"]
PROMPTS = 300
PROBES = ["add the total", "a sonnet with a rhyme", "", "日本語", "x" * 20_000, "multiply a ballad", "\0"]


def decidable(seed: int = 0) -> list[Outcome]:
    """Who is right is in the words: `sums` for one half of the prompts, `poems` for the other."""
    rng = random.Random(seed)
    rows = []
    for n in range(PROMPTS):
        sums = n % 2 == 0
        words = [*rng.sample(SUMS if sums else POEMS, 2), *rng.sample(REST, 4), str(n)]
        rng.shuffle(words)
        prompt = " ".join(words)
        rows.append(Outcome(prompt, "sums@1", float(sums), 0.001, 10.0))
        rows.append(Outcome(prompt, "poems@1", float(not sums), 0.001, 10.0))
    return rows


def random_labels(seed: int) -> list[Outcome]:
    """Who is right is decided by coins: no router can know it."""
    rng = random.Random(seed)
    return [Outcome(o.prompt, o.model, float(rng.random() < 0.5), 0.001, 10.0) for o in decidable(seed)]


@pytest.fixture(scope="module")
def router() -> Router:
    return Router.fit(decidable())


def test_what_is_in_the_words_is_learned(router: Router) -> None:
    guard = router.guard
    assert guard.worthwhile and guard.gain_low > 0.3
    assert guard.best_single_score == pytest.approx(0.5, abs=0.15)
    fresh = decidable(seed=1)
    right = [outcome.model for outcome in fresh if outcome.score == 1.0]
    prompts = list(dict.fromkeys(outcome.prompt for outcome in fresh))
    chosen = router.route_batch(prompts)["model"]
    assert np.mean([a == b for a, b in zip(chosen, right, strict=True)]) > 0.95
    assert "beats the best fixed mixture" in str(guard)


def test_where_there_is_nothing_to_learn_the_guard_says_so() -> None:
    said = [Router.fit(random_labels(seed), seed=seed).guard for seed in range(5)]
    # Its interval may be wrong once in twenty times; the seeds are fixed.
    assert sum(guard.worthwhile for guard in said) == 0
    assert all(guard.gain_low <= 0 <= guard.gain_high or guard.gain_high < 0 for guard in said)
    assert "does not beat" in str(said[0])


def test_confidence_is_calibrated_on_average(router: Router) -> None:
    fresh = decidable(seed=2)
    prompts = list(dict.fromkeys(outcome.prompt for outcome in fresh))
    scores = router.score_batch(prompts)
    assert float(scores.mean()) == pytest.approx(0.5, abs=0.05)


def test_a_fit_is_the_same_every_time_and_depends_on_its_seed(router: Router) -> None:
    assert Router.fit(decidable()).digest == router.digest
    assert Router.fit(list(reversed(decidable()))).models == router.models
    assert Router.fit(decidable(), seed=1).digest != router.digest


def test_the_card_tells_what_it_was_fitted_on(router: Router) -> None:
    card = router.card
    assert set(card["models"]) == set(router.models) == {"sums@1", "poems@1"}
    assert 0 < card["prompts"] < PROMPTS
    for facts in card["models"].values():
        assert facts == {"score": pytest.approx(0.5, abs=0.1), "cost_usd": pytest.approx(0.001), "latency_ms": 10.0}
    assert json.loads(json.dumps(card)) == card


def test_the_cheaper_of_two_that_are_sure_is_chosen() -> None:
    rows = []
    for outcome in decidable():
        price = 0.01 if outcome.model == "poems@1" else 0.001
        rows.append(Outcome(outcome.prompt, outcome.model, 1.0 if outcome.model == "poems@1" else outcome.score, price))
    router = Router.fit(rows)
    assert router.route("add the total, multiply and divide").model == "sums@1"
    assert router.route("a sonnet, a ballad, a verse").model == "poems@1"


# --- many at once ------------------------------------------------------------------------------------------


def probes() -> list[str]:
    return [outcome.prompt for outcome in decidable(seed=3)][::7] + [probe for probe in PROBES if probe.strip()]


def test_a_batch_is_what_one_by_one_is(router: Router) -> None:
    prompts = probes()
    batch = router.route_batch(prompts)
    single = [router.route(prompt) for prompt in prompts]
    assert batch["model"] == [decision.model for decision in single]
    assert batch["confidence"].dtype == np.float32
    assert batch["confidence"].tolist() == [decision.confidence for decision in single]


def test_scores_have_a_row_for_each_prompt_and_a_column_for_each_model(router: Router) -> None:
    prompts = probes()
    scores = router.score_batch(prompts)
    assert (scores.shape, scores.dtype) == ((len(prompts), len(router.models)), np.float32)
    assert np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()
    for prompt, row in zip(prompts, scores, strict=True):
        assert dict(router.route(prompt).ranked) == dict(zip(router.models, row.tolist(), strict=True))
    np.testing.assert_array_equal(router.score_batch(prompts[::-1]), scores[::-1])


def test_no_prompts_are_no_rows(router: Router) -> None:
    assert router.score_batch([]).shape == (0, len(router.models))
    assert router.route_batch([])["model"] == []


def test_a_decision_says_that_it_is_calibrated_and_by_whom(router: Router) -> None:
    decision = router.route("add the total").to_dict()
    assert (decision["calibrated"], decision["rule"], decision["router_digest"]) == (True, None, router.digest)


@pytest.mark.parametrize(("prompt", "kind"), [("", EmptyInput), (" \n", EmptyInput), ("\ud800", InvalidRequest)])
def test_a_prompt_that_is_none_is_refused(router: Router, prompt: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        router.route(prompt)


# --- files -------------------------------------------------------------------------------------------------

DECIDE = """
import hashlib, json, sys
import ecology as eco
router = eco.Router.load(sys.argv[1])
prompts = json.load(sys.stdin)
decisions = [router.route(prompt).to_dict() for prompt in prompts]
scores = hashlib.sha256(router.score_batch(prompts).tobytes()).hexdigest()
print(json.dumps([router.digest, router.card, scores, decisions]))
"""


def test_a_saved_router_decides_bit_for_bit_the_same_in_another_process(router: Router, tmp_path: Path) -> None:
    import hashlib

    file = tmp_path / "router.safetensors"
    digest = router.save(file)
    assert digest == router.digest == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    prompts = probes()
    command = [sys.executable, "-c", DECIDE, str(file)]
    run = subprocess.run(command, input=json.dumps(prompts), capture_output=True, text=True, check=True)
    decisions = [router.route(prompt).to_dict() for prompt in prompts]
    scores = hashlib.sha256(router.score_batch(prompts).tobytes()).hexdigest()
    assert json.loads(run.stdout) == json.loads(json.dumps([digest, router.card, scores, decisions]))


@pytest.fixture(scope="module")
def saved(router: Router, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("saved") / "router.safetensors"
    router.save(file)
    return file.read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(saved: bytes, tmp_path: Path, share: float) -> None:
    refused(tmp_path, saved[: int(len(saved) * share)])


EDITS = {
    "another format": (b"ecology.router.v1", b"ecology.router.v9"),
    "the format of other weights": (b"ecology.router.v1", b"ecology.linear.v2"),
    "no such entry": (b'"ecology":', b'"ecolohy":'),
    "an entry that is none": (b'\\"models\\":', b'\\"modles\\":'),
    "a name of another type": (b'\\"poems@1\\",\\"sums@1\\"]', b'\\"poems@1\\",12345678]'),
    "a card that is no JSON": (b'\\"card\\":\\"{', b'\\"card\\":\\"!'),
    "more bytes behind": (b"", b""),
    "not even a header": None,
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_file_is_refused(saved: bytes, tmp_path: Path, name: str) -> None:
    edit = EDITS[name]
    if edit is None:
        return refused(tmp_path, b"\xff" * 8 + saved[8:])
    before, after = edit
    if not before:
        return refused(tmp_path, saved + b"\0\0\0\0")
    assert len(before) == len(after) or name.startswith("a name")
    assert saved.count(before) >= 1, "the format changed; edit this table"
    edited = saved.replace(before, after.ljust(len(before)), 1)
    return refused(tmp_path, edited)


def refused(folder: Path, raw: bytes) -> None:
    file = folder / "edited.safetensors"
    file.write_bytes(raw)
    with pytest.raises(ArtifactError) as caught:
        Router.load(file)
    assert caught.value.path == str(file)
    assert str(caught.value).endswith("restore the file, or train it again")


@pytest.mark.parametrize("which", ["heads.bias", "projection.scales"])
def test_weights_that_are_not_numbers_are_refused(saved: bytes, tmp_path: Path, which: str) -> None:
    data = 8 + int.from_bytes(saved[:8], "little")
    header = json.loads(saved[8:data])
    at = data + header[which]["data_offsets"][0]
    refused(tmp_path, saved[:at] + np.full(1, np.nan, dtype="<f4").tobytes() + saved[at + 4 :])


def test_a_flipped_bit_of_a_weight_is_noticed(saved: bytes, tmp_path: Path) -> None:
    refused(tmp_path, saved[:-2] + bytes([saved[-2] ^ 1]) + saved[-1:])


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="absent"):
        Router.load(tmp_path / "absent.safetensors")


# --- outcomes that teach nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        (decidable()[::2], ["model"]),
        (decidable()[:8], ["split train", "split val"]),
        ([Outcome(o.prompt, o.model, o.score, split="train") for o in decidable()], ["split val"]),
        ([Outcome(o.prompt, o.model, o.score, split="test") for o in decidable()], ["split train", "split val"]),
    ],
    ids=["one model", "too few", "nothing to judge by", "nothing at all"],
)
def test_outcomes_that_cannot_teach_are_refused_with_all_reasons(rows: list[Outcome], places: list[str]) -> None:
    with pytest.raises(OutcomesError) as caught:
        Router.fit(rows)
    assert [violation.place for violation in caught.value.violations] == places
    assert all(violation.fix for violation in caught.value.violations)


def test_the_column_split_is_obeyed() -> None:
    rows = decidable()
    split = [Outcome(o.prompt, o.model, o.score, split="val" if n < 200 else "train") for n, o in enumerate(rows)]
    router = Router.fit(split)
    assert (router.card["prompts"], router.guard.prompts) == (200, 100)


def test_the_public_name_is_the_same_class() -> None:
    assert eco.Router is Router
