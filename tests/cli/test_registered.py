"""A router as a registered model, from the command line on: versions, lineage, stages, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.running import Run
from tests.populations import model, write

import ecology as eco
from ecology.errors import InvalidPopulation

PROMPTS = [f"{word} number {n}" for n in range(60) for word in ("add the sums", "write a poem")]


def outcomes(sums_are_good: bool) -> list[eco.Outcome]:
    return [
        eco.Outcome(prompt, who, float((prompt.startswith("add") == (who == "a@1")) == sums_are_good), 0.001, 5.0)
        for prompt in PROMPTS
        for who in ("a@1", "b@1")
    ]


@pytest.fixture(scope="module")
def routers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two routers that decide otherwise, fitted once."""
    folder = tmp_path_factory.mktemp("routers")
    files = []
    for at, good in enumerate((True, False)):
        files.append(folder / f"fit-{at}.safetensors")
        eco.Router.fit(outcomes(good)).save(files[-1])
    return files


def described(root: Path, *routers: dict[str, Any], router: str = "router", **more: Any) -> Path:
    models = [model("a", "echo"), model("b", "echo"), *more.get("models", [])]
    return write(root, [*models, *routers], {"routing": {"router": router}} | more.get("policy", {}))


def registered(run: Run, file: Path, *options: str) -> dict[str, Any]:
    said = run("model", "register", str(file), "--registry", "registry.db", "--json", *options)
    assert said.code == 0, said.out
    facts: dict[str, Any] = said.json
    facts.pop("root")
    return facts


def decisions(file: Path) -> list[tuple[str, str, list[Any]]]:
    with eco.Ecology.open(file) as ecology:
        made = [ecology.route(prompt, seed=7).to_dict() for prompt in PROMPTS]
    return [(each["model"], each["router_digest"], each["ranked"]) for each in made]


def test_a_fitted_file_becomes_a_version_with_lineage(run: Run, tmp_path: Path, routers: list[Path]) -> None:
    described(tmp_path)
    first = registered(run, routers[0], "--stage", "active", "--why", "the first")
    assert (first["name"], first["version"], first["role"], first["stage"]) == ("router", "1", "router", "active")
    assert first["parents"] == [] and first["ranks"] == ["a@1", "b@1"]
    loaded = eco.Router.load(routers[0])
    assert first["digest"] == {"value": loaded.digest, "kind": "content"}
    assert first["data_digests"] == [loaded.card["data_digest"]] == [eco.Outcomes.read(outcomes(True)).digest]
    assert first["features_digest"].startswith("sha256:")
    assert (tmp_path / first["backend"]["path"]).read_bytes() == routers[0].read_bytes()

    second = registered(run, routers[1])
    assert (second["version"], second["stage"], second["parents"]) == ("2", "candidate", ["router@1"])
    assert registered(run, routers[1]) == second, "the same content again is the same version"
    third = registered(run, routers[1], "--stage", "active")
    assert third == second | {"stage": "active"}

    with eco.Registry.open(tmp_path / "registry.db") as registry:
        registry.verify()
        stages = {each.id: each.stage.value for each in registry.list("router")}
        assert stages == {"router@1": "archived", "router@2": "active"}
        assert [event.why for event in registry.history("router@1")][-1] == "replaced by router@2"
    listed = run("model", "list", "--registry", "registry.db", "--role", "router").out
    assert "router@1" in listed and "archived" in listed and "router@2" in listed
    shown = run("model", "show", "router@2", "--registry", "registry.db").out
    assert all(word in shown for word in ("ranks: ['a@1', 'b@1']", "parents: ['router@1']", "data_digests", "file: "))
    assert "not there" not in shown
    (tmp_path / second["backend"]["path"]).unlink()
    assert "not there" in run("model", "show", "router@2", "--registry", "registry.db").out


def test_what_is_printed_can_be_pasted_into_the_description(run: Run, tmp_path: Path, routers: list[Path]) -> None:
    file = write(tmp_path, [model("a", "echo"), model("b", "echo")])
    said = run("model", "register", str(routers[0]), "--registry", "registry.db", "--stage", "active").out
    table = said[said.index("[[models]]") : said.index("# and under")]
    assert '# and under [policy.routing]: router = "router"' in said
    text = (
        file.read_text()
        .replace("[policy]", f"{table}\n[policy]")
        .replace('"routing" = {', '"routing" = {"router" = "router", ')
    )
    file.write_text(text)
    decision = run("route", PROMPTS[0], "--json").json
    assert decision["calibrated"] and decision["router_digest"] == eco.Router.load(routers[0]).digest
    # The same manifest, so registering the description adds nothing.
    run("model", "register", "router", "--registry", "registry.db")
    with eco.Registry.open(tmp_path / "registry.db") as registry:
        assert len(registry.list("router")) == 1


