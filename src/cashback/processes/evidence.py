"""`cashback ledger verify | prove | seals | recomputations`: the books' evidence, checked, told, or proved.

verify           database ──▶ rows, leaves, seals ──▶ first flaw         the chain's Anchored events, when asked
verify cb_...    the same of the lines of some cashbacks
prove            database ──▶ one file
seals, ...       database ──▶ what was written down of them
verify --proof   that file ──▶ lines, roots                              no database, no setting
"""

from collections.abc import Callable, Sequence

import msgspec

from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.ledger.model import Checked, CheckedCashback, Fault, Flaw
from cashback.ledger.model.audits import RecomputationStory, SealStory
from cashback.ledger.model.proofs import CashbackProof, Proved, ProvedAnchor
from cashback.ledger.rules.proofs import check_proof, read_proof
from cashback.ledger.service import Audits, CashbackChecker, Checker, Prover
from cashback.processes.anchored import Chain, events_of, is_published


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books are; the role may only read."""

    ledger_audit_dsn: Dsn


class ProofChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof proves, and the first anchor in it that the chain does not know; None too when nobody was asked."""

    proved: Proved
    flaw: Flaw | None


async def verify(settings: Settings, *, from_seal: int, chain: Chain | None, reached: Callable[[int], None]) -> Checked:
    """Return what the check found; with a `chain`, each root that stands there must be a seal here.

    Raises:
        SealUnknown: there is no seal before `from_seal`.
        Unavailable: the database or the node did not answer.
    """
    # Read first: what is published by then was sealed before.
    published = [] if chain is None else await events_of(chain)
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1) as database:
        return await Checker(database, published=published).check(from_seal=from_seal, reached=reached)


async def verify_cashbacks(
    settings: Settings, cashback_ids: Sequence[str], *, chain: Chain | None
) -> list[CheckedCashback]:
    """Return what the check of each cashback's lines found; with a `chain`, each of their anchors must stand there.

    Raises:
        CashbackUnknown, NothingPosted, ProofTooLong: there is no such cashback, no line of it, or too many.
        Unavailable: the database or the node did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1) as database:
        checked = [await CashbackChecker(database).check(cashback_id) for cashback_id in cashback_ids]
    return checked if chain is None else [await _on_chain(each, chain) for each in checked]


async def _on_chain(checked: CheckedCashback, chain: Chain) -> CheckedCashback:
    """Return a check whose flaw may also be an anchor that the chain does not know, or a missing one."""
    if checked.flaw is None and checked.unanchored + checked.waiting:
        place = f"the lines of {checked.cashback_id}"
        flaw = Flaw(fault=Fault.ANCHOR_UNKNOWN, place=place, expected="an anchor", found="not anchored yet")
        return msgspec.structs.replace(checked, flaw=flaw)
    for anchor in checked.anchors:
        proved = ProvedAnchor(
            root=anchor.root.hex(),
            up_to=str(anchor.up_to),
            lines=checked.lines,
            transaction_hash=anchor.standing.transaction_hash,
            minter=anchor.standing.minter,
            is_anchored=True,
        )
        if checked.flaw is None and not await is_published(chain, proved):
            return msgspec.structs.replace(checked, flaw=_unpublished(proved))
    return checked


async def prove(settings: Settings, cashback_id: str, *, position: int | None) -> CashbackProof:
    """Return the proof of a cashback's statement lines, or of the one at a position.

    Raises:
        CashbackUnknown, LineUnknown, NothingPosted, NotSealed, ProofTooLong: there is none, or not yet.
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1) as database:
        return await Prover(database).prove(cashback_id, position=position)


async def verify_proof(document: bytes, *, chain: Chain | None) -> ProofChecked:
    """Return what a file proves; with a `chain`, each of its roots must stand there.

    Raises:
        ProofInvalid: it proves nothing.
        ChainUnavailable: the node did not answer.
    """
    proved = check_proof(read_proof(document))
    if chain is None:
        return ProofChecked(proved=proved, flaw=None)
    for anchor in proved.anchors:
        if not await is_published(chain, anchor):
            return ProofChecked(proved=proved, flaw=_unpublished(anchor))
    return ProofChecked(proved=proved, flaw=None)


async def seals(settings: Settings, *, limit: int) -> tuple[list[SealStory], str | None]:
    """Return the newest seals, newest first, and the place of the next one; None when that was all.

    Raises:
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1) as database:
        return await Audits(database).seals(after=None, limit=limit)


async def recomputations(settings: Settings, *, limit: int) -> tuple[list[RecomputationStory], str | None]:
    """Return the newest computations of all balances, newest first, and the place of the next one, as `seals` does.

    Raises:
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1) as database:
        return await Audits(database).recomputations(after=None, limit=limit)


def _unpublished(anchor: ProvedAnchor) -> Flaw:
    """Return the flaw of a root that the chain does not know."""
    found = "no Anchored event" if anchor.is_anchored else "not anchored yet"
    return Flaw(
        fault=Fault.ANCHOR_UNKNOWN, place=f"anchor up to leaf {anchor.up_to}", expected=anchor.root, found=found
    )
