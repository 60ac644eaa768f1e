"""What a description points to is opened when it is read: files, digests, graphs, functions."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from safetensors.numpy import save_file

from ecology.engine.description import Description, parse_description
from ecology.errors import InvalidPopulation


def description(backend: str, *more: str) -> str:
    return "\n".join(["[[models]]", 'name = "m"', "timeout_ms = 50", f"backend = {{ {backend} }}", *more])


def read(root: Path, backend: str, *more: str) -> Description:
    return parse_description(description(backend, *more), root, "ecology.toml")


def refused(root: Path, backend: str, *more: str) -> dict[str, str]:
    with pytest.raises(InvalidPopulation) as caught:
        read(root, backend, *more)
    found = caught.value.violations
    assert all(violation.fix for violation in found)
    return {violation.place.removesuffix(" (m@1)"): violation.problem for violation in found}


def sha(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


# --- files and digests ------------------------------------------------------------------------------------


def test_the_digest_of_a_file_is_over_its_bytes(tmp_path: Path) -> None:
    save_file({"w": np.zeros((2, 3), np.float32)}, tmp_path / "m.safetensors")
    model = read(tmp_path, 'kind = "linear", path = "m.safetensors"').models[0]
    assert model.digest is not None
    assert (model.digest.value, model.digest.kind) == (sha((tmp_path / "m.safetensors").read_bytes()), "content")


def header(fields: Any, data: bytes = b"") -> bytes:
    text = json.dumps(fields).encode()
    return len(text).to_bytes(8, "little") + text + data


ONE = {"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}


@pytest.mark.parametrize(
    ("content", "piece"),
    [
        (b"", "claims 0 bytes of 0"),
        (b"\x01\x02", "claims"),
        (b"\xff" * 64, "claims"),
        ((5).to_bytes(8, "little") + b"{nope", "cannot be read"),
        (header([1]), "not a table of tensors"),
        (header({"w": 3}), "has no dtype"),
        (header({"w": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"1234"), "has no dtype"),
        (header({"w": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"1234"), "has no dtype"),
        (header({"w": {"dtype": "F32", "shape": True, "data_offsets": [0, 4]}}, b"1234"), "has no dtype"),
        (header(ONE, b"123"), "take 4 bytes and 3 are there"),
        (header(ONE, b"12345"), "take 4 bytes and 5 are there"),
        (b"[" * 100_000, "claims"),
        ((90_000).to_bytes(8, "little") + b"[" * 90_000, "cannot be read"),
    ],
)
def test_a_file_that_is_no_safetensors_is_found(tmp_path: Path, content: bytes, piece: str) -> None:
    (tmp_path / "m.safetensors").write_bytes(content)
    found = refused(tmp_path, 'kind = "linear", path = "m.safetensors"')
    assert list(found) == ["models.0.backend.path"]
    assert piece in found["models.0.backend.path"]


@pytest.mark.parametrize(
    ("path", "piece"),
    [
        ("absent", "does not exist"),
        (".", "is a folder"),
        ("a" * 300, "cannot be read"),
        ("a\\u0000b", "does not exist"),
    ],
)
def test_a_path_without_a_file_is_found(tmp_path: Path, path: str, piece: str) -> None:
    found = refused(tmp_path, f'kind = "linear", path = "{path}"')
    assert list(found) == ["models.0.backend.path"]
    assert piece in found["models.0.backend.path"]


def test_a_digest_that_is_not_the_files_is_found_with_both(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(header(ONE, b"1234"))
    stated = f'digest = {{ value = "{sha(b"")}" }}'
    found = refused(tmp_path, 'kind = "linear", path = "m"', stated)
    assert list(found) == ["models.0.digest.value"]
    assert sha(b"") in found["models.0.digest.value"]
    right = sha(header(ONE, b"1234"))
    assert right in found["models.0.digest.value"]
    assert read(tmp_path, 'kind = "linear", path = "m"', f'digest = {{ value = "{right}" }}')


def test_the_digest_of_a_model_without_a_file_is_over_its_manifest(tmp_path: Path) -> None:
    backend = 'kind = "callable", target = "builtins:str"'
    digest = read(tmp_path, backend).models[0].digest
    assert digest is not None
    stated = f'digest = {{ value = "{digest.value}" }}'
    assert read(tmp_path, backend, stated).models[0].digest
    assert list(refused(tmp_path, backend, stated, 'licence = "MIT"')) == ["models.0.digest.value"]
    licensed = read(tmp_path, backend, 'licence = "MIT"').models[0].digest
    assert licensed is not None
    said = refused(tmp_path, backend, f'digest = {{ value = "{licensed.value}" }}', "licence = 3")
    assert list(said) == ["models.0.licence"]  # what could not be read makes no second violation
    reported = stated.replace("}", ', kind = "reported" }')
    assert read(tmp_path, backend, reported, 'licence = "MIT"')


@pytest.mark.parametrize("stage", ["retired", "quarantined"])
def test_nothing_of_a_model_that_left_is_opened(tmp_path: Path, stage: str) -> None:
    (tmp_path / "evil.py").write_text("raise AssertionError('imported')")
    other = description('kind = "callable", target = "builtins:str"').replace('"m"', '"n"')
    text = description('kind = "callable", target = "evil:f"', f'stage = "{stage}"') + "\n" + other
    assert parse_description(text, tmp_path, "x").models[0].digest is None
    archived = text.replace(stage, "archived")
    with pytest.raises(InvalidPopulation, match="imported"):
        parse_description(archived, tmp_path, "x")


# --- onnx -------------------------------------------------------------------------------------------------


def graph(path: Path, *, columns: int | str = 3, inputs: int = 1, output: str = "scores") -> None:
    """A graph that adds up its inputs: [1, columns] → [1, columns]."""
    names = [f"x{place}" for place in range(inputs)]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, columns]) for name in names]
    made = helper.make_graph(
        [helper.make_node("Sum", names, [output])],
        "sum",
        tensors,
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, columns])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))


TEXT = 'kind = "onnx", path = "head", input = "text", tokenizer = "tokenizer", encoder = "encoder"'


def text_parts(root: Path) -> None:
    graph(root / "head")
    graph(root / "encoder", output="embedding", inputs=2)
    (root / "tokenizer").write_text("{}")


@pytest.mark.parametrize(
    ("backend", "prepare"),
    [
        ('kind = "onnx", path = "head"', lambda root: graph(root / "head")),
        ('kind = "onnx", path = "head", labels = ["a", "b", "c"]', lambda root: graph(root / "head")),
        ('kind = "onnx", path = "head", labels = ["a"]', lambda root: graph(root / "head", columns="n")),
        (TEXT, text_parts),
    ],
)
def test_a_graph_that_fits_is_read(tmp_path: Path, backend: str, prepare: Callable[[Path], None]) -> None:
    prepare(tmp_path)
    assert read(tmp_path, backend).models[0].digest


@pytest.mark.parametrize(
    ("backend", "break_it", "place", "piece"),
    [
        ('kind = "onnx", path = "head"', lambda root: (root / "head").write_bytes(b"junk"), "path", "cannot open it"),
        ('kind = "onnx", path = "head"', lambda root: (root / "head").write_bytes(b""), "path", "cannot open it"),
        ('kind = "onnx", path = "head"', lambda root: (root / "head").unlink(), "path", "does not exist"),
        ('kind = "onnx", path = "head"', lambda root: graph(root / "head", inputs=2), "path", "2 inputs (x0, x1)"),
        ('kind = "onnx", path = "head", labels = ["a", "b"]', lambda root: None, "labels", "2 labels, and the graph"),
        (TEXT, lambda root: graph(root / "encoder"), "encoder", "no output named embedding; it has scores"),
        (TEXT, lambda root: (root / "encoder").unlink(), "encoder", "does not exist"),
        (TEXT, lambda root: (root / "encoder").write_bytes(b"junk"), "encoder", "cannot open it"),
        (TEXT, lambda root: (root / "tokenizer").write_bytes(b"\xff{"), "tokenizer", "not a tokenizer"),
        (TEXT, lambda root: (root / "tokenizer").write_text("[]"), "tokenizer", "not a tokenizer"),
        (TEXT.replace(', encoder = "encoder"', ""), lambda root: None, "", 'input = "text" needs encoder'),
        (TEXT.replace(', input = "text"', ""), lambda root: None, "", "tokenizer and encoder would not be read"),
        ('kind = "onnx", path = "head", labels = ["a", "a", "b"]', lambda root: None, "", "labels holds a twice"),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_serve_is_found(
    tmp_path: Path, backend: str, break_it: Callable[[Path], Any], place: str, piece: str
) -> None:
    text_parts(tmp_path)
    break_it(tmp_path)
    found = refused(tmp_path, backend)
    where = ".".join(filter(None, ["models.0.backend", place]))
    assert list(found) == [where]
    assert piece in found[where]


def test_a_backend_says_no_label_that_its_contract_lacks(tmp_path: Path) -> None:
    graph(tmp_path / "head")
    backend = 'kind = "onnx", path = "head", labels = ["a", "b", "c"]'
    assert read(tmp_path, backend, 'contract = { labels = ["c", "b", "a", "d"] }')
    found = refused(tmp_path, backend, 'contract = { labels = ["a", "d"] }')
    assert found == {"models.0.contract.labels": "backend.labels has others: b, c"}


@pytest.mark.parametrize("backend", ['kind = "callable", target = "builtins:str"', TEXT])
def test_onnxruntime_is_never_imported_for_a_description(tmp_path: Path, backend: str) -> None:
    text_parts(tmp_path)
    (tmp_path / "ecology.toml").write_text(description(backend))
    program = (
        "import sys; from ecology.engine.description import read_description; "
        f"read_description({str(tmp_path)!r}); print('onnxruntime' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# --- routers ----------------------------------------------------------------------------------------------


def test_a_router_is_a_saved_file_or_a_model_of_that_role(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(header(ONE, b"1234"))
    backend = 'kind = "callable", target = "builtins:str"'
    router = description('kind = "linear", path = "r"', 'role = "router"').replace('"m"', '"way"')
    for named in ("r", "way", "way@1"):
        assert read(tmp_path, backend, router, f'[policy.routing]\nrouter = "{named}"')
    (tmp_path / "r").write_bytes(b"broken")
    assert "policy.routing.router" in refused(tmp_path, backend, '[policy.routing]\nrouter = "r"')


# --- functions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "target", "piece"),
    [
        ("", "models:f", "models.py has no f"),
        ("f = 3", "models:f", "it is not callable"),
        ("def f(:", "models:f", "raised SyntaxError"),
        ("1 / 0", "models:f", "raised ZeroDivisionError"),
        ("raise SystemExit(0)", "models:f", "raised SystemExit"),
        ("import nothing_like_it", "models:f", "raised ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("class C: pass", "models:C.f", "has no C.f"),
        (None, "models_nobody_has:f", "raised ModuleNotFoundError"),
        (None, "json:loadz", "json has no loadz"),
    ],
)
def test_a_function_that_cannot_be_called_is_found(tmp_path: Path, code: str | None, target: str, piece: str) -> None:
    if code is not None:
        (tmp_path / "models.py").write_text(code)
    found = refused(tmp_path, f'kind = "callable", target = "{target}"')
    assert list(found) == ["models.0.backend.target"]
    assert piece in found["models.0.backend.target"]


def test_a_module_beside_the_description_is_imported_from_there_and_nowhere_else(tmp_path: Path) -> None:
    before, path = set(sys.modules), list(sys.path)
    answers = []
    for folder in ("a", "b"):
        root = tmp_path / folder
        root.mkdir()
        (root / "helper.py").write_text(f"NAME = {folder!r}")
        (root / "models.py").write_text("from .helper import NAME\nclass Model:\n    def f(x): return NAME + x")
        backend = read(root, 'kind = "callable", target = "models:Model.f"').models[0].backend
        answers.append(backend.load(root)("!"))  # type: ignore[union-attr]  # a callable backend
    assert answers == ["a!", "b!"]
    assert sys.path == path
    assert {name for name in set(sys.modules) - before if not name.startswith("_ecology_beside_")} == set()


def test_an_edited_module_is_a_new_one_and_the_old_function_stays(tmp_path: Path) -> None:
    backend = 'kind = "callable", target = "models:f"'
    (tmp_path / "models.py").write_text("def f(x): return 1")
    old = read(tmp_path, backend).models[0].backend.load(tmp_path)  # type: ignore[union-attr]  # callable
    (tmp_path / "models.py").write_text("def f(x): return 'two'")
    new = read(tmp_path, backend).models[0].backend.load(tmp_path)  # type: ignore[union-attr]  # callable
    assert (old(0), new(0)) == (1, "two")


def test_a_package_beside_the_description_is_found(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "models.py").write_text("async def f(x): return x")
    backend = read(tmp_path, 'kind = "callable", target = "shop.models:f"').models[0].backend
    assert backend.open(tmp_path).place == "loop"
