"""The server that the tests of this folder talk to."""

from tests.elastic import elastic

__all__ = ["elastic"]
