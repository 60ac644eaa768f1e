"""Commands, run in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from tests.cli.running import Ran, Run

from ecology.cli import main


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in `tmp_path`, in this process, through the entry point of `ecology`."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ECOLOGY_")]:
        monkeypatch.delenv(name)
    # Wide, so that no sentence is broken where a test looks for it.
    monkeypatch.setenv("COLUMNS", "250")

    def call(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ecology", *arguments])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def first(run: Run) -> Run:
    """In a folder that `ecology init` has filled."""
    assert run("init").code == 0
    return run
