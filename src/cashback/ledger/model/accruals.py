"""A purchase's claim for cashback, and what it came to."""

from datetime import datetime

import msgspec

from cashback.kernel.money import Minor, TokenUnits
from cashback.ledger.model.cashbacks import State
from cashback.ledger.model.decisions import Reason
from cashback.ledger.model.engine import Judgement, PurchaseFacts


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded purchase that asks for its cashback; `traceparent` is the trace it was recorded in."""

    purchase_id: str
    user_id: str
    facts: PurchaseFacts
    traceparent: str | None = None


class Accrual(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim came to: a decision, stored as a cashback in its first state.

    `grants` is what a refund will have to know, and `hold_until` when what was granted may be minted; None where
    nothing was granted, or nothing is to be waited for.
    """

    cashback_id: str
    claim: Claim
    judgement: Judgement
    document: bytes
    grants: bytes | None
    state: State
    hold_until: datetime | None

    @property
    def amount(self) -> Minor:
        """Return the money granted, 0 when declined or waitlisted."""
        return self.judgement.verdict.amount

    @property
    def token_units(self) -> TokenUnits:
        """Return the tokens granted, 0 when declined or waitlisted."""
        return self.judgement.verdict.token_units

    @property
    def reason(self) -> Reason:
        """Return why it was decided so."""
        return self.judgement.verdict.reason

    @property
    def currency(self) -> str:
        """Return the currency of the money granted; where there is no programme, that of the purchase."""
        programme = self.judgement.programme
        return programme.funding.code if programme is not None else self.claim.facts.currency
