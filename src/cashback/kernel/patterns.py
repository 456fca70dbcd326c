"""Forms of text that several contexts take, each with what it wants in words; those of money are with money."""

from typing import Final

# The last group of each keeps out what `$` lets in: one line feed at the end.
SLUG_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,39}$(?!\n)"
MCC_PATTERN: Final = r"^[0-9]{4}$(?!\n)"
HOUR_PATTERN: Final = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$(?!\n)"
WANTED: Final = {
    SLUG_PATTERN: "a small letter, then at most 39 small letters, digits, - and _",
    MCC_PATTERN: "a merchant category code (ISO 18245), four digits",
    HOUR_PATTERN: "a time of day from 00:00 to 24:00",
}
"""What each pattern wants, in the words of somebody who never saw it."""
