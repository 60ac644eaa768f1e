"""Print what a development environment needs: the dependencies, the extras and the dev group of pyproject.toml.

`pip install .` would build the extension a second time; maturin does that once.
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
needs = list(project["project"]["dependencies"])
for extra in project["project"]["optional-dependencies"].values():
    needs += extra
for group in ["dev", *sys.argv[1:]]:
    needs += project["dependency-groups"][group]
print("\n".join(needs))
