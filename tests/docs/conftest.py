"""Commands that a guide names are run as the tests of commands run them."""

from tests.cli.conftest import run

__all__ = ["run"]
