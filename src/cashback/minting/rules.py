"""Minting's decisions: what a request means beside what is known, what an outcome changes, when to try again."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.addresses import address_text
from cashback.kernel.backoff import delay_ms
from cashback.kernel.money import INT63_MAX
from cashback.minting.model import NUMBER_RETIRED, Halt, HaltKind, Inclusion, Mint, MintRequest, MintState, Outcome

RETRY_FIRST_MS: Final = 250
RETRY_LONGEST_MS: Final = 2_000
"""A neighbour that comes back is used again within two seconds, however long it was away."""

NO_REASON: Final = "unexplained"
NUMBER_USED_OTHERWISE: Final = "number_used_otherwise"
OPEN: Final = frozenset({MintState.REQUESTED, MintState.ACCEPTED})
"""States in which a mint has no outcome yet."""

_FINGERPRINT_DOMAIN: Final = b"cashback.mint.v1\0"


class Admit(msgspec.Struct, frozen=True):
    """The number is new, and every earlier number of its cashback is retired: it is stored."""


class Hasten(msgspec.Struct, frozen=True):
    """The mint is known and has no outcome: it is submitted again, now."""

    mint: Mint


class Republish(msgspec.Struct, frozen=True):
    """The mint is known and so is its outcome, which is told again under a new event id."""

    mint: Mint


class Refuse(msgspec.Struct, frozen=True):
    """The request contradicts what is known: minting halts, and its cashback is stuck unless another mint serves it."""

    halt: Halt
    is_cashback_stuck: bool


class Settle(msgspec.Struct, frozen=True):
    """The mint as it is after the outcome; its new state is told."""

    mint: Mint


class TakeBack(msgspec.Struct, frozen=True):
    """The mint as it is after its outcome became void: open, and due; it is told with the `place` that was replaced."""

    mint: Mint
    place: Inclusion


class Contradiction(msgspec.Struct, frozen=True):
    """The outcome cannot be true beside what is known: minting halts; `mint`, if any, is stuck from now on."""

    halt: Halt
    mint: Mint | None


class Unchanged(msgspec.Struct, frozen=True):
    """The outcome tells what is known already."""


class Settled(msgspec.Struct, frozen=True):
    """What a batch of outcomes changes together: mints as they are afterwards, halts, and how many told nothing new.

    `voids` has the replaced place, by number, of those mints that are open afterwards since their outcome was void.
    """

    mints: tuple[Mint, ...]
    halts: tuple[Halt, ...]
    unchanged: int
    voids: Mapping[int, Inclusion]


Judgement: TypeAlias = Admit | Hasten | Republish | Refuse
Settlement: TypeAlias = Settle | TakeBack | Contradiction | Unchanged


def fingerprint(*, cashback_id: str, recipient: bytes, amount: int) -> bytes:
    """Return the 32 bytes that stand for what is minted under a number; they differ when any of the three does.

    SHA-256 of a domain tag, the 20 bytes of the recipient, 8 bytes of the amount (big endian) and the cashback's id,
    which comes last because it alone has no fixed length.
    """
    return sha256(_FINGERPRINT_DOMAIN + recipient + amount.to_bytes(8) + cashback_id.encode()).digest()


def fingerprint_of(wish: MintRequest | Outcome) -> bytes:
    """Return the fingerprint of what a request asks for or an outcome tells of."""
    return fingerprint(cashback_id=wish.cashback_id, recipient=wish.recipient, amount=wish.amount)


def impossibility(request: MintRequest) -> str | None:
    """Return the stable code of why a request can never be minted, or None when it can."""
    if not 0 < request.number <= INT63_MAX:
        return "number_out_of_range"
    if not 0 < request.amount <= INT63_MAX:
        return "amount_out_of_range"
    if not any(request.recipient):
        return "recipient_zero"
    return None


def judge(request: MintRequest, *, by_number: Mint | None, of_cashback: Sequence[Mint]) -> Judgement:
    """Return what a request means beside the mint that has its number and all mints that its cashback has.

    A second number goes through only when every earlier one of the cashback is retired: no two can both be minted (I2).
    """
    live = next((mint for mint in of_cashback if not mint.is_retired), None)
    if by_number is None:
        return Admit() if live is None else Refuse(_second_number(request, live), is_cashback_stuck=False)
    if by_number.fingerprint != fingerprint_of(request):
        # The one whose number it is goes on; nobody else may be called stuck in its place.
        return Refuse(_foreign(request, by_number), is_cashback_stuck=live is None)
    return Hasten(by_number) if by_number.state in OPEN else Republish(by_number)


def settle(mint: Mint | None, outcome: Outcome) -> Settlement:
    """Return what an outcome changes; the same outcome again, in whatever epoch, changes nothing."""
    if mint is None:
        return Contradiction(_halt(HaltKind.UNREQUESTED_OUTCOME, outcome, "nobody requested this number"), None)
    if mint.fingerprint != fingerprint_of(outcome):
        detail = f"requested for {mint.cashback_id}: {mint.amount} to {address_text(mint.recipient)}"
        stuck = _stuck(mint, NUMBER_USED_OTHERWISE) if mint.state in OPEN else None
        return Contradiction(_halt(HaltKind.FOREIGN_OUTCOME, outcome, detail), stuck)
    if outcome.is_reverted and outcome.inclusion is not None:
        return _take_back(mint, outcome, outcome.inclusion)
    mint = msgspec.structs.replace(mint, reversals=max(mint.reversals, outcome.reversals))
    if outcome.inclusion is None:
        return _settle_failed(mint, outcome)
    return _settle_minted(mint, outcome, outcome.inclusion)


def settle_all(mints: Mapping[int, Mint], outcomes: Sequence[Outcome]) -> Settled:
    """Return what the outcomes change, each judged beside what those before it left; `mints` are the known ones."""
    known = dict(mints)
    changed: dict[int, Mint] = {}
    voids: dict[int, Inclusion] = {}
    halts: list[Halt] = []
    unchanged = 0
    for outcome in outcomes:
        mint: Mint | None = None
        match settle(known.get(outcome.number), outcome):
            case Settle(mint):
                pass
            case TakeBack(mint, place):
                voids[mint.number] = place
            case Contradiction(halt, mint):
                halts.append(halt)
            case Unchanged():
                unchanged += 1
        if mint is not None:
            known[mint.number] = changed[mint.number] = mint
            if mint.state not in OPEN:
                voids.pop(mint.number, None)
    return Settled(tuple(changed.values()), tuple(halts), unchanged, voids)


def retry_delay_ms(failures: int, *, jitter_per_mille: int) -> int:
    """Return how long to wait after the n-th failure in a row: doubling from 250 ms to 2 s, less up to a half.

    `jitter_per_mille` comes from the caller, 0 to 999, so that workers that failed together do not return together.

    >>> retry_delay_ms(1, jitter_per_mille=0), retry_delay_ms(3, jitter_per_mille=500)
    (250, 750)
    """
    return delay_ms(failures, first_ms=RETRY_FIRST_MS, longest_ms=RETRY_LONGEST_MS, jitter_per_mille=jitter_per_mille)


def _take_back(mint: Mint, outcome: Outcome, place: Inclusion) -> TakeBack | Unchanged:
    """Return what it changes that the outcome at `place` is void: nothing when another one is known.

    An open mint only counts it, so that what will be told of it comes after all that was told before.
    """
    if mint.is_retired:
        # Its cashback may have another number since: the adapter retires this one again, and never mints it.
        return Unchanged()
    if mint.state in OPEN:
        is_news = outcome.reversals > mint.reversals
        counted = msgspec.structs.replace(mint, reversals=outcome.reversals)
        return TakeBack(counted, place) if is_news else Unchanged()
    is_known = mint.inclusion == place if mint.state is MintState.MINTED else mint.reason == outcome.reason
    if not is_known:
        return Unchanged()
    reversals = max(mint.reversals + 1, outcome.reversals)
    reopened = msgspec.structs.replace(mint, state=MintState.ACCEPTED, inclusion=None, reason=None, reversals=reversals)
    return TakeBack(reopened, place)


def _settle_failed(mint: Mint, outcome: Outcome) -> Settlement:
    """Return what a failure changes: it never takes back a mint."""
    match mint.state:
        case MintState.MINTED:
            return Contradiction(_halt(HaltKind.CONTRADICTED_OUTCOME, outcome, "it was final as minted"), None)
        case MintState.STUCK:
            # Whatever it was stuck for: now nothing can be minted under its number, which lets its cashback go on.
            is_news = outcome.reason == NUMBER_RETIRED and mint.reason != NUMBER_RETIRED
            return Settle(_stuck(mint, NUMBER_RETIRED)) if is_news else Unchanged()
        case MintState.REQUESTED | MintState.ACCEPTED:
            return Settle(_stuck(mint, outcome.reason or NO_REASON))


def _settle_minted(mint: Mint, outcome: Outcome, inclusion: Inclusion) -> Settlement:
    """Return what a mint's log changes: it wins over everything but what else was final."""
    if mint.is_retired:
        # Its cashback may have been minted under another number since.
        return Contradiction(_halt(HaltKind.CONTRADICTED_OUTCOME, outcome, "its number was retired for good"), None)
    if mint.state is not MintState.MINTED:
        return Settle(
            msgspec.structs.replace(mint, state=MintState.MINTED, inclusion=inclusion, reason=None, submit_after=None)
        )
    if mint.inclusion == inclusion:
        return Unchanged()
    return Contradiction(_halt(HaltKind.CONTRADICTED_OUTCOME, outcome, "it was final in another block"), None)


