"""Words of which there are only so many, as far as this client knows."""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """An enumeration of the API: a word that is added to it later is one of it as well, under its own name.

    Whoever asks for a known word is told no; nothing else of an answer is lost because of one that is new.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        word = str.__new__(cls, value)
        word._name_, word._value_ = value, value
        return word
