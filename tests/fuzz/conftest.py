"""The same running application as the tests of the API use."""

from tests.api.conftest import application, new_caller, server

__all__ = ["application", "new_caller", "server"]
