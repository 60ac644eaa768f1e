"""A registry remembers: versions never change, history only grows, and whatever was altered is found."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from ecology.errors import AlreadyRegistered, ArtifactError, DigestMismatch, UnknownModel
from ecology.population import Digest, HistoryEvent, Manifest, Registry, Role, Stage
from ecology.population.history import GENESIS, follow

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """A minute passes with every look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> datetime:
        self.looks += 1
        return START + timedelta(minutes=self.looks)


def manifest(name: str = "small", version: str = "1", **known: Any) -> Manifest:
    backend = {"kind": "callable", "target": "builtins:str"}
    return Manifest.model_validate({"name": name, "version": version, "timeout_ms": 9, "backend": backend} | known)


def linear(path: str, **known: Any) -> Manifest:
    return manifest(backend={"kind": "linear", "path": path}, **known)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(tmp_path / "registry.db", clock=Clock()) as opened:
        yield opened


# --- registering ------------------------------------------------------------------------------------------


def test_what_is_registered_comes_back_as_it_was(registry: Registry) -> None:
    contract = {"tasks": ["support"], "privileges": ["files", "network"], "output_schema": {"type": "object"}}
    given = manifest(contract=contract, price={"usd_per_call": 0.25}, stage="shadow", parents=["x@1"], role="champion")
    pinned = registry.register(given)
    assert registry.show("small@1") == pinned
    assert pinned.model_copy(update={"digest": None}) == given
    assert pinned.digest == Digest(value=given.identity(), kind="declared")


