"""What must hold of a world that has come to rest, asked of the chain itself and of the database by other eyes.

Each function returns its complaints; none means that it holds.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from cashback.chain.gateway.decoding import ANCHORED, MINTED, RETIRED
from tests.simulation import scene
from tests.simulation.world import World

_OUTCOMES = """
select outcomes.sequence, outcomes.kind, mints.number, mints.recipient, mints.amount,
       mints.transaction_hash, mints.block_number, mints.block_hash
from chain.outcomes
join chain.mints using (number)
where outcomes.kind <> 'reverted'
  and outcomes.reversals = mints.reversals
order by sequence
"""
"""What a reader hears by the end: an outcome that was taken back is told no more."""
_WRITTEN: Final = "select count(*), coalesce(max(sequence), 0) from chain.outcomes"
"""Void ones count: they keep their places."""

_SLOTS = """
select slots.nonce, slots.state, slots.block_number, slots.block_hash,
       (select array_agg(hash) from chain.blockchain_transactions as attempts
        where attempts.lane = slots.lane and attempts.nonce = slots.nonce and attempts.block_number is not null)
from chain.slots
order by nonce
"""

_ANCHORS: Final = """
select up_to, state, root, transaction_hash, block_number, block_hash
from chain.anchors
"""


def complaints(world: World) -> list[str]:
    """Return everything that does not hold."""
    rules = (
        minted_or_retired_once,
        one_mint_per_cashback,
        never_sent_unstored,
        nonces_in_order,
        outcomes_are_the_chains,
        anchored_once_or_superseded,
        nothing_halted,
    )
    return [complaint for rule in rules for complaint in rule(world)]


def minted_or_retired_once(world: World) -> Iterator[str]:
    """I2: every number was minted exactly once, as it was asked for, or retired because that was ordered."""
    retired = Counter(number for number, *_ in _retirements(world))
    minted = Counter((number, recipient, amount) for number, recipient, amount, *_ in _logs(world))
    wanted = {(mint.number, bytes(mint.recipient), mint.amount) for mint in world.wanted.values()}
    yield from (f"I2: {number} was minted {count} times" for (number, _, _), count in minted.items() if count != 1)
    yield from (f"I2: {number} was retired {count} times" for number, count in retired.items() if count != 1)
    both = {number for number, _, _ in minted} & set(retired)
    yield from (f"I2: {number} was minted and retired" for number in both)
    yield from (f"I2: {number} was retired, and nobody ordered it" for number in set(retired) - world.orders.cancelled)
    missing = {number for number, _, _ in wanted - set(minted)} - set(retired)
    yield from (f"I2: {number} was never minted" for number in sorted(missing))
    yield from (f"I2: {number} was minted, but never like that asked for" for number, _, _ in set(minted) - wanted)


def one_mint_per_cashback(world: World) -> Iterator[str]:
    """I2: whatever was cancelled and requested under another number, no cashback was minted twice."""
    minted = Counter(world.wanted[number].cashback_id for number, *_ in _logs(world) if number in world.wanted)
    yield from (f"I2: {cashback_id} was minted {count} times" for cashback_id, count in minted.items() if count > 1)


def never_sent_unstored(world: World) -> Iterator[str]:
    """I3: no node was ever offered a transaction that was not stored before."""
    yield from (f"I3: {transaction} was sent and not stored" for transaction in world.unstored)


def nonces_in_order(world: World) -> Iterator[str]:
    """I9: nonces are contiguous, each is final in our records with the one transaction that the chain has mined."""
    mined = [
        (one.signed.nonce, block.number, block.hash, one.signed.hash)
        for block in world.chain.branch
        for one in block.mined
        if one.signed.sender == scene.OPERATOR.address
    ]
    slots = world.witness.execute(_SLOTS).fetchall()
    if [nonce for nonce, *_ in mined] != list(range(len(mined))):
        yield f"I9: the chain has mined the nonces {[nonce for nonce, *_ in mined]}"
    if [(*place, [hash_]) for *place, hash_ in mined] != [
        (nonce, number, hash_, attempts) for nonce, _, number, hash_, attempts in slots
    ]:
        yield f"I9: the chain has mined {mined}, recorded is {slots}"
    yield from (f"I9: nonce {nonce} is {state}" for nonce, state, *_ in slots if state != "final")


def outcomes_are_the_chains(world: World) -> Iterator[str]:
    """I10: outcomes are dense, and each is the canonical log of its number, be it of its mint or its retirement."""
    outcomes = world.witness.execute(_OUTCOMES).fetchall()
    [(written, last)] = world.witness.execute(_WRITTEN).fetchall()
    if written != last:
        yield f"I10: of {last} outcomes {written} are there: {[sequence for sequence, *_ in outcomes]}"
    if sorted(number for _, _, number, *_ in outcomes) != sorted(world.wanted):
        yield f"I10: of {sorted(world.wanted)} those have an outcome: {[number for _, _, number, *_ in outcomes]}"
    logs = sorted(_logs(world))
    for number, hash_, block_number, block_hash in _retirements(world):
        asked = world.wanted[number]
        logs.append((number, bytes(asked.recipient), asked.amount, hash_, block_number, block_hash))
    told = sorted(tuple(outcome) for _, _, *outcome in outcomes)
    yield from (f"I10: the chain has {log}, told was otherwise" for log in logs if log not in told)
    yield from (f"I10: told was {outcome}, the chain has otherwise" for outcome in told if outcome not in logs)
    kinds = {number: kind for _, kind, number, *_ in outcomes}
    truth = {number: "minted" for number, *_ in _logs(world)} | {n: "failed" for n, *_ in _retirements(world)}
    yield from (f"I10: {number} is told to be {kind}" for number, kind in kinds.items() if truth.get(number) != kind)
    supply = sum(amount for _, _, amount, *_ in _logs(world))
    if supply != scene.token_of(world.chain).supply:
        yield f"I10: the logs add up to {supply}, the supply is {scene.token_of(world.chain).supply}"


def anchored_once_or_superseded(world: World) -> Iterator[str]:
    """Every accepted anchor is final with its one canonical log, or was superseded and has none; and they rise."""
    logs = [
        (int.from_bytes(topics[2]), topics[1], hash_, number, block_hash)
        for topics, _, hash_, number, block_hash in _logs_of(world, scene.MINTER, ANCHORED)
    ]
    places = [up_to for up_to, *_ in logs]
    if places != sorted(set(places)) and not world.is_treacherous:
        yield f"anchors: the chain has {places}"
    stored = {up_to: found for up_to, *found in world.witness.execute(_ANCHORS).fetchall()}
    yield from (f"anchors: {up_to} was accepted, and is gone" for up_to in sorted(world.notary.accepted - set(stored)))
    yield from (f"anchors: {up_to} was never asked for" for up_to in places if up_to not in world.notary.asked)
    for up_to, (state, root, *place) in stored.items():
        if root != world.notary.asked[up_to].root:
            yield f"anchors: {up_to} has another root than was asked for"
        if state == "final" and (up_to, root, *place) not in logs:
            yield f"anchors: {up_to} is told to be at {place}, the chain has {logs}"
        if state == "superseded" and up_to in places and not world.is_treacherous:
            yield f"anchors: {up_to} was superseded, and the chain has it"
        if state not in ("final", "superseded"):
            yield f"anchors: {up_to} is {state}"
    newest = max(stored, default=None)
    if newest is not None and stored[newest][0] != "final":
        yield f"anchors: {newest} is the newest, and is {stored[newest][0]}"


def nothing_halted(world: World) -> Iterator[str]:
    """Nothing that heals by itself has stopped minting."""
    row = world.witness.execute("select halted_reason from chain.network").fetchone()
    if row != (None,):
        yield f"halted: {row}"


def _logs(world: World) -> Iterator[tuple[int, bytes, int, bytes, int, bytes]]:
    """Yield the canonical mint logs: number, recipient, amount, transaction, block and its hash."""
    for topics, data, hash_, number, block_hash in _token_logs(world, MINTED):
        yield int.from_bytes(topics[1]), topics[2][12:], int.from_bytes(data), hash_, number, block_hash


def _retirements(world: World) -> Iterator[tuple[int, bytes, int, bytes]]:
    """Yield the canonical retirements: number, transaction, block and its hash."""
    for topics, _, hash_, number, block_hash in _token_logs(world, RETIRED):
        yield int.from_bytes(topics[1]), hash_, number, block_hash


def _token_logs(world: World, kind: bytes) -> Iterator[tuple[list[bytes], bytes, bytes, int, bytes]]:
    """Yield the canonical logs of one kind: topics, data, transaction, block and its hash."""
    return _logs_of(world, scene.TOKEN, kind)


def _logs_of(world: World, emitter: bytes, kind: bytes) -> Iterator[tuple[list[bytes], bytes, bytes, int, bytes]]:
    """Yield the canonical logs of one kind and contract, as `_token_logs`."""
    for block in world.chain.branch:
        for one in block.mined:
            for address, topics, data in one.done.logs:
                if address == emitter and topics[0] == kind:
                    yield topics, data, one.signed.hash, block.number, block.hash
