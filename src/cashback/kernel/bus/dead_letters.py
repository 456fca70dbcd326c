"""Dead letters: events that a consumer gave up on, kept with the reason until they age out, and sent again on request.

A dead letter is the event as it was, under `cashback.dlq.v1.<consumer>.<type>.<partition>`, with headers that say why.
What became of it says a verdict beside it (`verdicts`). Replaying publishes the event on its old subject under a new
message id and the old event id: consumers that applied it find it in their inboxes, and the one that did not applies it
now. If that fails as well, the next letter names this one.
"""

import asyncio
import base64
import re
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec
from nats.aio.msg import Msg

from cashback.kernel.bus import verdicts
from cashback.kernel.bus.connection import Bus
from cashback.kernel.bus.durable import Durable
from cashback.kernel.bus.errors import MESSAGE_NOT_FOUND, BusRefused, StreamMissing
from cashback.kernel.bus.frame import header_lines, plain_headers
from cashback.kernel.bus.message import (
    DEAD_PREFIX,
    EVENT_ID,
    EVENT_KEY,
    EVENT_TYPE,
    REDRIVEN_FROM,
    SERVER_PREFIX,
    Message,
    new_token,
    repeated,
    rfc3339,
)
from cashback.kernel.bus.origins import Origin
from cashback.kernel.bus.publish import publish
from cashback.kernel.bus.streams import DEAD_LETTERS, DEAD_SUBJECT_PREFIX, SUBJECT_PREFIX
from cashback.kernel.errors import Invalid, NotFound

PAGE_MAX: Final = 200
"""Dead letters in one page, in one replay, and discarded at once."""

REASON_MAX: Final = 500
"""Characters of the reason for which a letter is discarded."""

ASKED_AT_ONCE: Final = 64
"""Messages that the broker is asked for together."""

BEFORE: Final = "dlq-before"
HISTORY: Final = "dlq-history"
BEFORE_MAX: Final = 20
"""Earlier letters that a letter names; of more, the last."""

_LISTED: Final = re.compile(rf"[0-9]{{1,19}}(,[0-9]{{1,19}}){{0,{BEFORE_MAX - 1}}}")


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


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One failure: when, of which kind, in which words, in which worker; what nobody noted is empty."""

    at: str = ""
    error: str = ""
    reason: str = ""
    worker: str = ""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter: `sequence` and `subject` are its own, `original_sequence` and `original_subject` the event's.

    `died_before` are the sequences of the letters that its event was before, each of them replayed; `history` is each
    failure that its consumer noted.
    """

    sequence: int
    subject: str
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
    died_before: tuple[int, ...] = ()
    history: tuple[Attempt, ...] = ()
    headers: dict[str, str]
    data: bytes


async def bury(bus: Bus, message: Msg, *, death: Death) -> None:
    """Store a delivered event as a dead letter; twice for the same delivery stores it once.

    Raises:
        BusUnavailable: it is not known to be stored, so the event must stay where it is.
    """
    headers = plain_headers(message.headers or {})
    # What looks like a word of ours on an event that somebody else published is none.
    kept = {
        name: value
        for name, value in headers.items()
        if not name.startswith((SERVER_PREFIX, DEAD_PREFIX)) and name != REDRIVEN_FROM
    }
    said = {
        "dlq-reason": death.reason,
        "dlq-consumer": death.consumer,
        "dlq-attempts": str(death.attempts),
        "dlq-first-failed": rfc3339(death.first_failed_at),
        "dlq-sequence": str(death.sequence),
        "dlq-subject": message.subject,
        "dlq-history": death.history,
    }
    if before := _sequences(headers.get(REDRIVEN_FROM, "")):
        said[BEFORE] = _listed(before)
    letter = Message(
        # From the old subject and not from the headers, which may be anything.
        subject=f"{DEAD_SUBJECT_PREFIX}.{death.consumer}{message.subject.removeprefix(SUBJECT_PREFIX)}",
        # With the event's id: in a stream that was made anew the same sequence is another event.
        id=f"{death.consumer}.{kept.get(EVENT_ID, '')}.{death.sequence}",
        key=kept.get(EVENT_KEY, ""),
        headers=header_lines({**kept, **said}),
        data=message.data,
    )
    try:
        await publish(bus, [letter])
    except StreamMissing:
        await bus.apply_streams()
        await publish(bus, [letter])


async def page(bus: Bus, *, limit: int, after: int = 0, without: Container[int] = ()) -> list[DeadLetter]:
    """Return the dead letters that follow sequence `after`, oldest first, at most `limit` (and never more than 200).

    Those whose sequence is in `without` are left out unasked; of the others the broker is asked for many at once.

    Raises:
        StreamMissing: the broker has no such stream.
        BusUnavailable: it did not answer.
    """
    state = (await bus.api(f"STREAM.INFO.{DEAD_LETTERS.name}"))["state"]
    first, last = max(after + 1, int(state["first_seq"])), int(state["last_seq"])
    wanted = (sequence for sequence in range(first, last + 1) if sequence not in without)
    found: list[DeadLetter] = []
    while len(found) < min(limit, PAGE_MAX) and (those := list(islice(wanted, ASKED_AT_ONCE))):
        answers = await asyncio.gather(*(_get(bus, {"seq": sequence}) for sequence in those))
        found += [letter for letter in answers if letter is not None]
    return found[: min(limit, PAGE_MAX)]


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


