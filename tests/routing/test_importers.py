"""Importers, on small tables in the layouts that their programs write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ecology.errors import ArtifactError, InvalidRequest, OutcomesError
from ecology.routing import Outcome, Outcomes

WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"


def lines(file: Path, *rows: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def shown(table: Outcomes) -> list[tuple[str, str, float, str | None]]:
    return [(one.prompt, one.model, one.score, one.task) for one in table]


# --- RouteLLM ----------------------------------------------------------------------------------------------


def routellm(folder: Path) -> Path:
    """The layout of routellm/evals."""
    mmlu = folder / "mmlu" / "responses"
    mmlu.mkdir(parents=True)
    frame = pd.DataFrame(
        {"prompt": ["1 + 1?\nA. 1\nB. 2\nAnswer:", "2 + 2?"], WEAK: [True, False], STRONG: [True, True]}
    )
    frame.to_csv(mmlu / "mmlu_abstract_algebra.csv", index=False)
    frame.assign(prompt=["Which bone?", "What is contaminated?"]).to_csv(mmlu / "mmlu_anatomy.csv", index=False)
    lines(folder / "mmlu" / "contaminated_prompts.jsonl", {"eval_prompt": "What is contaminated?", "train_prompt": "x"})
    (folder / "gsm8k").mkdir()
    gsm = frame.assign(**{f"{WEAK}_response": ["1", "0"], f"{STRONG}_response": ["True", "True"]})
    gsm.to_csv(folder / "gsm8k" / "gsm8k_responses.csv", index=False)
    bench = folder / "mt_bench"
    bench.mkdir()
    lines(bench / "question.jsonl", {"question_id": 81, "category": "writing", "turns": ["Write.", "Again."]})
    judged = [(STRONG, 1, 10), (STRONG, 2, 8), (WEAK, 1, 1), (WEAK, 2, -1)]
    lines(
        bench / "judgements.jsonl",
        *({"question_id": 81, "model": model, "judge": ["gpt-4", "single-v1"], "turn": turn, "score": score}
          for model, turn, score in judged),
    )  # fmt: skip
    return folder


def test_a_checkout_of_routellm_is_read_as_its_own_evaluation_reads_it(tmp_path: Path) -> None:
    table = Outcomes.from_routellm(routellm(tmp_path))
    algebra = [("1 + 1?\nA. 1\nB. 2\nAnswer:", 1.0), ("2 + 2?", 0.0)]
    answered = [each for prompt, score in algebra for each in ((prompt, WEAK, score), (prompt, STRONG, 1.0))]
    assert shown(table) == [
        *[(*each, "gsm8k") for each in answered],
        *[(*each, "abstract_algebra") for each in answered],
        ("Which bone?", WEAK, 1.0, "anatomy"),
        ("Which bone?", STRONG, 1.0, "anatomy"),
        ("Write.", STRONG, pytest.approx(8 / 9), "writing"),
        ("Write.", WEAK, 0.0, "writing"),
    ]  # fmt: skip
    assert table.left_out == {"contaminated": 2} and "left out: 2 contaminated" in repr(table)


def test_contaminated_prompts_are_kept_on_demand(tmp_path: Path) -> None:
    anatomy = routellm(tmp_path) / "mmlu" / "responses" / "mmlu_anatomy.csv"
    assert len(Outcomes.from_routellm(anatomy)) == 2
    assert len(Outcomes.from_routellm(anatomy, contaminated=())) == 4
    assert len(Outcomes.from_routellm(anatomy, contaminated={"Which bone?"})) == 2
    with pytest.raises(OutcomesError, match=r"all 4 outcomes are contaminated"):
        Outcomes.from_routellm(anatomy, contaminated={"Which bone?", "What is contaminated?"})


BATTLES = {
    "human preferences": [
        {"id": 1, "model_a": "a", "model_b": "b", "prompt": '["First?", "Second?"]', "winner_model_a": won[0],
         "winner_model_b": won[1], "winner_tie": won[2]}
        for won in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ],
    "a winner": [
        {"model_a": "a", "model_b": "b", "prompt": "First?", "winner": winner}
        for winner in ("model_a", "model_b", "tie")
    ],
}  # fmt: skip


@pytest.mark.parametrize("battles", BATTLES.values(), ids=BATTLES.keys())
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json", "parquet"])
def test_battles_score_the_winner(tmp_path: Path, battles: list[dict[str, Any]], kind: str) -> None:
    frame, file = pd.DataFrame(battles), tmp_path / f"battles.{kind}"
    if kind == "csv":
        frame.to_csv(file, index=False)
    elif kind == "parquet":
        frame.to_parquet(file)
    else:
        frame.to_json(file, orient="records", lines=kind == "jsonl")
    table = Outcomes.from_routellm(file)
    assert [(one.prompt, one.model, one.score) for one in table] == [
        ("First?", "a", 1.0), ("First?", "b", 0.0), ("First?", "a", 0.0), ("First?", "b", 1.0),
        ("First?", "a", 0.5), ("First?", "b", 0.5),
    ]  # fmt: skip


def test_what_is_not_of_routellm_is_told(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("text,label\nhi,greeting\n")
    with pytest.raises(OutcomesError, match="no columns of True and False: text, label"):
        Outcomes.from_routellm(tmp_path / "other.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="no table of RouteLLM"):
        Outcomes.from_routellm(tmp_path / "empty")
    with pytest.raises(ArtifactError, match="No such file"):
        Outcomes.from_routellm(tmp_path / "absent.csv")
    lines(tmp_path / "b.jsonl", {"model_a": "a", "model_b": "b", "prompt": "p", "winner": "nobody"})
    with pytest.raises(OutcomesError, match=r"row 0\.score: it is missing"):
        Outcomes.from_routellm(tmp_path / "b.jsonl")


# --- RouterBench -------------------------------------------------------------------------------------------

BENCH = pd.DataFrame(
    {
        "sample_id": ["mmlu-1.0", "mtbench.2", "gsm.3"],
        "prompt": ["['What is 2 + 2?']", "['Write a poem.', \"Now it's shorter.\"]", "Plain [text]"],
        "eval_name": ["mmlu-sums", "mtbench", "gsm8k"],
        "small": [1.0, 0.25, 0.0],
        "gpt-4-1106-preview": [1.0, 0.9, None],
        "small|model_response": ["['4']", "['…']", "['5']"],
        "gpt-4-1106-preview|model_response": ["['4']", "['…']", None],
        "small|total_cost": [0.001, 0.002, 0.003],
        "gpt-4-1106-preview|total_cost": [0.01, 0.02, None],
        "oracle_model_to_route_to": ["small", "gpt-4-1106-preview", "no_model_correct"],
    }
)
BENCHED = [
    Outcome("What is 2 + 2?", "small", 1.0, 0.001, task="mmlu-sums"),
    Outcome("What is 2 + 2?", "gpt-4-1106-preview", 1.0, 0.01, task="mmlu-sums"),
    Outcome("Write a poem.\nNow it's shorter.", "small", 0.25, 0.002, task="mtbench"),
    Outcome("Write a poem.\nNow it's shorter.", "gpt-4-1106-preview", 0.9, 0.02, task="mtbench"),
    Outcome("Plain [text]", "small", 0.0, 0.003, task="gsm8k"),
]


def test_a_frame_of_routerbench_is_read_with_its_costs(tmp_path: Path) -> None:
    assert list(Outcomes.from_routerbench(BENCH)) == BENCHED
    BENCH.to_parquet(tmp_path / "bench.parquet")
    assert list(Outcomes.from_routerbench(tmp_path / "bench.parquet")) == BENCHED
    BENCH.to_csv(tmp_path / "bench.csv", index=False)
    assert list(Outcomes.from_routerbench(str(tmp_path / "bench.csv"))) == BENCHED


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    BENCH.to_pickle(tmp_path / "routerbench_0shot.pkl")
    with pytest.raises(ArtifactError, match=r"pandas\.read_pickle"):
        Outcomes.from_routerbench(tmp_path / "routerbench_0shot.pkl")
    assert list(Outcomes.from_routerbench(pd.read_pickle(tmp_path / "routerbench_0shot.pkl"))) == BENCHED


def test_a_frame_of_something_else_is_told() -> None:
    with pytest.raises(OutcomesError, match="no frame of RouterBench: prompt, small"):
        Outcomes.from_routerbench({"prompt": ["p"], "small": [1]})
    with pytest.raises(OutcomesError) as caught:
        Outcomes.from_routerbench(BENCH.assign(small=[1.0, 2.0, 0.0]))
    assert [violation.place for violation in caught.value.violations] == ["row 1.small"]


def test_a_score_function_that_raises_is_named() -> None:
    def broken(row: Any) -> float:
        raise KeyError("answer")

    for read in (Outcomes.from_litellm, Outcomes.from_openai):
        with pytest.raises(InvalidRequest, match="broken raised KeyError: 'answer'"):
            read([{"model": "a", "messages": [{"role": "user", "content": "hi"}]}], score=broken)
