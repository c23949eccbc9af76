"""What stands behind the contracts that the relational database keeps."""

from tests.databases import database

__all__ = ["database"]
