"""The demo itself, on a part of its text: what it leaves behind serves, and what it says adds up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import ecology as eco
from ecology.demo import run as demo_run
from ecology.demo.corpus import bundled
from ecology.demo.report import print_report
from ecology.demo.run import Result, run_demo
from ecology.errors import MissingExtra

LABELS = {"card_lost", "fee_question", "flight_cancel", "seat_request", "internet_down", "order_where"}


@contextmanager
def step(_: str) -> Iterator[Callable[[float], None]]:
    yield lambda _: None


@pytest.fixture(scope="module", params=["encoder", "core install"])
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Result]:
    corpus = bundled()
    corpus = corpus.without({row for row, label in enumerate(corpus.labels) if label not in LABELS})
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "core install":

            def absent() -> None:
                raise MissingExtra("embeddings", "the encoder")

            patch.setattr(demo_run, "find_teacher", absent)
        else:
            pytest.importorskip("onnx")
            pytest.importorskip("tokenizers")
            try:
                demo_run.find_teacher()
            except MissingExtra as error:
                pytest.skip(str(error))
        yield run_demo(corpus, tmp_path_factory.mktemp("demo"), step)


def test_the_result_is_the_object_that_json_promises(result: Result) -> None:
    facts = json.loads(json.dumps(result.to_dict()))
    for side in ("generalist", "ecology"):
        assert 0 < facts[side]["accuracy_ci"][0] <= facts[side]["accuracy"] <= facts[side]["accuracy_ci"][1] <= 1
        assert facts[side]["compute_ms_per_request"] > 0
        assert 0 < facts[side]["p50_ms"] <= facts[side]["p99_ms"]
    assert facts["n"] == len(result.generalist.correct) == len(result.ecology.correct)
    assert facts["ecology"]["plan"] in ("cascade", "adaptive")
    assert set(facts["ecology"]["share"]) <= {"small", "large"}
    assert facts["difference"]["low"] <= facts["difference"]["mean"] <= facts["difference"]["high"]


def test_both_learn_far_more_than_chance(result: Result) -> None:
    facts = result.to_dict()
    assert facts["generalist"]["accuracy"] > 3 / len(LABELS)
    assert facts["ecology"]["accuracy"] > 3 / len(LABELS)


def test_the_population_it_leaves_behind_serves(result: Result) -> None:
    with eco.Ecology.open(result.folder) as ecology:
        answer = ecology.answer("i lost my card")
        assert answer.output in LABELS
        kind = result.chosen.kind
        assert answer.attribution["plan"] == ("cascade" if kind == "averaged" else kind)


def test_training_rows_are_known_to_the_manifests(result: Result) -> None:
    from ecology.population.training import fingerprint, read_fingerprints

    for model in eco.read_description(result.folder).models:
        assert model.training_prompts is not None
        seen = read_fingerprints(Path(result.folder, model.training_prompts))
        train, test = result.corpus.part("train"), result.corpus.part("test")
        assert all(fingerprint(text) in seen for text in train.texts)
        assert not any(fingerprint(text) in seen for text in test.texts)


def test_the_report_says_what_was_measured(result: Result) -> None:
    out = StringIO()
    print_report(result, Console(file=out, width=140))
    text = out.getvalue()
    facts = result.to_dict()
    assert f"{facts['ecology']['accuracy']:.1%}" in text
    assert f"{facts['compute_ratio']:.1%} of the compute" in text
    assert ("is not installed" in text) == (result.missing is not None)
    assert text.count("→ ") >= 3
    assert "next" in text
