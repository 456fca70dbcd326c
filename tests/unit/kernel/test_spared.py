"""Libraries are spared what they would load beside themselves, and nobody else is kept from it."""

import importlib
import sys

import pytest

from cashback.kernel.spared import spared


def test_what_is_spared_is_not_there_inside_and_is_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it is not installed; whoever asks for it later has it."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with spared("colorsys"), pytest.raises(ModuleNotFoundError):
        importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_what_is_loaded_is_taken_from_nobody() -> None:
    """A package that somebody uses already stays what it is."""
    with spared("json"):
        assert importlib.import_module("json") is sys.modules["json"]
    assert importlib.import_module("json").dumps({}) == "{}"


def test_a_failure_inside_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next import is as ever."""
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with pytest.raises(ZeroDivisionError), spared("colorsys"):
        raise ZeroDivisionError
    assert "colorsys" not in sys.modules
