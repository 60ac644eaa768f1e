"""Kinds of backend that packages supply, or that a process registered: found when named, refused with a place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.backends.plugins import SHOUT, install, using

import ecology as eco
from ecology.backends import Backend, find, kinds, known, register, supplier
from ecology.engine.description import parse_description
from ecology.errors import ArtifactError, BackendError, InvalidPopulation
from ecology.population import Manifest, content_digest

Site = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_plug_in_yet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kinds, "_plugged", {})
    monkeypatch.setattr(kinds, "_suppliers", {})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("shouting"):
            del sys.modules[name]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    def installed(targets: dict[str, str], **facts: Any) -> Path:
        folder = install(tmp_path / f"site-{len(list(tmp_path.iterdir()))}", targets, **facts)
        monkeypatch.syspath_prepend(folder)
        return folder

    return installed


def described(text: str, root: Path) -> eco.Description:
    return parse_description(text, root, "ecology.toml")


def violations(text: str, root: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(InvalidPopulation) as caught:
        described(text, root)
    return [(one.place, one.problem, one.fix) for one in caught.value.violations]


def test_a_kind_that_a_package_supplies_answers_like_a_built_in_one(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout", "whisper": "shouting:Whisper"})
    models = using("shout", "a", mark="?", times=2) + using("whisper", "b")
    with eco.Ecology(described(models, tmp_path)) as ecology:
        assert ecology.answer("Hi", model="a").output == "HI??"
        assert ecology.answer("Hi", model="b").output == "hi"
    assert supplier("shout") == "shouting==1.2"


def test_packages_are_not_looked_through_for_built_in_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**_: Any) -> Any:
        raise LookupError("packages were looked through")

    monkeypatch.setattr(kinds, "entry_points", never)
    described(using("callable", target="builtins:str"), tmp_path)
    with pytest.raises(LookupError):
        described(using("shout"), tmp_path)


def test_a_plug_in_is_not_imported_before_it_is_named(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout", "worse": "shouting_worse:No"})
    assert "shouting" not in sys.modules
    described(using("shout"), tmp_path)
    assert "shouting" in sys.modules and "shouting_worse" not in sys.modules


def test_keys_of_a_plug_in_are_refused_at_their_place_with_those_of_built_in_kinds(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout"})
    text = using("shout", "a", times="x", mrk="?") + using("callable", "b", targt="x") + using("nothing", "c")
    found = violations(text, tmp_path)
    assert [(where, problem) for where, problem, _ in found] == [
        ("models.0.backend.times (a@1)", '"x" is not a whole number'),
        ("models.0.backend.mrk (a@1)", "there is no such key"),
        ("models.1.backend.targt (b@1)", "there is no such key"),
        ("models.1.backend.target (b@1)", "it is missing"),
        ("models.2.backend.kind (c@1)", "there is no such kind"),
    ]
    assert found[1][2] == "did you mean mark?"


def test_an_unknown_kind_lists_installed_ones_and_says_how_to_get_more(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout"})
    [(where, _, fix)] = violations(using("shuot"), tmp_path)
    assert where == "models.0.backend.kind (a@1)"
    assert fix.startswith("did you mean shout? known: callable, linear, mock, onnx, openai, router, shout")
    assert "install the package" in fix and "ecology.backends.register" in fix


@pytest.mark.parametrize(
    ("kind", "target", "problem", "fix"),
    [
        ("shout", "shouting_absent:Shout", "importing that raised ModuleNotFoundError", "repair or uninstall"),
        ("shout", "shouting:Absent", "importing that raised AttributeError", "repair or uninstall"),
        ("shout", "shouting_exits:Shout", "importing that raised SystemExit", "repair or uninstall"),
        ("stranger", "shouting:Stranger", "not a subclass of ecology.backends.Backend", "derive a class"),
        ("path", "shouting:Path", "not a subclass of ecology.backends.Backend", "derive a class"),
        ("mute", "shouting:Mute", "it has no load()", "write load(self, root)"),
        ("kindless", "shouting:Kindless", "it does not say its kind", 'kind: Literal["…"]'),
        ("loud", "shouting:Shout", 'whose kind is "shout"', 'name the entry point "shout"'),
    ],
)
def test_a_plug_in_that_is_no_backend_is_a_violation(
    tmp_path: Path, site: Site, kind: str, target: str, problem: str, fix: str
) -> None:
    folder = site({kind: target})
    (folder / "shouting_exits.py").write_text("raise SystemExit(3)\n")
    [(where, said, advice)] = violations(using(kind) + using("callable", "b", target="builtins:str"), tmp_path)
    assert where == "models.0.backend.kind (a@1)"
    assert said.startswith("shouting==1.2 names shouting") and problem in said
    assert fix in advice


def test_a_plug_in_that_takes_a_built_in_kind_is_a_violation_and_changes_nothing(tmp_path: Path, site: Site) -> None:
    site({"linear": "shouting:Shout", "shout": "shouting:Shout"})
    [(where, problem, fix)] = violations(using("shout"), tmp_path)
    assert where == "models.0.backend.kind (a@1)" and "shouting==1.2" in problem and "built in" in problem
    assert "uninstall" in fix
    assert find("linear").__name__ == "LinearBackend"


def test_two_packages_of_one_kind_are_a_violation(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout"})
    site({"shout": "shouting_too:Shout"}, name="shouting_too", version="3")
    [(_, problem, _)] = violations(using("shout"), tmp_path)
    assert problem == "shouting==1.2 and shouting_too==3 both supply it"


def test_the_digest_covers_the_configuration_the_package_and_the_files(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout"})
    (tmp_path / "words.txt").write_text("one")

    def digest(**keys: Any) -> str:
        facts = {"name": "a", "timeout_ms": 5, "backend": {"kind": "shout"} | keys}
        return content_digest(Manifest.model_validate(facts), tmp_path).value

    plain, marked, filed = digest(), digest(mark="?"), digest(words="words.txt")
    (tmp_path / "words.txt").write_text("two")
    refiled = digest(words="words.txt")
    assert plain == digest()
    kinds._suppliers = {"shout": "shouting==1.3"}
    assert len({plain, marked, filed, refiled, digest()}) == 5


def test_a_file_that_a_plug_in_names_must_be_there(tmp_path: Path, site: Site) -> None:
    site({"shout": "shouting:Shout"})
    found = violations(using("shout", words="absent.txt"), tmp_path)
    assert found[0][0] == "models.0.backend.words (a@1)" and "does not exist" in found[0][1]


# --- registered by the process ---------------------------------------------------------------------------


class Twice(Backend):
    """A backend in the application's own code."""

    kind: Literal["twice"]

    def load(self, root: Path) -> Callable[[Any], Any]:
        return lambda data: data * 2


