"""The ledger's half of `cashback chain recover`: numbers that a restored ledger has forgotten, adopted or listed.

    minting (every record) ──▶ adopted or listed ─┐
    chain (every log) ───────▶ listed ────────────┼──▶ sequence above all of them, fence open
    adapter (highest number) ─────────────────────┘

Everything is read in pages, from the beginning, and told as it is found: a lost number may lie below one that was kept.
Killed half-way nothing is given out, and it is run again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.addresses import checksum_address
from cashback.kernel.clock import business_clock
from cashback.kernel.config import Dsn, HostPort
from cashback.kernel.db import Database
from cashback.kernel.money import MINT_NUMBER_MAX
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import Accounted, AccountedKind, MintLog, MintRecord
from cashback.ledger.service import Recovery
from cashback.minting import Mint, Readings
from cashback.processes.tls import ClientTls

STRETCH: Final = 1_000
"""How many records of minting are compared in one transaction."""

Tell: TypeAlias = Callable[[Accounted], None]


class Settings(ClientTls, frozen=True, kw_only=True):
    """Where the ledger, minting's records and the adapter are; the worker's and the auditor's role are enough."""

    ledger_dsn: Dsn
    minting_audit_dsn: Dsn
    adapter_address: HostPort


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """How many numbers were adopted and listed, and up to where all are accounted for then."""

    adopted: int
    listed: int
    accounted_to: int


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """The doors to the ledger, to minting's records, and to the adapter."""

    ledger: Recovery
    minting: Readings
    adapter: Adapter


async def recover_ledger(settings: Settings, *, is_dry_run: bool, tell: Tell) -> Numbers:
    """Account for every number that minting or the chain know and the ledger does not; `tell` hears of each.

    Afterwards the ledger gives out numbers above all of them; whether minting goes on is for `cashback chain resume`.
    May be repeated: what was adopted is known by then, what was listed is listed again. A dry run changes nothing.

    Raises:
        Unavailable: a source did not answer; the fence is as it was, what was adopted stays. Run it again.
    """
    async with (
        Database.open(settings.ledger_dsn.value, name="cashback chain recover", connections_max=1) as ledger,
        Database.open(settings.minting_audit_dsn.value, name="cashback chain recover", connections_max=1) as minting,
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
    ):
        doors = Doors(ledger=Recovery(ledger, clock=business_clock()), minting=Readings(minting), adapter=adapter)
        return await recover_through(doors, is_dry_run=is_dry_run, tell=tell)


async def recover_through(doors: Doors, *, is_dry_run: bool, tell: Tell) -> Numbers:
    """Do so through open doors; see `recover_ledger`."""
    adopted = listed = scanned_to = highest = 0
    async for number in _logs(doors, tell):
        highest, listed = max(highest, number), listed + 1
    highest = max(highest, (await doors.adapter.status()).known_number)
    # What minting has taken in meanwhile is read as well: the last page is the one after which it knows no more.
    async for page in _records(doors.minting):
        for accounted in await doors.ledger.adopt([_record(mint) for mint in page], is_dry_run=is_dry_run):
            tell(accounted)
            adopted += accounted.kind is AccountedKind.ADOPTED
            listed += accounted.kind is not AccountedKind.ADOPTED
        scanned_to = max(scanned_to, *(mint.number for mint in page if mint.number <= MINT_NUMBER_MAX), 0)
    highest = max(highest, scanned_to)
    if is_dry_run:
        accounted_to = max(highest, await doors.ledger.accounted_to())
    else:
        accounted_to = await doors.ledger.reopen(highest)
    return Numbers(adopted=adopted, listed=listed, accounted_to=accounted_to)


async def _records(minting: Readings) -> AsyncIterator[Sequence[Mint]]:
    """Yield every record of minting, by number, in pages."""
    after = 0
    while page := await minting.page(after=after, limit=STRETCH):
        yield page
        after = page[-1].number


async def _logs(doors: Doors, tell: Tell) -> AsyncIterator[int]:
    """Yield every number in a final log that neither ledger nor minting know, as far as a ledger could give it out."""
    from_block, to_block = 0, 0
    while True:
        page = await doors.adapter.mint_logs(from_block=from_block, to_block=to_block)
        to_block = to_block or page.at_block
        for log in await _strange(doors, page.logs):
            tell(_unknown(log))
            yield log.number if log.number <= MINT_NUMBER_MAX else 0
        if page.covered_to_block >= to_block:
            return
        from_block = page.covered_to_block + 1


async def _strange(doors: Doors, logs: Sequence[MintLog]) -> list[MintLog]:
    """Return the logs whose number neither ledger nor minting know; one that no ledger gives out is strange at once."""
    possible = [log.number for log in logs if log.number <= MINT_NUMBER_MAX]
    lost = await doors.ledger.unknown(possible)
    nobodys = lost - await doors.minting.known(sorted(lost))
    return [log for log in logs if log.number > MINT_NUMBER_MAX or log.number in nobodys]


def _record(mint: Mint) -> MintRecord:
    """Return a record of minting in the ledger's words."""
    return MintRecord(
        number=mint.number,
        cashback_id=mint.cashback_id,
        recipient=checksum_address(f"0x{mint.recipient.hex()}"),
        token_units=mint.amount,
        state=mint.state.value,
        is_retired=mint.is_retired,
    )


def _unknown(log: MintLog) -> Accounted:
    """Return a log that nobody knows, as it is told."""
    return Accounted(
        kind=AccountedKind.LOG_UNKNOWN,
        number=log.number,
        cashback_id="",
        recipient=checksum_address(log.recipient),
        token_units=log.amount,
        detail=f"in block {log.block_number}, transaction {log.transaction_hash}; nobody here requested it",
    )
