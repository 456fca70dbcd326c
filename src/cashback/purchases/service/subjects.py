"""What an order was about: the id of what it made or changed, as its answer tells it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from cashback.kernel.instants import as_told
from cashback.ledger import PauseAnswer, Rate, ReviewAnswer, WithdrawalAnswer
from cashback.purchases.model import Command, Order
from cashback.purchases.model.ownership import ChallengeAnswer
from cashback.purchases.model.standing import ActivityAnswer, BlockAnswer

_NAMED_BY: Final[Mapping[type[msgspec.Struct], str]] = {
    ActivityAnswer: "merchant_id",
    BlockAnswer: "user_id",
    ChallengeAnswer: "nonce",
    PauseAnswer: "programme_id",
    ReviewAnswer: "cashback_id",
}
"""The member that names it; `id` in every other answer."""


def subject_of(order: Command, answer: msgspec.Struct) -> str | None:
    """Return the id of what an order made or changed, None where there is none."""
    if isinstance(answer, WithdrawalAnswer):
        return answer.withdrawn.id
    if isinstance(answer, Rate):
        return f"{answer.base}/{answer.quote} {as_told(answer.as_of)}"
    found = getattr(answer, _NAMED_BY.get(type(answer), "id"), None)
    if found is None and isinstance(order, Order):
        # An answer that is a number alone, as how many deliveries are made again: of whom, the order says.
        found = getattr(order.terms, "id", None)
    return found or None
