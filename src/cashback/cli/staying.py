"""What `cashback dev` says while it stays up: who has ended by itself, and that minting was halted or goes on again.

every second ──▶ does each server and process run? ──no──▶ said once, with how it ended
            └──▶ what do the two that halt say?    ──▶ a halt, said with what mends it ──▶ lifted, said as well
"""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cashback.cli.ending import Ending
from cashback.cli.output import say

if TYPE_CHECKING:
    from cashback.processes.stack import Stack

_LOOK_EVERY_S: Final = 1.0
_SWITCHES: Final = frozenset({"adapter", "worker-mint"})
"""The processes that can be halted, each by a switch of its own."""
_CHECK: Final = "minting"
"""The check of `/readyz` by which they tell it."""
_BY_HAND: Final = "minting is halted by hand"
_SEEN: Final = "minting is halted: "
"""How both begin to tell it: a person's order, or the reason, which follows."""


class Halts:
    """What of the two switches of minting was said, and what is to be said about them now."""

    def __init__(self, told: Mapping[str, str]) -> None:
        """Know what was told already: what each process says of a halt, by its name."""
        self._told = dict(told)

    def news(self, seen: Mapping[str, str | None]) -> list[str]:
        """Return what to say now, once: `seen` is what each process says of a halt, "" without one.

        None is no answer: whoever gives none has lifted nothing.
        """
        was_halted = bool(self._told)
        said: list[str] = []
        for name, text in seen.items():
            if text and self._told.get(name) != text:
                said.append(f"{name}: {text}; {_mended(text)}")
            if text:
                self._told[name] = text
            elif text is not None:
                self._told.pop(name, None)
        if was_halted and not self._told:
            said.append("minting goes on: every halt is lifted")
        return said


def stay(stack: "Stack", ending: Ending, *, again_by: str, told_of: Mapping[str, Mapping[str, str]]) -> None:
    """Return when told to end; until then, say what happens to servers, processes and minting, each once.

    `told_of` is what was told already of processes that are not ready, by their names and those of the checks.
    """
    then = f"it is not started again by itself: press Ctrl-C, then start {again_by}"
    told: set[str] = set()
    halts = Halts({name: text for name, found in told_of.items() if (text := halt_of(found))})
    while not ending.wait(_LOOK_EVERY_S):
        for name, child in {**stack.servers, **stack.processes}.items():
            if not child.is_running and name not in told:
                told.add(name)
                say(f"{name} {how_it_ended(child.exit_code, child.log.resolve())}; {then}")
        switches = {name: process for name, process in stack.processes.items() if name in _SWITCHES}
        for line in halts.news({name: halt_of(one.readiness) for name, one in switches.items() if one.is_running}):
            say(line)


def halt_of(readiness: Mapping[str, str] | None) -> str | None:
    """Return what a process says of a halt, "" when it says of none; None when it does not say.

    >>> halt_of({"minting": "minting is halted by hand"}), halt_of({})
    ('minting is halted by hand', '')
    >>> halt_of({"minting": "no answer within 1 s"}), halt_of(None)
    (None, None)
    """
    if readiness is None:
        return None
    text = readiness.get(_CHECK, "")
    return text if not text or text.startswith((_BY_HAND, _SEEN)) else None


def _mended(text: str) -> str:
    """Return what a person does about a halt that is told so."""
    from cashback.chain.rules.attention import mended_by

    # The mint worker says after a colon what else it knows.
    reason, _, _ = text.removeprefix(_SEEN).partition(":")
    return mended_by("by_hand" if text.startswith(_BY_HAND) else reason)


def how_it_ended(code: int | None, log: Path) -> str:
    """Return how a child has ended that nobody stopped: whoever is killed writes nothing about it.

    >>> how_it_ended(-9, Path("/build/api.log"))
    'was ended by SIGKILL from outside; /build/api.log says what it did before'
    """
    if code is None or code >= 0:
        return f"has ended with exit code {code}; {log} says why"
    named = {number.value: number.name for number in signal.Signals}
    return f"was ended by {named.get(-code, f'signal {-code}')} from outside; {log} says what it did before"
