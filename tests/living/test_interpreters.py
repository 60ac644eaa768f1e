"""A sub-interpreter is told in words of ours that it cannot load the core."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.living.programs import HEAD, ended, population, run

MAKE = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
e = eco.Ecology.open(".")
e.answer("hi", model="echo")
inner = '''
try:
    import ecology
except ImportError as error:
    print(error, flush=True)
'''
interpreters.run_string(interpreters.create(), inner)
print(e.answer("hi", model="echo").output)
"""


def test_a_sub_interpreter_gets_a_clear_import_error_and_the_main_one_still_answers(tmp_path: Path) -> None:
    pytest.importorskip("_xxsubinterpreters")
    population(tmp_path)
    code, output, errors = ended(run(tmp_path, HEAD + MAKE))
    assert (code, errors) == (0, "")
    words, answer = output.splitlines()
    assert words.startswith("ecology does not run in a sub-interpreter") and "another process" in words
    assert answer == "hi"