def test_a_registered_class_is_known_and_shown_among_the_known(tmp_path: Path) -> None:
    assert register(Twice) is Twice and register(Twice) is Twice
    assert known()["twice"] is Twice and supplier("twice") is None
    with eco.Ecology(described(using("twice"), tmp_path)) as ecology:
        assert ecology.answer("ab").output == "abab"
    assert "twice" in violations(using("nope"), tmp_path)[0][2]


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (lambda: type("Other", (Twice,), {"__module__": "elsewhere"}), "has this kind already"),
        (lambda: find("linear"), "built in"),
        (lambda: int, "not a subclass"),
        (lambda: "twice", "not a subclass"),
        (lambda: Backend, "does not say its kind"),
    ],
)
def test_what_cannot_be_registered_is_refused(made: Callable[[], Any], problem: str) -> None:
    register(Twice)
    with pytest.raises(BackendError, match=problem):
        register(made())
    assert known()["twice"] is Twice


class Broken(Backend):
    """Raises, or gives something that cannot be called."""

    kind: Literal["broken"]
    gives: int | None = None

    def load(self, root: Path) -> Callable[[Any], Any]:
        if self.gives is None:
            raise LookupError("no such voice")
        return self.gives  # type: ignore[return-value]  # the fault that is tested


@pytest.mark.parametrize(
    ("keys", "problem"),
    [({}, "opening it raised LookupError: no such voice"), ({"gives": 3}, "load() gave a int, which cannot be called")],
)
def test_a_plug_in_that_cannot_be_opened_is_said_at_its_model(
    tmp_path: Path, keys: dict[str, Any], problem: str
) -> None:
    register(Broken)
    with pytest.raises(InvalidPopulation) as caught:
        eco.Ecology(described(using("broken", **keys), tmp_path))
    [violation] = caught.value.violations
    assert violation.place == "models.0 (a@1)" and problem in violation.problem
    with pytest.raises(ArtifactError):
        Broken(kind="broken", **keys).function(tmp_path)


def test_the_command_line_finds_the_plug_ins_of_packages(tmp_path: Path) -> None:
    folder = install(tmp_path / "site", {"shout": "shouting:Shout"}, code=SHOUT)
    (tmp_path / "ecology.toml").write_text(using("shout") + using("callable", "b", target="builtins:str"))
    path = os.pathsep.join([str(folder), str(Path(eco.__file__).parents[1])])
    command = [sys.executable, "-c", "from ecology.cli import main; main()", "answer", "hi", "--json"]
    ran = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["output"] in ("HI!", "hi")
