"""What the simulated node answers is what a real node with the compiled contracts answers: one suite for both."""

import pytest

from cashback.chain.gateway.contracts import MINTER_ROLE, OPERATOR_ROLE
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.model import (
    Address,
    AnchoredLog,
    Attempt,
    Fees,
    MintedLog,
    RetiredLog,
    SeenLog,
    SkippedLog,
    Waiting,
)
from cashback.chain.rules import packing, reverts
from tests.simulation import scene
from tests.simulation.abi import error, padded, selector, uint
from tests.simulation.subjects import CAP, CAPACITY, PRICE, WINDOW_S, Subject

ALICE, BOB = Address(b"\xa1" * 20), Address(b"\xb0" * 20)
GWEI = scene.GWEI


def window(first: int, *words: bytes) -> bytes:
    """Return the calldata of `mintBatch`."""
    return selector("mintBatch(uint64,bytes32[])") + uint(first) + uint(64) + uint(len(words)) + b"".join(words)


def scattered(*entries: tuple[int, bytes]) -> bytes:
    """Return the calldata of `mintScattered`."""
    numbers = uint(len(entries)) + b"".join(uint(number) for number, _ in entries)
    words = uint(len(entries)) + b"".join(word for _, word in entries)
    return selector("mintScattered(uint64[],bytes32[])") + uint(64) + uint(64 + len(numbers)) + numbers + words


def word(to: bytes, amount: int) -> bytes:
    """Return one packed mint."""
    return packing.word(to, amount)


async def logs(subject: Subject) -> list[tuple[object, ...]]:
    """Return what the newest block says of numbers, in order."""
    return [_said(log) for log in await subject.blocks.logs_of([await subject.blocks.latest()])]


def _said(log: SeenLog) -> tuple[object, ...]:
    match log:
        case MintedLog():
            return ("minted", log.number, log.recipient, log.amount)
        case SkippedLog():
            return ("skipped", log.number, log.reason)
        case RetiredLog():
            return ("retired", log.number)
        case AnchoredLog():
            return ("anchored", log.root, log.up_to, log.minter)


async def revert_of(subject: Subject, calldata: bytes, *, sender: Address = scene.OPERATOR.address) -> bytes | None:
    """Return the revert data of a call on top of the head."""
    head = await subject.blocks.latest()
    return await subject.blocks.replay(sender=sender, target=subject.minter, calldata=calldata, block=head.number)


async def is_success(subject: Subject, sent: Attempt) -> bool:
    """Tell whether a mined transaction did what it should."""
    return (await subject.blocks.receipts([sent.hash]))[sent.hash].is_success


async def test_the_deployer_puts_the_contracts_there_and_the_policy_is_told(subject: Subject) -> None:
    """Creation, roles and views."""
    await subject.contracts.verify(scene.OPERATOR.address)
    policy = await subject.contracts.policy(scene.OPERATOR.address)
    assert (policy.available, policy.supply, policy.cap) == (CAPACITY, 0, CAP)
    assert (policy.is_paused, policy.is_operator, policy.is_minter, policy.pending_nonce) == (False, True, True, 0)
    stranger = await subject.contracts.policy(scene.OTHER_OPERATOR.address)
    assert (stranger.is_operator, stranger.gas_money_wei) == (False, 10**22)


@pytest.mark.invariant("I2")
async def test_a_window_mints_skips_and_passes_over_gaps(subject: Subject) -> None:
    """A number is minted once; what cannot be minted is skipped with its reason and stays free."""
    await subject.mined(scene.OPERATOR, window(254, word(ALICE, 5), bytes(32), word(BOB, 7)))
    assert await logs(subject) == [("minted", 254, ALICE, 5), ("minted", 256, BOB, 7)]
    again = window(254, word(ALICE, 5), word(bytes(20), 1), word(subject.token, 1), word(subject.minter, 1))
    await subject.mined(scene.OPERATOR, again)
    assert await logs(subject) == [
        ("skipped", 254, "number_used"),
        ("skipped", 255, "recipient_invalid"),
        ("skipped", 256, "number_used"),
        ("skipped", 257, "recipient_invalid"),
    ]
    await subject.mined(scene.OPERATOR, window(255, word(BOB, 2), bytes(32), word(BOB, 0)))
    assert await logs(subject) == [("minted", 255, BOB, 2), ("skipped", 257, "amount_zero")]
    balances, _ = await subject.contracts.balances([ALICE, BOB, Address(bytes(20))])
    assert balances == [5, 9, 0]


