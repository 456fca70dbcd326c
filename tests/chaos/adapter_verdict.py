"""What must be true of chain and database once the adapter has come to rest, whatever ended it on the way."""

from collections import Counter

from tests.chaos.adapter_stage import Stage

_ATTEMPTS = """
select lane_addresses.address, slots.nonce, slots.state,
       (select array_agg(hash) from chain.blockchain_transactions as attempts
        where attempts.lane = slots.lane and attempts.nonce = slots.nonce and attempts.block_number is not null)
from chain.slots
join chain.lanes as lane_addresses on lane_addresses.id = slots.lane
order by slots.lane, slots.nonce
"""
_OUTCOMES = """
select outcomes.sequence, outcomes.kind, mints.number
from chain.outcomes
join chain.mints using (number)
order by outcomes.sequence
"""


async def assert_minted_once(stage: Stage) -> None:
    """Assert that each mint that was accepted stands on the chain once as it was asked for, and nothing else (I2)."""
    minted = Counter((log.number, log.recipient, log.amount) for log in await stage.reader.mint_logs())
    assert minted == {(one.number, f"0x{one.recipient.hex()}", one.amount): 1 for one in stage.wanted.values()}
    assert await stage.reader.supply() == sum(one.amount for one in stage.wanted.values())


async def assert_nonces_in_order(stage: Stage) -> None:
    """Assert that each signer's nonces are contiguous from 0, in records and chain, one transaction each (I9)."""
    await stage.assert_written_ahead()
    mined = sorted(await stage.mined())
    by_signer: dict[str, list[int]] = {}
    for signer, nonce, _ in mined:
        by_signer.setdefault(signer, []).append(nonce)
    assert by_signer == {signer: list(range(len(nonces))) for signer, nonces in by_signer.items()}
    recorded = [(f"0x{row[0].hex()}", *row[1:3], [f"0x{one.hex()}" for one in row[3]]) for row in stage.rows(_ATTEMPTS)]
    assert sorted(recorded) == [(signer, nonce, "final", [hash_]) for signer, nonce, hash_ in mined]
    next_nonces = {f"0x{row[0].hex()}": row[1] for row in stage.rows("select address, next_nonce from chain.lanes")}
    assert {signer: nonce for signer, nonce in next_nonces.items() if nonce} == {
        signer: len(nonces) for signer, nonces in by_signer.items()
    }


def assert_told_once(stage: Stage) -> None:
    """Assert that each mint has one outcome, in a sequence without a gap, and that nothing was halted."""
    outcomes = stage.rows(_OUTCOMES)
    assert [sequence for sequence, _, _ in outcomes] == list(range(1, len(stage.wanted) + 1))
    assert sorted((number, kind) for _, kind, number in outcomes) == [(one, "minted") for one in sorted(stage.wanted)]
    assert stage.rows("select halted_reason from chain.network") == [(None,)]
    assert stage.rows("select * from chain.halt_journal") == []
