"""Regular expressions that people write: bounded in time, so that none can run away."""

from functools import lru_cache

import regex

MAX_PATTERN = 4_096
MATCH_SECONDS = 0.1


class PatternError(ValueError):
    """A regular expression that cannot be read, or takes too long; the text is for people."""


class Pattern:
    """A compiled regular expression."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, compiled: "regex.Pattern[str]") -> None:
        self.text = text
        self._compiled = compiled

    def found_in(self, text: str) -> bool:
        """Say whether the expression matches anywhere in the text. Raises `PatternError` after a tenth of a second."""
        try:
            return self._compiled.search(text, timeout=MATCH_SECONDS) is not None
        except TimeoutError:
            raise PatternError(f"the regular expression {self.text[:80]!r} took longer than {MATCH_SECONDS:g} s") from None


@lru_cache(maxsize=256)
def compile_pattern(text: str, ignore_case: bool = False) -> Pattern:
    """Compile a regular expression; raises `PatternError`."""
    if len(text) > MAX_PATTERN:
        raise PatternError(f"the regular expression is longer than {MAX_PATTERN} characters")
    try:
        return Pattern(text, regex.compile(text, regex.IGNORECASE if ignore_case else 0))
    except regex.error as error:
        raise PatternError(f"{text[:80]!r} is no regular expression: {error}") from None