@pytest.mark.invariant("I2")
async def test_scattered_numbers_are_each_answered_and_a_retired_one_is_used(subject: Subject) -> None:
    """A zero word is no gap there; numbers may come in any order and twice."""
    await subject.mined(scene.OPERATOR, selector("retire(uint64)") + uint(900))
    assert await logs(subject) == [("retired", 900)]
    entries = ((41_000, word(ALICE, 1)), (3, word(BOB, 2)), (900, word(BOB, 3)), (4, bytes(32)), (3, word(BOB, 2)))
    sent = await subject.mined(scene.OPERATOR, scattered(*entries))
    assert await is_success(subject, sent)
    assert await logs(subject) == [
        ("minted", 41_000, ALICE, 1),
        ("minted", 3, BOB, 2),
        ("skipped", 900, "number_used"),
        ("skipped", 4, "recipient_invalid"),
        ("skipped", 3, "number_used"),
    ]
    await subject.mined(scene.OPERATOR, selector("retire(uint64)") + uint(3))
    assert await logs(subject) == [("skipped", 3, "number_used")]


async def test_a_call_uses_no_more_gas_than_the_adapter_signs_for(subject: Subject) -> None:
    """The bound holds for both, so neither runs out of gas."""
    waiting = [Waiting(number, Address(number.to_bytes(20)), 1) for number in range(1_000, 1_040)]
    [call] = packing.pack(waiting, packing.Limits(calls=1, mints=256, gas=16_000_000, amount=CAPACITY))
    sent, _ = await subject.offer(scene.OPERATOR, call.calldata, gas=call.gas)
    await subject.moves.mine()
    receipt = (await subject.blocks.receipts([sent.hash]))[sent.hash]
    assert receipt.is_success
    assert receipt.gas_used <= call.gas


async def test_what_stops_a_call_is_told_in_the_same_bytes(subject: Subject) -> None:
    """Role, pause, limit and size; a reverted call marks nothing and is mined all the same."""
    mint = window(1, word(ALICE, 10))
    missing = error("AccessControlUnauthorizedAccount(address,bytes32)", padded(ALICE), OPERATOR_ROLE).data
    assert await revert_of(subject, mint, sender=ALICE) == missing
    over = window(1, word(ALICE, CAPACITY + 1))
    assert (
        await revert_of(subject, over)
        == error("LimitExceeded(uint256,uint256)", uint(CAPACITY + 1), uint(CAPACITY)).data
    )
    large = window(1, *[word(ALICE, 1)] * 257)
    assert await revert_of(subject, large) == error("BatchTooLarge(uint256)", uint(257)).data
    beyond = window(2**64 - 1, word(ALICE, 1), word(ALICE, 1))
    assert await revert_of(subject, beyond) == error("WindowOutOfRange(uint64,uint256)", uint(2**64 - 1), uint(2)).data
    await subject.mined(scene.GUARDIAN, selector("pause()"))
    assert await revert_of(subject, mint) == error("EnforcedPause()").data
    sent = await subject.mined(scene.OPERATOR, mint)
    assert not await is_success(subject, sent)
    assert await logs(subject) == []
    assert (await subject.contracts.policy(scene.OPERATOR.address)).is_paused
    assert await revert_of(subject, selector("unpause()"), sender=scene.GUARDIAN.address) is not None
    await subject.mined(scene.ADMIN, selector("unpause()"))
    await subject.mined(scene.OPERATOR, mint)
    assert await logs(subject) == [("minted", 1, ALICE, 10)]


