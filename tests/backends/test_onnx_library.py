"""onnxruntime's library is found unimported, looked at before it is called, quiet, and bears a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import pytest

from ecology import _core
from ecology.backends import onnx_library
from ecology.backends.onnx_head import write_head
from ecology.errors import ArtifactError

WATCHDOG_S = 60  # of what takes a second


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a package that stands where onnxruntime does."""
    spec = ModuleSpec("onnxruntime", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    onnx_library.find_library.cache_clear()
    (tmp_path / "capi").mkdir()
    yield tmp_path / "capi"
    onnx_library.find_library.cache_clear()


@pytest.mark.parametrize("name", ["libonnxruntime.so.1.24.0", "libonnxruntime.so.2.0.0", "libonnxruntime.1.30.1.dylib"])
def test_a_library_that_is_new_enough_is_found(wheel: Path, name: str) -> None:
    (wheel / name).touch()
    assert onnx_library.find_library() == wheel / name


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "came without its library"),
        (["libonnxruntime.so.1.23.2"], r"onnxruntime is 1\.23, 1\.24 is the oldest that serves"),
        (["libonnxruntime.so.1.9.0"], r"onnxruntime is 1\.9, 1\.24 is the oldest that serves"),
    ],
)
def test_a_library_that_cannot_serve_is_refused_with_what_to_install(wheel: Path, files: list[str], said: str) -> None:
    for name in files:
        (wheel / name).touch()
    with pytest.raises(ArtifactError, match=said) as caught:
        onnx_library.find_library()
    assert "pip install 'onnxruntime>=1.24'" in caught.value.fix


def test_without_onnxruntime_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    onnx_library.find_library.cache_clear()
    with pytest.raises(ArtifactError, match=r"it is not installed; run: pip install 'onnxruntime>=1\.24'"):
        onnx_library.find_library()
    onnx_library.find_library.cache_clear()


@pytest.mark.parametrize("file", ["absent", "text", "library"])
def test_a_file_that_is_not_onnxruntime_is_an_error_and_no_crash(tmp_path: Path, file: str) -> None:
    (tmp_path / "text").write_text("no library")
    path = Path(_core.__file__) if file == "library" else tmp_path / file
    program = (
        "import sys; from ecology import _core; from ecology.errors import ArtifactError\n"
        "try: _core.onnx_graph(sys.argv[1], 'any.onnx')\n"
        "except ArtifactError as error: print(error.path == sys.argv[1], error.fix)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=WATCHDOG_S
    )
    assert (done.returncode, done.stdout.strip()) == (0, "True run: pip install --upgrade onnxruntime"), done.stderr


FORK = """
import os, signal, sys, numpy
from ecology import Ecology

row = numpy.ones((1, 4), dtype="float32")
parent = Ecology.open(sys.argv[1])
want = parent.answer(row).output
if os.fork() == 0:
    signal.alarm(int(sys.argv[2]))
    with Ecology.open(sys.argv[1]) as child:
        got = child.answer(row).output
    sys.exit(0 if numpy.array_equal(got, want) else 3)
_, status = os.wait()
print(os.waitstatus_to_exitcode(status), numpy.array_equal(parent.answer(row).output, want))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_forked_child_opens_the_model_again_and_ends(tmp_path: Path, threads: int) -> None:
    rng = np.random.default_rng(0)
    write_head(tmp_path / "head.onnx", rng.normal(size=(4, 3)).astype("f4"), rng.normal(size=3).astype("f4"))
    (tmp_path / "ecology.toml").write_text(
        '[[models]]\nname = "head"\ntimeout_ms = 60000\ncontract = { modalities = ["array"] }\n'
        f'backend = {{ kind = "onnx", path = "head.onnx", threads = {threads} }}\n'
    )
    command = [sys.executable, "-c", FORK, str(tmp_path), str(WATCHDOG_S)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * WATCHDOG_S)
    assert (done.stdout.split(), done.stderr) == (["0", "True"], "")


def test_nothing_is_reported_to_the_makers_unless_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for before, after in [(None, "1"), ("0", "0"), ("1", "1")]:
        monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
        if before is not None:
            monkeypatch.setenv("ORT_DISABLE_TELEMETRY", before)
        onnx_library.without_telemetry()
        assert os.environ["ORT_DISABLE_TELEMETRY"] == after
