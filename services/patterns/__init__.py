"""Log patterns: what people read instead of lines. Knows nothing of the store, nor of HTTP."""

from services.patterns.template import VARIABLE, variable_parts
from services.patterns.tree import PatternRow, PatternTree

__all__ = ["VARIABLE", "PatternRow", "PatternTree", "variable_parts"]
