"""`cashback ledger verify | prove`: the books' evidence checked from the rows, or a proof without any of them.

verify           database ──▶ rows, leaves, seals ──▶ first flaw         the chain's Anchored events, when asked
prove            database ──▶ one file
verify --proof   that file ──▶ lines, roots                              no database, no setting
"""

from collections.abc import Callable

import msgspec

from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.ledger.model import Checked, Fault, Flaw
from cashback.ledger.model.proofs import Proof, Proved, ProvedAnchor
from cashback.ledger.rules.proofs import check_proof, read_proof
from cashback.ledger.service import Checker, Prover
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


async def prove(settings: Settings, cashback_id: str) -> Proof:
    """Return the proof of a cashback's statement lines.

    Raises:
        CashbackUnknown, NotSealed, ProofTooLong: there is none, or not yet.
        Unavailable: the database did not answer.
    """
    async with Database.open(settings.ledger_audit_dsn.value, name="cashback ledger", connections_max=1) as database:
        return await Prover(database).prove(cashback_id)


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


def _unpublished(anchor: ProvedAnchor) -> Flaw:
    """Return the flaw of a root that the chain does not know."""
    found = "no Anchored event" if anchor.is_anchored else "not anchored yet"
    return Flaw(
        fault=Fault.ANCHOR_UNKNOWN, place=f"anchor up to leaf {anchor.up_to}", expected=anchor.root, found=found
    )
