"""Origins: where the event of a dead letter stood, as the letter's own subject says, and not its headers alone.

    cashback.dlq.v1.<consumer>.<type>.<partition>  ──▶  cashback.v1.<type>.<partition>

Who may store a letter on which subject is a matter of rights; what stands in its headers is up to whoever stores it. A
replay is published by a person who may say anything to the broker, so a letter must not choose what that is.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.kernel.bus.durable import Durable
from cashback.kernel.bus.streams import DEAD_SUBJECT_PREFIX, event_subject
from cashback.kernel.errors import Invalid

_LETTER: Final = re.compile(
    rf"{re.escape(DEAD_SUBJECT_PREFIX)}\.(?P<consumer>[^.]+)\.(?P<type>.+)\.(?P<partition>[0-9]{{1,3}})"
)


class LetterForged(Invalid):
    """A dead letter's headers contradict its subject, or nobody who takes its type could have given it up."""

    code = "dead_letter_forged"


class Origin(msgspec.Struct, frozen=True):
    """Where a letter stands, and what its headers say of who gave up an event of which type, and where that stood."""

    letter: str
    consumer: str
    type: str
    subject: str

    def expect_credible(self, durables: Sequence[Durable] | None) -> None:
        """Return when subject and headers say the same, and one of `durables`, if they are known, takes such events.

        Raises:
            LetterForged: it cannot be what a consumer gave up.
        """
        if not self.is_credible(durables):
            raise LetterForged(
                f"the dead letter on {self.letter} says that it was {self.type!r} on {self.subject!r}, given up by"
                f" {self.consumer!r}, which it cannot have been; nothing was published"
            )

    def is_credible(self, durables: Sequence[Durable] | None) -> bool:
        """Tell whether it can be what a consumer gave up.

        >>> told = Origin("cashback.dlq.v1.a.b.c.0", consumer="a", type="b.c", subject="cashback.v1.b.c.0")
        >>> told.is_credible(None), told.is_credible([Durable("a", ("b.d",))])
        (True, False)
        """
        found = _LETTER.fullmatch(self.letter)
        if found is None or (found["consumer"], found["type"]) != (self.consumer, self.type):
            return False
        if self.subject != event_subject(self.type, int(found["partition"])):
            return False
        return durables is None or any(
            one.name == self.consumer and (not one.types or self.type in one.types) for one in durables
        )
