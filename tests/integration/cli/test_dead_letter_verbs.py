"""`cashback dlq` on a broker of its own, whose letters are buried by hand: histories, earlier deaths, verdicts."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from cashback.cli.command import EXIT_REJECTED
from cashback.kernel.bus import Bus, Message, publish
from cashback.kernel.bus.frame import header_lines
from cashback.processes.embedded import EmbeddedNats
from tests.integration.cli.conftest import Cashback

HISTORY: Final = [
    {"at": "2026-11-22T10:00:00Z", "error": "KeyError", "reason": "KeyError: 'wallet'", "worker": "worker_1"},
    {"at": "2026-11-22T10:00:01Z", "error": "KeyError", "reason": "KeyError: 'wallet'", "worker": "worker_2"},
]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give the settings for a broker that this test alone uses, with three dead letters of one event each."""
    with EmbeddedNats(tmp_path / "nats", durable=False) as server:
        asyncio.run(_bury(server.url()))
        yield {"CASHBACK_NATS_URL": server.url()}


def test_a_dead_letter_shows_each_failure_and_each_earlier_death(settings: dict[str, str], cashback: Cashback) -> None:
    """When, of which kind, in which worker; and the letters that the same event was before."""
    told = cashback("dlq", "show", "2", settings=settings)
    assert told.code == 0
    assert "died_before        1" in told.out
    lines = [line.split() for line in told.out.splitlines()]
    assert ["2026-11-22", "10:00:01", "KeyError", "KeyError:", "'wallet'", "worker_2"] in lines
    assert "dlq-history" not in told.out
    shown = msgspec.convert(cashback("dlq", "show", "2", "--json", settings=settings).json, dict[str, Any])
    assert (shown["history"], shown["died_before"], shown["verdicts"]) == (HISTORY, [1], [])
    assert "failures" not in cashback("dlq", "show", "1", settings=settings).out


def test_a_history_that_cannot_be_read_stands_as_it_is_among_the_headers(
    settings: dict[str, str], cashback: Cashback
) -> None:
    """Nothing of a letter is kept back, whoever wrote it."""
    told = cashback("dlq", "show", "3", settings=settings)
    assert (told.code, "failures" in told.out) == (0, False)
    assert "nonsense" in told.out


def test_a_discarded_dead_letter_is_listed_no_more_and_shown_with_who_and_why(
    settings: dict[str, str], cashback: Cashback
) -> None:
    """`--all` lists it with the verdict; what was replayed is listed no more either."""
    assert _listed(cashback, settings) == {1: None, 2: None, 3: None}
    words = ("--reason", "a rehearsal", "--by", "ann")
    said = cashback("dlq", "discard", "1", "3", *words, settings=settings)
    assert (said.code, said.err) == (0, "· discarded evt_1\n· discarded evt_3\n")
    assert _listed(cashback, settings) == {2: None}
    shown = cashback("dlq", "show", "1", settings=settings).out
    assert ["discarded", "ann", "a", "rehearsal"] in [
        [word for word in line.split() if word[:2] != "20" and ":" not in word] for line in shown.splitlines()
    ]
    assert cashback("dlq", "replay", "2", "--by", "bob", settings=settings).code == 0
    assert _listed(cashback, settings) == {}
    assert cashback("dlq", "list", settings=settings).err == "· dead letters: none\n"
    assert _listed(cashback, settings, "--all") == {1: "discarded", 2: "replayed", 3: "discarded"}


@pytest.mark.parametrize("wrong", [("99",), ("1", "--reason", " "), ("1", "--reason", "x" * 501)])
def test_what_cannot_be_discarded_is_refused_and_nothing_is_noted(
    wrong: tuple[str, ...], settings: dict[str, str], cashback: Cashback
) -> None:
    """A letter that there is not, and a reason that says nothing or too much."""
    assert cashback("dlq", "discard", "1", *wrong, *("--reason", "x") * (len(wrong) == 1), settings=settings).code == (
        EXIT_REJECTED
    )
    assert _listed(cashback, settings) == {1: None, 2: None, 3: None}


def test_a_letter_of_what_its_consumer_never_takes_is_not_replayed(
    settings: dict[str, str], cashback: Cashback
) -> None:
    """A worker may store letters of its own; what it has published by a person's hand is what it was given."""
    forged = _letter(4, "", type_="token.mint.requested")

    async def run() -> None:
        """Store it."""
        async with Bus.connect(settings["CASHBACK_NATS_URL"], name="test") as bus:
            await bus.wait_connected()
            await publish(bus, [forged])

    asyncio.run(run())
    said = cashback("dlq", "replay", "1", "4", settings=settings)
    assert said.code == EXIT_REJECTED
    assert "the dead letter on cashback.dlq.v1.ledger-outcomes.token.mint.requested.0" in said.err
    assert _listed(cashback, settings) == {1: None, 2: None, 3: None, 4: None}


def _listed(cashback: Cashback, settings: dict[str, str], *words: str) -> dict[int, str | None]:
    """Return the verdict on each letter that is listed."""
    letters = msgspec.convert(cashback("dlq", "list", *words, "--json", settings=settings).json, list[dict[str, Any]])
    return {letter["sequence"]: letter["verdict"] for letter in letters}


async def _bury(url: str) -> None:
    """Store three letters: one that says little, one with its history, one with a history that nobody can read."""
    histories = ("", msgspec.json.encode(HISTORY).decode(), "nonsense")
    letters = [_letter(number, history) for number, history in enumerate(histories, 1)]
    async with Bus.connect(url, name="test") as bus:
        await bus.wait_connected()
        await bus.apply_streams()
        await publish(bus, letters)


def _letter(number: int, history: str, *, type_: str = "token.minted") -> Message:
    """Return a dead letter."""
    headers = {
        "ce-id": f"evt_{number}",
        "ce-type": type_,
        "ce-partitionkey": "cb_1",
        "dlq-reason": "KeyError: 'wallet'",
        "dlq-consumer": "ledger-outcomes",
        "dlq-attempts": "2",
        "dlq-first-failed": "2026-11-22T10:00:00Z",
        "dlq-sequence": str(number),
        "dlq-subject": f"cashback.v1.{type_}.0",
        **({"dlq-history": history} if history else {}),
        **({"dlq-before": str(number - 1)} if number > 1 else {}),
    }
    subject = f"cashback.dlq.v1.ledger-outcomes.{type_}.0"
    return Message(subject, f"letter {number}", "cb_1", header_lines(headers), b"{}")