def test_going_back_to_a_version_decides_bit_for_bit_as_before(run: Run, tmp_path: Path, routers: list[Path]) -> None:
    described(tmp_path)
    first, second = registered(run, routers[0]), registered(run, routers[1])
    active, archived = {"stage": "active"}, {"stage": "archived"}
    before = decisions(described(tmp_path, first | active))
    after = decisions(described(tmp_path, first | archived, second | active))
    assert {digest for _, digest, _ in before} == {first["digest"]["value"]}
    assert [choice for choice, *_ in before] != [choice for choice, *_ in after]
    named = described(tmp_path, first | active, second | archived, router="router@1")
    assert decisions(named) == before
    with eco.Ecology.open(described(tmp_path, first | archived, second | active)) as ecology:
        assert ecology.route(PROMPTS[0], seed=7).to_dict()["router_digest"] == second["digest"]["value"]
        ecology.reload(described(tmp_path, first | active, second | archived))
        again = [ecology.route(prompt, seed=7).to_dict() for prompt in PROMPTS]
    assert [(each["model"], each["router_digest"], each["ranked"]) for each in again] == before


@pytest.mark.parametrize("stage", ["candidate", "shadow", "canary", "archived", "retired", "quarantined"])
def test_a_router_that_is_not_active_decides_nothing(run: Run, tmp_path: Path, routers: list[Path], stage: str) -> None:
    described(tmp_path)
    file = described(tmp_path, registered(run, routers[0]) | {"stage": stage})
    with eco.Ecology.open(file) as ecology:
        assert not ecology.route(PROMPTS[0]).calibrated
    problem = f"router@1 is {stage} and does not serve, so every decision is made by the rules"
    assert problem in [warning["problem"] for warning in run("check", "--json").json["warnings"]]


def test_check_says_which_decisions_the_router_leaves_to_the_rules(
    run: Run, tmp_path: Path, routers: list[Path]
) -> None:
    described(tmp_path)
    active = registered(run, routers[0]) | {"stage": "active"}
    newcomer = model("c", "echo", contract={"tasks": ["maps"]})
    described(tmp_path, active, models=[newcomer])
    warnings = {
        each["place"]: each["problem"]
        for each in run("check", "--json").json["warnings"]
        if "rank it" in each["problem"]
    }
    assert warnings == {
        "models.2 (c@1)": "router does not rank it, so requests of the task maps are decided by the rules"
    }
    with eco.Ecology.open(tmp_path) as ecology:
        assert ecology.route(PROMPTS[0]).calibrated and not ecology.route(PROMPTS[0], task="maps").calibrated
    write(tmp_path, [model("a", "echo"), active], {"routing": {"router": "router"}})
    problems = [each["problem"] for each in run("check", "--json").json["warnings"]]
    assert "it ranks b@1, which the population does not have" in problems


def test_a_file_that_was_exchanged_is_refused(run: Run, tmp_path: Path, routers: list[Path]) -> None:
    described(tmp_path)
    first = registered(run, routers[0]) | {"stage": "active"}
    file = described(tmp_path, first)
    (tmp_path / first["backend"]["path"]).write_bytes(routers[1].read_bytes())
    with pytest.raises(InvalidPopulation) as refused:
        eco.Ecology.open(file)
    assert "models.2.digest.value (router@1)" in str(refused.value)
    assert "every decision is made by the rules" in str(refused.value)


WRONG = [
    ({"ranks": ["a@1"]}, "it ranks a@1, b@1, the manifest of router@1 says a@1"),
    ({"features_digest": "sha256:" + "0" * 64}, "it reads the features sha256:"),
    ({"role": "specialist"}, "its backend is a router, which chooses models"),
    ({"backend": {"kind": "callable", "target": "models:echo"}, "digest": None}, "which is no learned router"),
    ({"backend": {"kind": "router", "path": "absent.safetensors"}}, "absent.safetensors does not exist"),
]


@pytest.mark.parametrize(("change", "problem"), WRONG, ids=[next(iter(change)) for change, _ in WRONG])
def test_a_manifest_that_says_otherwise_is_refused(
    run: Run, tmp_path: Path, routers: list[Path], change: dict[str, Any], problem: str
) -> None:
    described(tmp_path)
    facts = registered(run, routers[0]) | {"stage": "active"} | change
    with pytest.raises(InvalidPopulation) as refused:
        eco.Ecology.open(described(tmp_path, facts))
    assert problem in str(refused.value)


def test_a_file_that_is_neither_is_refused(run: Run, tmp_path: Path, routers: list[Path]) -> None:
    described(tmp_path)
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    said = run("model", "register", "junk.safetensors", "--registry", "registry.db", "--json")
    assert said.code == 1 and said.error["facts"]["path"].endswith("junk.safetensors")
    (tmp_path / "learned").mkdir()
    (tmp_path / "learned" / "router-1.safetensors").write_bytes(routers[1].read_bytes())
    said = run("model", "register", str(routers[0]), "--registry", "registry.db", "--json")
    assert "another file is in the place" in said.error["message"]
    assert (tmp_path / "learned" / "router-1.safetensors").read_bytes() == routers[1].read_bytes()
    with eco.Registry.open(tmp_path / "registry.db") as registry:
        assert registry.list() == []


def test_manifests_from_before_keep_their_identity() -> None:
    facts = json.loads(eco.Manifest.model_validate(model("a", "echo")).canonical())
    assert not {"ranks", "features_digest"} & set(facts)