def test_the_digest_is_over_the_bytes_of_the_file_under_the_root(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w").write_bytes(b"abc")
    pinned = registry.register(linear("weights/w"), tmp_path)
    sha = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert pinned.digest == Digest(value=sha, kind="content")
    assert registry.file("small") == tmp_path / "weights" / "w"
    assert registry.root("small") == tmp_path
    assert registry.file(registry.register(manifest("other")).id) is None


def test_identical_content_is_registered_once(registry: Registry, tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "w").write_bytes(b"abc")
    first = registry.register(linear("w"), tmp_path / "a", who="ada", why="new")
    registry.set_stage("small", "archived")
    again = registry.register(linear("w"), tmp_path / "b", who="bob", why="again")
    assert again == first.model_copy(update={"stage": Stage.ARCHIVED})  # what it has become, not what it was
    assert registry.register(first, tmp_path / "a") == again  # with the digest written into it, too
    assert [event.kind for event in registry.history()] == ["registered", "stage"]
    assert registry.root("small") == tmp_path / "a"


@pytest.mark.parametrize("change", [{"timeout_ms": 10}, {"licence": "MIT"}, {"contract": {"tasks": ["x"]}}])
def test_other_content_under_the_same_version_is_refused(registry: Registry, change: dict[str, Any]) -> None:
    pinned = registry.register(manifest())
    with pytest.raises(AlreadyRegistered) as caught:
        registry.register(manifest(**change))
    assert pinned.digest is not None
    assert (caught.value.model, caught.value.digest) == ("small@1", pinned.digest.value)
    assert len(registry.history()) == 1
    assert registry.show("small") == pinned


def test_other_bytes_under_the_same_version_are_refused(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(b"abc")
    registry.register(linear("w"), tmp_path)
    (tmp_path / "w").write_bytes(b"abd")
    with pytest.raises(AlreadyRegistered):
        registry.register(linear("w"), tmp_path)
    with pytest.raises(DigestMismatch) as caught:
        registry.register(registry.show("small"), tmp_path)
    assert caught.value.expected.startswith("sha256:ba7816bf")
    (tmp_path / "w").unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        registry.register(linear("w", version="2"), tmp_path)
    assert len(registry.history()) == 1


def at_once(path: Path, manifests: list[Manifest]) -> list[Manifest | AlreadyRegistered]:
    """Register each in a thread with a registry of its own, all at the same moment."""
    start = threading.Barrier(len(manifests))
    outcomes: list[Manifest | AlreadyRegistered] = []

    def work(one: Manifest) -> None:
        with Registry.open(path) as registry:
            start.wait()
            try:
                outcomes.append(registry.register(one))
            except AlreadyRegistered as error:
                outcomes.append(error)

    workers = [threading.Thread(target=work, args=(one,)) for one in manifests]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return outcomes


def test_two_threads_that_register_one_version_make_one_of_it(tmp_path: Path) -> None:
    """The same content: both succeed and one event is written. Other content: exactly one wins."""
    path = tmp_path / "registry.db"
    Registry.open(path).close()
    for name, differ in (("same", False), ("other", True)):
        outcomes = at_once(path, [manifest(name, timeout_ms=9 + place * differ) for place in range(4)])
        won = [outcome for outcome in outcomes if isinstance(outcome, Manifest)]
        assert (len(outcomes), len(won)) == (4, 1 if differ else 4)
    with Registry.open(path) as registry:
        assert [event.model for event in registry.history()] == ["same@1", "other@1"]
        registry.verify()


def test_one_registry_serves_many_threads_and_loses_no_event(registry: Registry) -> None:
    start = threading.Barrier(5)
    failed: list[BaseException] = []

    def work(place: int) -> None:
        try:
            start.wait()
            for version in "123":
                registry.register(manifest(f"m{place}", version))
                registry.set_stage(f"m{place}@{version}", "archived", who=str(place))
        except BaseException as error:  # noqa: BLE001  # told to the test below
            failed.append(error)

    workers = [threading.Thread(target=work, args=(place,)) for place in range(5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failed == []
    events = registry.history()
    assert [event.sequence for event in events] == list(range(1, 31))
    assert len({event.at for event in events}) == 30
    registry.verify()


# --- looking ----------------------------------------------------------------------------------------------


def test_a_bare_name_is_the_newest_version_in_order_of_registration(registry: Registry) -> None:
    for version in ("9", "10", "2"):
        registry.register(manifest(version=version))
    registry.register(manifest("other"))
    assert registry.show("small").version == "2"
    assert registry.show("small@10").version == "10"
    assert [model.version for model in registry.versions("small")] == ["9", "10", "2"]
    assert [model.version for model in registry.versions("small@10")] == ["9", "10", "2"]


def test_a_list_is_narrowed_by_name_stage_and_role(registry: Registry) -> None:
    registry.register(manifest("a", stage="shadow"))
    registry.register(manifest("a", "2", role="judge"))
    registry.register(manifest("b"))
    registry.set_stage("b", Stage.SHADOW)

    def ids(**by: Any) -> list[str]:
        return [model.id for model in registry.list(**by)]

    assert ids() == ["a@1", "a@2", "b@1"]
    assert ids(name="a") == ["a@1", "a@2"]
    assert ids(stage="shadow") == ids(stage=Stage.SHADOW) == ["a@1", "b@1"]
    assert ids(role=Role.JUDGE) == ["a@2"]
    assert ids(name="a", stage="shadow", role="specialist") == ["a@1"]
    assert ids(name="nobody") == []


@pytest.mark.parametrize(
    "look",
    [
        lambda registry, model: registry.show(model),
        lambda registry, model: registry.versions(model),
        lambda registry, model: registry.history(model),
        lambda registry, model: registry.set_stage(model, "active"),
        lambda registry, model: registry.file(model),
        lambda registry, model: registry.root(model),
    ],
)
def test_a_model_that_is_unknown_is_named_with_those_that_are_known(
    registry: Registry, look: Callable[[Registry, str], Any]
) -> None:
    registry.register(manifest("small"))
    registry.register(manifest("large", "2"))
    for asked, meant in (("smal", "small@1"), ("large@1", "large@2"), ("small@", "small@1")):
        with pytest.raises(UnknownModel) as caught:
            look(registry, asked)
        assert (caught.value.model, list(caught.value.known)) == (asked, ["small@1", "large@2"])
        assert f"did you mean {meant}? known: small@1, large@2" in str(caught.value)
    with pytest.raises(UnknownModel) as caught:
        look(registry, "zzz")
    assert "did you mean" not in str(caught.value)


# --- stages and history -----------------------------------------------------------------------------------


def test_every_move_is_remembered_with_who_when_and_why(registry: Registry) -> None:
    registry.register(manifest(), who="ada", why="first")
    moved = registry.set_stage("small@1", Stage.QUARANTINED, who="bob", why="leaks")
    assert moved.stage is registry.show("small").stage is Stage.QUARANTINED
    assert registry.set_stage("small@1", "quarantined", who="eve") == moved  # where it is already: nothing happens
    first, second = registry.history("small")
    assert (first.kind, first.who, first.why, first.when) == (
        "registered",
        "ada",
        "first",
        START + timedelta(minutes=1),
    )
    assert (second.kind, second.who, second.why, second.when) == ("stage", "bob", "leaks", START + timedelta(minutes=2))
    assert second.facts == {"from": "active", "to": "quarantined"}
    assert (first.previous, second.previous) == (GENESIS, first.hash)


def test_history_is_of_all_of_a_name_or_of_a_version(registry: Registry) -> None:
    for name, version in (("a", "1"), ("a", "2"), ("a_b", "1")):
        registry.register(manifest(name, version))
    registry.register(manifest("axb"))
    assert [event.model for event in registry.history()] == ["a@1", "a@2", "a_b@1", "axb@1"]
    assert [event.model for event in registry.history("a")] == ["a@1", "a@2"]
    assert [event.model for event in registry.history("a@2")] == ["a@2"]
    assert [event.model for event in registry.history("a_b")] == ["a_b@1"]  # `_` is no wildcard


def test_a_clock_in_another_zone_writes_the_same_moment(tmp_path: Path) -> None:
    abroad = START.astimezone(timezone(timedelta(hours=5)))
    with Registry.open(tmp_path, clock=lambda: abroad) as registry:
        registry.register(manifest())
        assert registry.history()[0].at == "2025-03-01T12:00:00.000000+00:00"


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with Registry.open(tmp_path) as registry:
        pinned = registry.register(manifest())
    with Registry.open(str(tmp_path)) as registry:
        assert registry.list() == [pinned]
        registry.verify()
    with pytest.raises(ArtifactError, match="closed"):
        registry.list()


# --- tampering --------------------------------------------------------------------------------------------


def filled(path: Path) -> None:
    with Registry.open(path, clock=Clock()) as registry:
        for version in "123":
            registry.register(manifest(version=version), who="ada", why=f"reason {version}")
        registry.set_stage("small@1", "archived")
        registry.verify()


def tamper(path: Path, *statements: str) -> None:
    """Somebody with the file and no scruples: the guards are dropped first."""
    with sqlite3.connect(path) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount, statement
    connection.close()


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE history SET why = 'reason 0' WHERE sequence = 2", "event 2 (registered small@2) was changed"),
        ("UPDATE history SET who = 'eve' WHERE sequence = 4", "event 4 (stage small@1) was changed"),
        ("UPDATE history SET at = '2024' || substr(at, 5) WHERE sequence = 1", "event 1 (registered small@1) was chan"),
        ("UPDATE history SET facts = '{' WHERE sequence = 3", "event 3 (registered small@3) was changed"),
        ("UPDATE history SET facts = '{}' WHERE sequence = 4", "event 4 (stage small@1) was changed"),
        ("UPDATE history SET model = 'small@3' WHERE sequence = 4", "event 4 (stage small@3) was changed"),
        ("UPDATE history SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE sequence = 2", "event 2"),
        ("DELETE FROM history WHERE sequence = 2", "event 2 is missing: the next one is 3"),
        ("DELETE FROM history WHERE sequence = 1", "event 1 is missing"),
        ("DELETE FROM history WHERE sequence = 4", "small@1 has the stage archived, the history says active"),
        ("DELETE FROM history WHERE sequence >= 3", "small@1 has the stage archived"),
        (
            "UPDATE models SET stage = 'active' WHERE version = '1'",
            "small@1 has the stage active, the history says arch",
        ),
        ("UPDATE models SET manifest = replace(manifest, '9', '8') WHERE version = '2'", "small@2 was changed"),
        ("UPDATE models SET role = 'judge' WHERE version = '3'", "small@3 was changed"),
        ("UPDATE models SET digest = 'sha256:0' WHERE version = '3'", "small@3 was changed"),
        ("UPDATE models SET path = '/tmp/evil' WHERE version = '3'", "small@3 was changed"),
        ("UPDATE models SET version = '4' WHERE version = '3'", "small@4 is in no event"),
        ("DELETE FROM models WHERE version = '2'", "small@2 is in the history, but no longer among the models"),
    ],
)
def test_what_was_altered_behind_its_back_is_found_and_named(tmp_path: Path, statement: str, found: str) -> None:
    path = tmp_path / "registry.db"
    filled(path)
    tamper(path, statement)
    with Registry.open(path) as registry, pytest.raises(ArtifactError) as caught:
        registry.verify()
    assert caught.value.problem.startswith(found)
    assert caught.value.path == str(path)


def test_an_event_that_is_rewritten_with_its_hash_breaks_the_one_after_it(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    filled(path)
    with Registry.open(path) as registry:
        first, second, *_ = registry.history()
    forged = follow(first, at=second.when, kind=second.kind, model=second.model, who="eve", facts=second.facts)
    tamper(path, f"UPDATE history SET who = 'eve', why = '', hash = '{forged.hash}' WHERE sequence = 2")
    with Registry.open(path) as registry, pytest.raises(ArtifactError, match=r"event 3 .* does not follow"):
        registry.verify()


def test_a_byte_flipped_in_the_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    filled(path)
    content = path.read_bytes()
    flips = [content.index(b"reason 2"), content.index(b'"identity"'), content.rindex(b"registered")]
    for place in flips:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with Registry.open(path) as registry, pytest.raises(ArtifactError):
            registry.verify()
    path.write_bytes(content)
    with Registry.open(path) as registry:
        registry.verify()


def test_the_registry_itself_has_no_way_to_alter_the_history(registry: Registry) -> None:
    registry.register(manifest())
    before = registry.history()
    for statement in (
        "UPDATE history SET who = 'eve'",
        "DELETE FROM history",
        "REPLACE INTO history SELECT * FROM history",
    ):
        with pytest.raises(ArtifactError, match="append-only"), registry._database.write() as connection:
            connection.execute(text(statement))
    assert registry.history() == before


WORDS = st.text(max_size=12)
EVENTS = st.lists(
    st.tuples(WORDS, WORDS, WORDS, WORDS, st.dictionaries(WORDS, st.none() | st.integers() | WORDS, max_size=3)),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(EVENTS, st.data())
def test_a_chain_holds_and_no_fact_of_it_can_be_changed(events: list[tuple[Any, ...]], data: st.DataObject) -> None:
    chain: list[HistoryEvent] = []
    for kind, model, who, why, facts in events:
        last = chain[-1] if chain else None
        chain.append(follow(last, at=START, kind=kind, model=model, who=who, why=why, facts=facts))
    assert all(event.hash == event.computed() for event in chain)
    assert [event.previous for event in chain] == [GENESIS, *(event.hash for event in chain[:-1])]
    event = data.draw(st.sampled_from(chain))
    field = data.draw(st.sampled_from(["sequence", "at", "kind", "model", "who", "why", "facts", "previous"]))
    values: dict[str, st.SearchStrategy[Any]] = {
        "sequence": st.integers(),
        "facts": st.dictionaries(WORDS, WORDS, max_size=2),
    }
    value: Any = data.draw(values.get(field, WORDS).filter(lambda other: other != getattr(event, field)))
    assert dataclasses.replace(event, **{field: value}).computed() != event.hash


# --- importing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["ecology.population", "ecology.population.registry", "ecology.engine.description"])
def test_importing_costs_no_heavy_library(module: str) -> None:
    program = (
        f"import sys, {module}; print(sorted({{'sqlalchemy', 'alembic', 'numpy', 'onnxruntime'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