def _stuck(mint: Mint, reason: str) -> Mint:
    """Return an open mint as stuck."""
    return msgspec.structs.replace(mint, state=MintState.STUCK, reason=reason, submit_after=None)


def _second_number(request: MintRequest, holder: Mint) -> Halt:
    """Return the halt for a cashback that is to be minted under two numbers."""
    detail = f"{request.cashback_id} was requested under number {holder.number} before"
    return Halt(kind=HaltKind.SECOND_NUMBER, number=request.number, cashback_id=request.cashback_id, detail=detail)


def _foreign(request: MintRequest, holder: Mint) -> Halt:
    """Return the halt for a number that is to be used for two different mints."""
    detail = (
        f"number {request.number} was requested for {holder.cashback_id}"
        f" ({holder.amount} to {address_text(holder.recipient)})"
        f" and then for {request.cashback_id} ({request.amount} to {address_text(request.recipient)})"
    )
    return Halt(
        kind=HaltKind.FOREIGN_FINGERPRINT, number=request.number, cashback_id=request.cashback_id, detail=detail
    )


def _halt(kind: HaltKind, outcome: Outcome, detail: str) -> Halt:
    """Return the halt for an outcome that cannot be true."""
    fact = (
        "failed" if outcome.inclusion is None else f"minted in transaction 0x{outcome.inclusion.transaction_hash.hex()}"
    )
    return Halt(
        kind=kind,
        number=outcome.number,
        cashback_id=outcome.cashback_id,
        detail=f"{outcome.amount} to {address_text(outcome.recipient)} was reported {fact}; {detail}",
    )
