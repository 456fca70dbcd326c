"""Verdicts on dead letters: which were replayed and which a person gave up for good, kept beside the letters.

The stream denies deletion, so a letter is not taken away: `cashback.dlq.v1._verdict.<word>.<sequence>` says what became
of it. A verdict is younger than its letter and ages out after it, it is there while every database is down, and two
people who look see the same.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import msgspec

from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import MESSAGE_NOT_FOUND, BusRefused
from cashback.kernel.bus.frame import header_lines
from cashback.kernel.bus.message import Message, new_token
from cashback.kernel.bus.publish import publish
from cashback.kernel.bus.streams import DEAD_LETTERS, DEAD_SUBJECT_PREFIX

Word: TypeAlias = Literal["replayed", "discarded"]

VERDICT_PREFIX: Final = f"{DEAD_SUBJECT_PREFIX}._verdict"
WORDS: Final[tuple[Word, ...]] = ("replayed", "discarded")

_HEADERS: Final = header_lines({"content-type": "application/json"})


class Saying(msgspec.Struct, frozen=True):
    """Who said it, and why: what is stored."""

    by: str
    reason: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a dead letter: who said so, when, and why (empty for a replay)."""

    word: Word
    said_at: datetime
    by: str
    reason: str


def is_verdict(subject: str) -> bool:
    """Tell whether a message of the dead letters' stream is a verdict and no letter."""
    return subject.startswith(f"{VERDICT_PREFIX}.")


async def say(bus: Bus, word: Word, sequences: Sequence[int], *, by: str, reason: str = "") -> None:
    """Store a verdict on each of these dead letters; of one said twice the later is shown.

    Raises:
        BusUnavailable: it is not known that all are stored; say it again.
    """
    data, run = msgspec.json.encode(Saying(by, reason)), new_token()
    subjects = [f"{VERDICT_PREFIX}.{word}.{sequence}" for sequence in sequences]
    await publish(bus, [Message(subject, f"{subject}.{run}", subject, _HEADERS, data) for subject in subjects])


async def settled(bus: Bus) -> dict[int, Word]:
    """Return which dead letters there is a verdict on; of one that was replayed and discarded, that it was discarded.

    Raises:
        StreamMissing: the broker has no such stream.
        BusUnavailable: it did not answer.
    """
    found: dict[int, Word] = {}
    for word in WORDS:
        prefix = f"{VERDICT_PREFIX}.{word}."
        subjects = await _subjects(bus, f"{prefix}*")
        found |= {int(number): word for number in (name.removeprefix(prefix) for name in subjects) if number.isdigit()}
    return found


async def on(bus: Bus, sequence: int) -> list[Verdict]:
    """Return the last verdict of each word on a dead letter, oldest first.

    Raises:
        BusUnavailable: the broker did not answer.
    """
    found = [verdict for word in WORDS if (verdict := await _last(bus, word, sequence)) is not None]
    return sorted(found, key=lambda verdict: verdict.said_at)


async def _last(bus: Bus, word: Word, sequence: int) -> Verdict | None:
    """Return the last verdict of this word on a dead letter, or None."""
    try:
        answer = await bus.api(
            f"STREAM.MSG.GET.{DEAD_LETTERS.name}", {"last_by_subj": f"{VERDICT_PREFIX}.{word}.{sequence}"}
        )
    except BusRefused as cause:
        if cause.err_code == MESSAGE_NOT_FOUND:
            return None
        raise
    message = answer["message"]
    said = msgspec.json.decode(base64.b64decode(message["data"]), type=Saying)
    return Verdict(word=word, said_at=msgspec.convert(message["time"], datetime), by=said.by, reason=said.reason)


async def _subjects(bus: Bus, pattern: str) -> Mapping[str, int]:
    """Return the subjects that match, with how many messages each has; the broker tells them in pages."""
    found: dict[str, int] = {}
    while True:
        answer = await bus.api(f"STREAM.INFO.{DEAD_LETTERS.name}", {"subjects_filter": pattern, "offset": len(found)})
        page = answer["state"].get("subjects") or {}
        found |= page
        if not page or len(found) >= int(answer.get("total", 0)):
            return found
