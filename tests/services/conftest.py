"""Fixtures for tests of services that keep something in the relational database."""

from tests.databases import database, empty_database, sqlite

__all__ = ["database", "empty_database", "sqlite"]
