"""A secret by reference: `env:NAME` or `file:path`. The value itself never stands in a description, a digest or a
message.

>>> import os
>>> os.environ["ECOLOGY_DOCTEST_KEY"] = " s3cret\\n"
>>> read_secret("env:ECOLOGY_DOCTEST_KEY", Path())
's3cret'
>>> read_secret("env:ECOLOGY_DOCTEST_NO_KEY", Path())
Traceback (most recent call last):
...
ecology.errors.ArtifactError: env:ECOLOGY_DOCTEST_NO_KEY: the variable is not set; set it to the key
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from ..errors import ArtifactError

__all__ = ["SecretReference", "read_secret"]

SecretReference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$")]


def read_secret(reference: str, root: Path) -> str:
    """The secret, without the space around it; a file is relative to `root`.

    Raises:
        ArtifactError: the variable is not set, the file cannot be read, or there is nothing in it.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        value = os.environ.get(name)
        if value is None:
            raise ArtifactError(reference, "the variable is not set", "set it to the key")
    else:
        try:
            value = (root / name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # ValueError: not text, or a path that holds a NUL byte
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ArtifactError(reference, f"it cannot be read: {reason}", "restore the file") from error
    if not value.strip():
        raise ArtifactError(reference, "it is empty", "put the key there")
    return value.strip()
