"""How the ledger stands: its mint numbers, what is due to cashbacks, and when it was reconciled."""

from collections.abc import Sequence
from datetime import timedelta

from cashback.kernel.clock import SystemClock, business_clock
from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import LedgerBehind, NumbersFenced
from cashback.ledger.service import Readings
from cashback.processes import reconciled
from cashback.processes.doctor.asking import NAMED_MAX, OVERDUE
from cashback.processes.doctor.settings import Settings


class ReconciliationConcerns(CashbackError):
    """The last reconciliation is too old or found something, or the books hold supply that nobody can explain."""

    code = "reconciliation_concerns"


class StepsOverdue(CashbackError):
    """Cashbacks have not taken a step that was due."""

    code = "steps_overdue"


class RequestsOverdue(CashbackError):
    """The mints of cashbacks that could be requested are not."""

    code = "requests_overdue"


async def numbers(settings: Settings) -> str:
    """Return that the ledger knows every number that was minted or is to be, and gives out more.

    Raises:
        LedgerBehind, NumbersFenced: it does not.
    """
    async with (
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
        Database.open(settings.ledger_audit_dsn.value, name="doctor", connections_max=1) as database,
    ):
        known = (await adapter.status()).known_number
        accounted_to, is_open = await Readings(database).numbers()
    if known > accounted_to:
        raise LedgerBehind(
            f"the ledger knows numbers up to {accounted_to}, and {known} was minted or is to be: its database is older"
        )
    if not is_open:
        raise NumbersFenced("no numbers are given out before worker-ledger has compared them since the last restart")
    return f"up to {accounted_to} accounted for, {known} known to adapter and minting"


async def reconciliation(settings: Settings) -> str:
    """Return when everything was reconciled last, without a difference, and at which block it is booked.

    Raises:
        ReconciliationConcerns: it was too long ago, or something does not agree.
    """
    standing, now = await reconciled.look(settings.ledger_audit_dsn, name="doctor"), SystemClock().now()
    stale = timedelta(seconds=settings.reconcile_stale_s)
    if found := reconciled.concerns(standing, now=now, stale=stale):
        raise ReconciliationConcerns("; ".join(found))
    return reconciled.summary(standing, now=now)


async def steps(dsn: Secret) -> str:
    """Return that whatever time or people have decided is done.

    Raises:
        StepsOverdue: it names cashbacks of which it is not.
    """
    async with Database.open(dsn.value, name="doctor", connections_max=1) as database:
        found = await Readings(database).overdue(due_by=business_clock().now() - OVERDUE, limit=NAMED_MAX + 1)
    if found:
        raise StepsOverdue(
            f"a hold, a verdict or the time for a wallet was over {OVERDUE.seconds} s ago, and nothing has moved"
            f" {_named(found)}: no worker-ledger is at work, or it has left them out (log `life.skipped` says why)"
        )
    return "holds, verdicts and waits for a wallet that are over were acted on"


async def requests(dsn: Secret) -> str:
    """Return that the mint of whatever is approved, with a wallet to go to, was requested.

    Raises:
        RequestsOverdue: it names cashbacks of which it was not.
    """
    async with Database.open(dsn.value, name="doctor", connections_max=1) as database:
        found = await Readings(database).unrequested(due_by=business_clock().now() - OVERDUE, limit=NAMED_MAX + 1)
    if found:
        raise RequestsOverdue(
            f"for over {OVERDUE.seconds} s these were approved and had a wallet, and nobody has requested their mints:"
            f" {_named(found)}: start `cashback worker ledger`; one that is at work has not come to them yet, or has"
            " left them out (log `sweep.skipped` says why)"
        )
    return "whatever is approved and has a wallet was requested"


def _named(ids: Sequence[str]) -> str:
    """Return the first of these, and whether there are more.

    >>> _named(["cb_1", "cb_2"])
    'cb_1, cb_2'
    >>> _named(list("abcdef"))
    'a, b, c, d, e, and more'
    """
    return ", ".join(ids[:NAMED_MAX]) + (", and more" if len(ids) > NAMED_MAX else "")
