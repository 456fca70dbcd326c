"""Accounting for mint numbers that a restored ledger has forgotten: what minting and the chain know, held against it.

| kind             | the ledger                                  | minting or the chain          | then                |
|------------------|---------------------------------------------|-------------------------------|---------------------|
| `adopted`        | has the cashback, approved                  | have a number for it          | it gets that number |
| `ledger_lost`    | does not know the cashback                  | have a number for it          | listed              |
| `retired`        | has the cashback, not under this number     | minting has retired it        | listed              |
| `number_differs` | has requested the cashback under another    | have this number for it       | listed              |
| `number_taken`   | has given the number to another cashback    | have it for this one          | listed              |
| `amount_differs` | has another amount for the cashback         | have this one                 | listed              |
| `not_approved`   | has declined the cashback                   | have a number for it          | listed              |
| `log_unknown`    | does not know the number                    | a log has it, minting has not | listed              |

What is listed is never guessed at: a person decides. Its number is never given out again. Of one that is `retired`
nothing is to be decided: it is listed because the ledger has no record of it, as `cashback reconcile` goes on telling.
"""

from enum import StrEnum

import msgspec

from cashback.kernel.money import TokenUnits
from cashback.ledger.model.cashbacks import Mintable, State


class MintRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as minting knows it: `state` is minting's own word for how far it has come.

    Under a number that `is_retired` nothing is ever minted; its cashback may have another.
    """

    number: int
    cashback_id: str
    recipient: str
    token_units: TokenUnits
    state: str
    is_retired: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback of the ledger, locked, as a record of minting finds it."""

    id: str
    user_id: str
    programme_id: str | None
    currency: str
    amount_minor: int
    token_units: TokenUnits
    traceparent: str | None
    state: State
    mint_number: int | None


class AccountedKind(StrEnum):
    """What can be found about a number; the codes are stable."""

    ADOPTED = "adopted"
    LEDGER_LOST = "ledger_lost"
    RETIRED = "retired"
    NUMBER_DIFFERS = "number_differs"
    NUMBER_TAKEN = "number_taken"
    AMOUNT_DIFFERS = "amount_differs"
    NOT_APPROVED = "not_approved"
    LOG_UNKNOWN = "log_unknown"


class Accounted(msgspec.Struct, frozen=True, kw_only=True):
    """One number that the ledger had no record of; `cashback_id` is empty when only a log tells of it."""

    kind: AccountedKind
    number: int
    cashback_id: str
    recipient: str
    token_units: int
    detail: str


class Adoption(msgspec.Struct, frozen=True):
    """An approved cashback that gets the number which minting has for it; and how that is told."""

    cashback: Mintable
    accounted: Accounted