async def test_the_cap_undoes_the_whole_call(subject: Subject) -> None:
    """The supply never exceeds it, and nothing of the call is marked."""
    await subject.mined(scene.ADMIN, selector("setLimit(uint208,uint48)") + uint(2 * CAP) + uint(1))
    await subject.moves.mine_after(5)
    assert (
        await revert_of(subject, window(1, word(ALICE, CAP), word(BOB, 1)))
        == error("CapExceeded(uint256,uint256)", uint(CAP + 1), uint(CAP)).data
    )
    await subject.mined(scene.OPERATOR, window(1, word(ALICE, CAP)))
    assert await subject.contracts.supply((await subject.blocks.latest()).number) == CAP


async def test_the_limit_refills_linearly_with_the_time_of_blocks(subject: Subject) -> None:
    """What was used comes back within the window; a new limit keeps what was used."""
    await subject.mined(scene.OPERATOR, window(1, word(ALICE, CAPACITY)))
    for waits_s, available in ((100, CAPACITY * 100 // WINDOW_S), (150, CAPACITY * 250 // WINDOW_S)):
        await subject.moves.mine_after(waits_s)
        assert (await subject.contracts.policy(scene.OPERATOR.address)).available == available
    sent, _ = await subject.offer(
        scene.ADMIN, selector("setLimit(uint208,uint48)") + uint(CAPACITY // 2) + uint(WINDOW_S)
    )
    await subject.moves.mine_after(250)
    assert await is_success(subject, sent)
    assert (await subject.contracts.policy(scene.OPERATOR.address)).available == 0
    await subject.moves.mine_after(WINDOW_S)
    assert (await subject.contracts.policy(scene.OPERATOR.address)).available == CAPACITY // 2
    assert (await subject.contracts.policy(scene.OPERATOR.address)).supply == CAPACITY


async def test_the_role_passes_from_module_to_module_and_calls_in_flight_revert(subject: Subject) -> None:
    """In one transaction; the old module may mint no more."""
    handover = selector("replaceMinter(address,address)") + padded(subject.minter) + padded(subject.token)
    await subject.mined(scene.ADMIN, handover, to=subject.token)
    assert not await subject.contracts.has_role(subject.token, MINTER_ROLE, subject.minter)
    assert await subject.contracts.has_role(subject.token, MINTER_ROLE, subject.token)
    revert = await revert_of(subject, window(1, word(ALICE, 1)))
    assert reverts.reason(revert, gas=2, gas_used=1) == "role_missing"


@pytest.mark.invariant("I9")
async def test_the_pool_keeps_nonces_in_order_and_knows_what_it_holds(subject: Subject) -> None:
    """A gap waits, what closes it lets both be mined; the same bytes are known, old nonces used."""
    second, answer = await subject.offer(scene.OPERATOR, window(2, word(ALICE, 1)), nonce=1)
    assert answer == "accepted"
    assert await subject.send(second.raw) == "known"
    await subject.moves.mine()
    assert await subject.blocks.nonces(scene.OPERATOR.address, ["latest", "pending"]) == [0, 0]
    first, answer = await subject.offer(scene.OPERATOR, window(1, word(ALICE, 1)), nonce=0)
    assert answer == "accepted"
    assert await subject.blocks.nonces(scene.OPERATOR.address, ["latest", "pending"]) == [0, 2]
    before = (await subject.blocks.latest()).number
    await subject.moves.mine()
    assert await subject.blocks.nonces(scene.OPERATOR.address, ["latest", "pending"]) == [2, 2]
    assert await subject.blocks.mined_nonce(scene.OPERATOR.address, before) == 0
    assert await subject.send(first.raw) in {"nonce_used", "known"}
    _, answer = await subject.offer(scene.OPERATOR, window(9, word(BOB, 1)), nonce=0)
    assert answer == "nonce_used"


async def test_a_replacement_pays_more_or_is_refused(subject: Subject) -> None:
    """An eighth more is enough everywhere, the same price nowhere; what was replaced is never mined."""
    cheap, _ = await subject.offer(scene.OPERATOR, window(1, word(ALICE, 1)), nonce=0)
    assert (await subject.offer(scene.OPERATOR, window(2, word(ALICE, 1)), nonce=0))[1] == "outbid"
    enough = Fees(PRICE.max_fee_wei * 9 // 8, PRICE.tip_wei * 9 // 8)
    dear, answer = await subject.offer(scene.OPERATOR, window(3, word(ALICE, 1)), nonce=0, fees=enough)
    assert answer == "accepted"
    await subject.moves.mine()
    assert list(await subject.blocks.receipts([cheap.hash, dear.hash])) == [dear.hash]
    assert await logs(subject) == [("minted", 3, ALICE, 1)]


async def test_what_no_node_can_take_is_told_as_such(subject: Subject) -> None:
    """Too little gas is for good, too little money may pass."""
    assert (await subject.offer(scene.OPERATOR, window(1, word(ALICE, 1)), gas=20_000))[1] == "refused"
    dear = Fees(10**16, 1)
    assert (await subject.offer(scene.OPERATOR, window(1, word(ALICE, 1)), fees=dear))[1] == "no_funds"


async def test_the_base_fee_falls_by_an_eighth_with_each_empty_block(subject: Subject) -> None:
    """EIP-1559; the history of fees says the same as the headers."""
    await subject.moves.set_base_fee(80 * GWEI)
    await subject.moves.mine(4)
    latest = await subject.blocks.latest()
    fees = [header.base_fee_wei for header in await subject.blocks.headers(latest.number - 3, latest.number)]
    assert fees[0] == 80 * GWEI
    assert fees[1:] == [fee - fee // 8 for fee in fees[:-1]]
    [history] = await subject.node.ask([("eth_feeHistory", ["0x4", "latest", [50]])])
    following = fees[-1] - fees[-1] // 8
    assert [int(fee, 16) for fee in history["baseFeePerGas"]] == [*fees, following]


async def test_a_reorganisation_leaves_other_blocks_and_forgets_what_was_in_them(subject: Subject) -> None:
    """Heights stay, hashes change, receipts and nonces go; logs of a dead block are refused or empty."""
    await subject.moves.mine(2)
    sent = await subject.mined(scene.OPERATOR, window(1, word(ALICE, 1)))
    before = await subject.blocks.latest()
    await subject.moves.reorganise(1)
    after = await subject.blocks.latest()
    assert (after.number, after.parent_hash) == (before.number, before.parent_hash)
    assert after.hash != before.hash
    assert await subject.blocks.receipts([sent.hash]) == {}
    assert await subject.blocks.nonces(scene.OPERATOR.address, ["latest", "pending"]) == [0, 0]
    assert await subject.contracts.supply(after.number) == 0
    assert await subject.blocks.logs_of([after]) == []
    assert await subject.send(sent.raw) == "accepted"
    await subject.moves.mine()
    assert await logs(subject) == [("minted", 1, ALICE, 1)]


async def test_tags_and_old_states_are_told(subject: Subject) -> None:
    """Safe and final stand behind the head; what was at a block can be asked for; blocks to come are not there."""
    await subject.mined(scene.OPERATOR, window(1, word(ALICE, 4)))
    at = (await subject.blocks.latest()).number
    await subject.moves.mine(6)
    heads = await subject.blocks.heads()
    assert heads.safe is not None
    assert heads.final is not None
    assert [heads.latest.number - heads.safe.number, heads.latest.number - heads.final.number] == [2, 4]
    assert [await subject.contracts.supply(block) for block in (at - 1, at)] == [0, 4]
    assert await subject.blocks.headers(heads.latest.number, heads.latest.number + 3) == [heads.latest]
    reached, found = await subject.blocks.logs_from(0, heads.latest.number)
    assert (reached, [_said(log) for log in found]) == (heads.latest.number, [("minted", 1, ALICE, 4)])
    with pytest.raises(EndpointRefused):
        await subject.blocks.mined_nonce(scene.OPERATOR.address, heads.latest.number + 5)
