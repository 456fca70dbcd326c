"""The ledger's use cases: accrue, request, settle, sweep, read, prove."""

from cashback.ledger.service.accruals import accrue, announce, link_wallets
from cashback.ledger.service.fencing import Fencing
from cashback.ledger.service.life import Life, LifePolicy, Lived
from cashback.ledger.service.limits import MintLimit
from cashback.ledger.service.programmes import programme_answer, start_programme
from cashback.ledger.service.readings import Readings, explanation_of
from cashback.ledger.service.recovery import Recovery
from cashback.ledger.service.requests import MintPolicy, request_mints
from cashback.ledger.service.retirements import Retirements
from cashback.ledger.service.reviews import Queues, say, set_pause
from cashback.ledger.service.settlement import settle
from cashback.ledger.service.stories import Stories
from cashback.ledger.service.sweep import Sweeper, Swept

__all__ = [
    "Fencing",
    "Life",
    "LifePolicy",
    "Lived",
    "MintLimit",
    "MintPolicy",
    "Queues",
    "Readings",
    "Recovery",
    "Retirements",
    "Stories",
    "Sweeper",
    "Swept",
    "accrue",
    "announce",
    "explanation_of",
    "link_wallets",
    "programme_answer",
    "request_mints",
    "say",
    "set_pause",
    "settle",
    "start_programme",
]
