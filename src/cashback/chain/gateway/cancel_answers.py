"""What the adapter answers to an order to cancel mints, in our words."""

from collections.abc import Sequence

from cashback.chain.model import CancelAnswer, Cancelling, Conflicting, Mint, Settled, Unmintable
from cashback.wire.cashback.chain import v1


def cancel_answers(entries: Sequence[v1.CancelMintsResponseEntry], mints: Sequence[Mint]) -> list[CancelAnswer]:
    """Return how far cancellations are.

    Raises:
        ValueError: these are not the answers to what was asked.
    """
    if [int(entry.number) for entry in entries] != [mint.number for mint in mints]:
        raise ValueError("the answers are not those of the numbers that were asked about")
    return [_answer(entry) for entry in entries]


def _answer(entry: v1.CancelMintsResponseEntry) -> CancelAnswer:
    """Return how far one cancellation is.

    Raises:
        ValueError: it says what no answer may say.
    """
    number, reason = int(entry.number), str(entry.reason)
    match entry.result:
        case v1.CancelResult.ORDERED:
            return Cancelling(number, "ordered")
        case v1.CancelResult.RETIRING:
            return Cancelling(number, "retiring")
        case v1.CancelResult.RETIRED:
            return Cancelling(number, "retired")
        case v1.CancelResult.SETTLED:
            return Settled(number, reason)
        case v1.CancelResult.CONFLICT:
            return Conflicting(number, reason)
        case v1.CancelResult.INVALID:
            return Unmintable(number, reason)
        case _:
            raise ValueError("a cancellation is in none of the known states")