async def replay(
    bus: Bus, sequences: Sequence[int], *, by: str = "", durables: Sequence[Durable] | None = None
) -> list[str]:
    """Publish the events of dead letters again, note that, and return their event ids; repeating it applies none twice.

    With `durables` an event must be one that the consumer which gave it up takes.

    Raises:
        Invalid: more than 200 at once; then none was published.
        LetterForged: one of them is not what its own subject says; then none was published.
        NotFound: one of them does not exist; then none was published.
        BusUnavailable: some may have been published; repeat the call.
    """
    run = new_token()
    letters = await _all(bus, sequences)
    for letter in letters:
        origin = Origin(letter.subject, consumer=letter.consumer, type=letter.type, subject=letter.original_subject)
        origin.expect_credible(durables)
    await publish(bus, [_again(letter, run=run) for letter in letters])
    await verdicts.say(bus, "replayed", [letter.sequence for letter in letters], by=by)
    return [letter.event_id for letter in letters]


async def discard(bus: Bus, sequences: Sequence[int], *, by: str, reason: str) -> list[str]:
    """Note that nobody will replay these dead letters, by whom and why, and return their event ids.

    They stay in the stream until they age out, and can still be shown and replayed.

    Raises:
        Invalid: more than 200 at once, or the reason is blank or longer than 500 characters; then none was noted.
        NotFound: one of them does not exist; then none was noted.
        BusUnavailable: some may have been noted; repeat the call.
    """
    if not reason.strip() or len(reason) > REASON_MAX:
        raise Invalid(f"a reason is a text of 1 to {REASON_MAX} characters", length=len(reason))
    letters = await _all(bus, sequences)
    await verdicts.say(bus, "discarded", [letter.sequence for letter in letters], by=by, reason=reason)
    return [letter.event_id for letter in letters]


async def _all(bus: Bus, sequences: Sequence[int]) -> list[DeadLetter]:
    """Return these dead letters, each once.

    Raises:
        Invalid: more than 200 are asked for.
        NotFound: one of them does not exist.
    """
    if len(sequences) > PAGE_MAX:
        raise Invalid(f"at most {PAGE_MAX} dead letters are settled at once", count=len(sequences))
    return [await show(bus, sequence) for sequence in dict.fromkeys(sequences)]


def _again(letter: DeadLetter, *, run: str) -> Message:
    """Return a dead letter's event as one to publish again, marked with the letters that it was."""
    return repeated(
        subject=letter.original_subject,
        headers=letter.headers,
        data=letter.data,
        run=run,
        extra={REDRIVEN_FROM: _listed((*letter.died_before, letter.sequence))},
    )


async def _get(bus: Bus, request: Mapping[str, object]) -> DeadLetter | None:
    """Return the dead letter that the stream finds for `request`, or None; a verdict is none."""
    try:
        answer = await bus.api(f"STREAM.MSG.GET.{DEAD_LETTERS.name}", request)
    except BusRefused as cause:
        if cause.err_code == MESSAGE_NOT_FOUND:
            return None
        raise
    message = answer["message"]
    return None if verdicts.is_verdict(message["subject"]) else _read(message)


def _read(message: Mapping[str, Any]) -> DeadLetter:
    """Return a stored message as a dead letter."""
    headers = read_stored_headers(message.get("hdrs", ""))
    return DeadLetter(
        sequence=int(message["seq"]),
        subject=message["subject"],
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
        died_before=_sequences(headers.get(BEFORE, "")),
        history=_history(headers.get(HISTORY, "")),
        headers=headers,
        data=base64.b64decode(message.get("data", "")),
    )


def _history(text: str) -> tuple[Attempt, ...]:
    """Return each failure that a letter tells of; what cannot be read is none, and stands in its headers."""
    try:
        return msgspec.json.decode(text, type=tuple[Attempt, ...]) if text else ()
    except msgspec.MsgspecError:
        return ()


def _listed(sequences: Sequence[int]) -> str:
    """Return the last twenty of these as one header has them."""
    return ",".join(map(str, sequences[-BEFORE_MAX:]))


def _sequences(text: str) -> tuple[int, ...]:
    """Return the sequences that one header has; of what we did not write, none."""
    return tuple(map(int, text.split(","))) if _LISTED.fullmatch(text) else ()


def read_stored_headers(encoded: str) -> dict[str, str]:
    """Return the headers of a stored message from the base64 block that the API gives."""
    lines = base64.b64decode(encoded).decode("utf-8", "replace").split("\r\n")[1:]
    parts = (line.partition(":") for line in lines)
    return plain_headers({name: value.strip() for name, separator, value in parts if separator})
