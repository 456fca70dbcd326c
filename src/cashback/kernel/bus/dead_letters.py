"""Dead letters: events that a consumer gave up on, kept with the reason until they age out, and sent again on request.

A dead letter is the event as it was, under `cashback.dlq.v1.<consumer>.<type>.<partition>`, with headers that say why.
Replaying publishes the event on its old subject under a new message id and the old event id: consumers that applied it
find it in their inboxes, and the one that did not applies it now.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.errors import MESSAGE_NOT_FOUND, BusRefused, StreamMissing
from cashback.kernel.bus.frame import header_lines, plain_headers
from cashback.kernel.bus.message import (
    EVENT_ID,
    EVENT_KEY,
    EVENT_TYPE,
    SERVER_PREFIX,
    Message,
    new_token,
    repeated,
    rfc3339,
)
from cashback.kernel.bus.publish import publish
from cashback.kernel.bus.streams import DEAD_LETTERS, DEAD_SUBJECT_PREFIX, SUBJECT_PREFIX
from cashback.kernel.errors import Invalid, NotFound

PAGE_MAX: Final = 200
"""Dead letters in one page, and in one replay."""


class Death(msgspec.Struct, frozen=True, kw_only=True):
    """Why an event was given up, by whom, after how many failures, and where it stands in the stream.

    `history` is JSON: of each of the last failures `at`, `error`, `reason` and `worker`.
    """

    reason: str
    consumer: str
    attempts: int
    first_failed_at: datetime
    sequence: int
    history: str


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter: `sequence` is its own place, `original_sequence` and `original_subject` those of the event."""

    sequence: int
    given_up_at: datetime
    event_id: str
    type: str
    key: str
    consumer: str
    reason: str
    attempts: int
    first_failed_at: str
    original_sequence: int
    original_subject: str
    headers: dict[str, str]
    data: bytes


async def bury(bus: Bus, message: Msg, *, death: Death) -> None:
    """Store a delivered event as a dead letter; twice for the same delivery stores it once.

    Raises:
        BusUnavailable: it is not known to be stored, so the event must stay where it is.
    """
    headers = plain_headers(message.headers or {})
    kept = {name: value for name, value in headers.items() if not name.startswith(SERVER_PREFIX)}
    said = {
        "dlq-reason": death.reason,
        "dlq-consumer": death.consumer,
        "dlq-attempts": str(death.attempts),
        "dlq-first-failed": rfc3339(death.first_failed_at),
        "dlq-sequence": str(death.sequence),
        "dlq-subject": message.subject,
        "dlq-history": death.history,
    }
    letter = Message(
        # From the old subject and not from the headers, which may be anything.
        subject=f"{DEAD_SUBJECT_PREFIX}.{death.consumer}{message.subject.removeprefix(SUBJECT_PREFIX)}",
        id=f"{death.consumer}.{death.sequence}",
        key=kept.get(EVENT_KEY, ""),
        headers=header_lines({**kept, **said}),
        data=message.data,
    )
    try:
        await publish(bus, [letter])
    except StreamMissing:
        await bus.apply_streams()
        await publish(bus, [letter])


async def page(bus: Bus, *, limit: int, after: int = 0) -> list[DeadLetter]:
    """Return the dead letters that follow sequence `after`, oldest first, at most `limit` (and never more than 200).

    Raises:
        StreamMissing: the broker has no such stream.
        BusUnavailable: it did not answer.
    """
    found: list[DeadLetter] = []
    while len(found) < min(limit, PAGE_MAX):
        letter = await _get(bus, {"seq": after + 1, "next_by_subj": ">"})
        if letter is None:
            break
        found.append(letter)
        after = letter.sequence
    return found


async def show(bus: Bus, sequence: int) -> DeadLetter:
    """Return one dead letter with its headers and data.

    Raises:
        NotFound: there is none of that sequence (any more).
        BusUnavailable: the broker did not answer.
    """
    letter = await _get(bus, {"seq": sequence})
    if letter is None:
        raise NotFound(f"there is no dead letter {sequence}", sequence=sequence)
    return letter


async def replay(bus: Bus, sequences: Sequence[int]) -> list[str]:
    """Publish the events of dead letters again and return their event ids; doing it twice applies nothing twice.

    Raises:
        Invalid: more than 200 at once; then none was published.
        NotFound: one of them does not exist; then none was published.
        BusUnavailable: some may have been published; repeat the call.
    """
    if len(sequences) > PAGE_MAX:
        raise Invalid(f"at most {PAGE_MAX} dead letters are replayed at once", count=len(sequences))
    run = new_token()
    letters = [await show(bus, sequence) for sequence in sequences]
    messages = [
        repeated(subject=letter.original_subject, headers=letter.headers, data=letter.data, run=run)
        for letter in letters
    ]
    await publish(bus, messages)
    return [letter.event_id for letter in letters]


async def _get(bus: Bus, request: Mapping[str, object]) -> DeadLetter | None:
    """Return the dead letter that the stream finds for `request`, or None."""
    try:
        answer = await bus.api(f"STREAM.MSG.GET.{DEAD_LETTERS.name}", request)
    except BusRefused as cause:
        if cause.err_code == MESSAGE_NOT_FOUND:
            return None
        raise
    return _read(answer["message"])


def _read(message: Mapping[str, Any]) -> DeadLetter:
    """Return a stored message as a dead letter."""
    headers = read_stored_headers(message.get("hdrs", ""))
    return DeadLetter(
        sequence=int(message["seq"]),
        given_up_at=msgspec.convert(message["time"], datetime),
        event_id=headers.get(EVENT_ID, ""),
        type=headers.get(EVENT_TYPE, ""),
        key=headers.get(EVENT_KEY, ""),
        consumer=headers.get("dlq-consumer", ""),
        reason=headers.get("dlq-reason", ""),
        attempts=int(headers.get("dlq-attempts", "0")),
        first_failed_at=headers.get("dlq-first-failed", ""),
        original_sequence=int(headers.get("dlq-sequence", "0")),
        original_subject=headers.get("dlq-subject", ""),
        headers=headers,
        data=base64.b64decode(message.get("data", "")),
    )


def read_stored_headers(encoded: str) -> dict[str, str]:
    """Return the headers of a stored message from the base64 block that the API gives."""
    lines = base64.b64decode(encoded).decode("utf-8", "replace").split("\r\n")[1:]
    parts = (line.partition(":") for line in lines)
    return plain_headers({name: value.strip() for name, separator, value in parts if separator})
