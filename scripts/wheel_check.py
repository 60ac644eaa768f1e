"""Run inside an environment that has the wheel and nothing else: what a user gets from `pip install`."""

import shutil
import sys
from pathlib import Path

import ecology

assert shutil.which("cargo") is None, "this check is about a machine without Rust"
package = Path(ecology.__file__).parent
assert Path(sys.prefix) in package.parents, package
for shipped in ("py.typed", "_core.pyi"):
    assert (package / shipped).is_file(), f"{shipped} is not in the wheel"
print(f"wheel of ecology {ecology.__version__} works from {sys.prefix}")
