"""What `ecology init` writes: a description that works at once, and the functions that it names.

>>> import tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     [path.name for path in scaffold(Path(folder))]
['ecology.toml', 'models.py']
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ..errors import ArtifactError

__all__ = ["FILES", "scaffold"]

FILES = ("ecology.toml", "models.py")
"""The files that are written, all from `templates/`."""


def scaffold(target: Path, *, force: bool = False) -> list[Path]:
    """Write the first ecology into the folder `target`, which is made if it is absent; gives the paths written.

    Raises:
        ArtifactError: a file is there already and `force` is not given (then nothing is written), or the folder
            cannot be written to.
    """
    paths = [target / name for name in FILES]
    there = [path for path in paths if path.exists()]
    if there and not force:
        names = " and ".join(path.name for path in there)
        fix = f"delete {'it' if len(there) == 1 else 'them'}, choose another folder, or use --force to overwrite"
        raise ArtifactError(str(target), f"it has {names} already", fix)
    templates = files(__package__) / "templates"
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path in paths:
            path.write_text((templates / path.name).read_text("utf-8"), "utf-8")
    except OSError as error:
        raise ArtifactError(str(target), f"it cannot be written: {error.strerror}", "choose another folder") from error
    return paths
