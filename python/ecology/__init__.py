"""Run a governed population of small models in place of one large one."""

from ._core import __version__

__all__ = ["__version__"]
