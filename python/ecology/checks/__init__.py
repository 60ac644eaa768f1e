"""The conformance battery for backends: what the house expects of a member, run on yours.

    import ecology.checks

    def test_my_backend():
        ecology.checks.check_backend(MyBackend(kind="mine"), inputs=["a", "b"]).raise_for_failures()

or, one test for each check:

    @pytest.mark.parametrize("check", ecology.checks.backend_checks(), ids=str)
    def test_my_backend(check):
        check(MyBackend(kind="mine"), inputs=["a", "b"]).raise_for_failures()

The built-in kinds are held to the same battery.
"""

from .battery import Check, backend_checks, check_backend
from .report import ChecksFailed, Report, Row

__all__ = ["Check", "ChecksFailed", "Report", "Row", "backend_checks", "check_backend"]
