"""The ledger: what every purchase earned and why, what became of it, and the books that prove it.

A purchase is recorded and its cashback decided in one transaction: `accrue` locks the budget, folds the decisions over
the batch, and posts budget -> user. The ledger's worker then requests mints for those with a wallet (user -> fx, fx ->
in flight), and settles them by the outcomes that minting publishes (in flight -> minted, or stuck). A sweep closes the
loop over whatever an event should have moved and did not.

This module is the front door; nothing else of the ledger is imported from outside, save by `processes`.
"""

from cashback.ledger.model import (
    Accounted,
    Accrual,
    Balance,
    BalanceStory,
    Cashback,
    CashbackItem,
    CashbackList,
    CashbackPage,
    CashbackStory,
    CashbackUnknown,
    Claim,
    Declined,
    Difference,
    Flaw,
    GrantAboveLimit,
    Granted,
    NewProgramme,
    Programme,
    ProgrammeAnswer,
    ProgrammeExists,
    ProgrammeInvalid,
    ProgrammeUnknown,
    Reason,
    State,
    Sum,
    Transition,
)
from cashback.ledger.model.engine import Line, PurchaseFacts, Velocity
from cashback.ledger.model.statements import BalanceAt, Statement
from cashback.ledger.rules import currency_of, replay
from cashback.ledger.rules.engine.explain import explain_in_full
from cashback.ledger.service import (
    MintLimit,
    MintPolicy,
    Readings,
    Retirements,
    Statements,
    Stories,
    Sweeper,
    Swept,
    accrue,
    announce,
    explanation_of,
    link_wallets,
    programme_answer,
    start_programme,
)

__all__ = [
    "Accounted",
    "Accrual",
    "Balance",
    "BalanceAt",
    "BalanceStory",
    "Cashback",
    "CashbackItem",
    "CashbackList",
    "CashbackPage",
    "CashbackStory",
    "CashbackUnknown",
    "Claim",
    "Declined",
    "Difference",
    "Flaw",
    "GrantAboveLimit",
    "Granted",
    "Line",
    "MintLimit",
    "MintPolicy",
    "NewProgramme",
    "Programme",
    "ProgrammeAnswer",
    "ProgrammeExists",
    "ProgrammeInvalid",
    "ProgrammeUnknown",
    "PurchaseFacts",
    "Readings",
    "Reason",
    "Retirements",
    "State",
    "Statement",
    "Statements",
    "Stories",
    "Sum",
    "Sweeper",
    "Swept",
    "Transition",
    "Velocity",
    "accrue",
    "announce",
    "currency_of",
    "explain_in_full",
    "explanation_of",
    "link_wallets",
    "programme_answer",
    "replay",
    "start_programme",
]
