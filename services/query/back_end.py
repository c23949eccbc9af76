"""What a back end of the query language has to say: how each sort of condition is made, and how they are joined."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Generic, TypeVar

from services.query.sql_patterns import Piece
from services.query.sql_values import ValueTest

Part = TypeVar("Part")
"""What a back end makes of a node of the tree."""


class BackEnd(ABC, Generic[Part]):
    """Makes parts; `compiling.TreeCompiler` says which."""

    # -- trees ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def everything(self) -> Part:
        """Every record."""

    @abstractmethod
    def nothing(self) -> Part:
        """No record."""

    @abstractmethod
    def negated(self, part: Part) -> Part:
        """The other records."""

    @abstractmethod
    def all_of(self, parts: list[Part]) -> Part:
        """Records that are in all parts."""

    @abstractmethod
    def any_of(self, parts: list[Part]) -> Part:
        """Records that are in one part at least."""

    # -- columns -------------------------------------------------------------------------------------------------

    @abstractmethod
    def levels(self, words: list[str]) -> Part:
        """Records whose level is one of the words."""

    @abstractmethod
    def severities(self, low: int, high: int) -> Part:
        """Records whose level's number lies between two, both included."""

    @abstractmethod
    def times(self, first: datetime | None, after: datetime | None) -> Part:
        """Records from `first` until before `after`, naive UTC; None leaves a side open."""

    @abstractmethod
    def record(self, timestamp_us: int, seq: int) -> Part:
        """One record."""

    @abstractmethod
    def has_column(self, column: str) -> Part:
        """Records whose column of text or keyword is not NULL."""

    @abstractmethod
    def has_tags(self) -> Part:
        """Records with a tag."""

    # -- texts ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def tokens_in_a_row(self, column: str, words: list[str]) -> Part:
        """Folded tokens in a row, at least one."""

    @abstractmethod
    def literal(self, column: str, text: str) -> Part:
        """A text without any token, as it stands."""

    @abstractmethod
    def token_matches(self, column: str, parts: list[Piece]) -> Part:
        """A token that matches the pieces of a pattern, whose literals are folded and hold characters of tokens only."""

    @abstractmethod
    def text_regex(self, column: str, pattern: str) -> Part:
        """An RE2 pattern that matches somewhere in what is looked at of a text, as it stands."""

    # -- values --------------------------------------------------------------------------------------------------

    @abstractmethod
    def keyword_equals(self, column: str, value: str) -> Part:
        """A keyword column that is exactly `value`."""

    @abstractmethod
    def keyword(self, column: str, test: ValueTest) -> Part:
        """A keyword column for which the test holds."""

    @abstractmethod
    def tags(self, test: ValueTest) -> Part:
        """A tag for which the test holds."""

    @abstractmethod
    def attribute(self, path: str, test: ValueTest) -> Part:
        """A value that a reading of the path leads to. Every clause on attributes comes through here."""

    # -- patterns ------------------------------------------------------------------------------------------------

    def pattern(self, pattern_id: int) -> Part:
        """Records of a pattern: none, where no dictionary knows patterns."""
        return self.nothing()

    def has_pattern(self) -> Part:
        """Records of any pattern."""
        return self.nothing()
