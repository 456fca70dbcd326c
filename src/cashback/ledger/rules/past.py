"""What users did before, put into the facts of a batch: each purchase counts for those behind it."""

from collections.abc import Mapping, Sequence

import msgspec

from cashback.ledger.model import Claim
from cashback.ledger.model.engine import PurchaseFacts, Velocity
from cashback.ledger.model.terms import Past


def with_past(claims: Sequence[Claim], pasts: Mapping[str, Past]) -> list[Claim]:
    """Return the claims with first purchases and velocity as their users' pasts and the claims before them have it."""
    known, told = dict(pasts), []
    for claim in claims:
        past = known.get(claim.user_id, Past())
        told.append(msgspec.structs.replace(claim, facts=_told(claim.facts, past)))
        known[claim.user_id] = msgspec.structs.replace(
            past, has_bought=True, in_hour=past.in_hour + 1, merchants=past.merchants | {claim.facts.merchant_id}
        )
    return told


def _told(facts: PurchaseFacts, past: Past) -> PurchaseFacts:
    """Return the facts of one purchase with what came before it."""
    return msgspec.structs.replace(
        facts,
        is_first_purchase=not past.has_bought,
        is_first_at_merchant=facts.merchant_id not in past.merchants,
        velocity=Velocity(
            purchases_per_hour=past.in_hour + 1,
            users_per_wallet=past.users_per_wallet,
            refund_ratio_bps=past.refund_ratio_bps,
            is_self_dealing=facts.velocity.is_self_dealing,
        ),
    )
