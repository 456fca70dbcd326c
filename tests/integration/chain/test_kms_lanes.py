"""Lanes whose keys are in a KMS: they mint beside others, wait while it is away, and send nothing but their own."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import structlog
from eth_keyfile.keyfile import create_keyfile_json

from cashback.chain.model import Address, Lane, Person
from cashback.chain.service.tenure import TTL_S
from cashback.chain.store import lanes as store
from cashback.kernel.config import Secret
from cashback.processes import adapter, signing
from tests.integration.chain.slow import SlowSigner
from tests.integration.chain.support import Bench, assembled, mint, running, serving
from tests.integration.chain.waiting import eventually
from tests.support.kms import REGION, KmsStandIn, StandInKey, Whim

PASSWORD = "open sesame"
OPERATOR = bytes.fromhex("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
"""Of the development mnemonic's account that may mint."""


@pytest.fixture
def keystore(tmp_path: Path) -> str:
    """Give a keystore file of the operator's key."""
    path = tmp_path / "operator.json"
    path.write_text(json.dumps(create_keyfile_json(OPERATOR, PASSWORD.encode(), kdf="pbkdf2", iterations=10)))
    return str(path)


@pytest.fixture
async def remote(service: KmsStandIn, settings: adapter.Settings) -> StandInKey:
    """Give a key of the service that may mint and can pay."""
    key = service.make("one")
    async with assembled(settings) as bench:
        await bench.people.employ(key.address)
    return key


@pytest.fixture
def alone(settings: adapter.Settings, service: KmsStandIn, remote: StandInKey) -> adapter.Settings:
    """Give the settings of an adapter whose only key is that one."""
    return msgspec.structs.replace(
        settings,
        key_mnemonic=Secret(""),
        key_kms_id="one",
        key_kms_region=REGION,
        key_kms_endpoint=service.url,
        key_kms_timeout_ms=1_500,
    )


@pytest.fixture
def beside(alone: adapter.Settings, keystore: str) -> adapter.Settings:
    """Give those of an adapter with a keystore as well."""
    return msgspec.structs.replace(alone, key_keystore=keystore, key_password=Secret(PASSWORD))


async def lanes_of(bench: Bench) -> list[Lane]:
    """Return every lane, as stored."""
    async with bench.database.transaction() as tx:
        return await store.lanes(tx)


async def are_open(bench: Bench, count: int) -> bool | None:
    """Tell whether so many lanes are open."""
    return True if len(await lanes_of(bench)) == count else None


async def senders(bench: Bench) -> set[str]:
    """Return who signed what the chain carries, as the node recovers it."""
    hashes = await bench.rows("select hash from chain.blockchain_transactions where block_number is not null")
    found = [await bench.lever.call("eth_getTransactionByHash", f"0x{row[0].hex()}") for row in hashes]
    return {one["from"] for one in found}


@pytest.mark.invariant("I2", "I9")
async def test_a_key_in_a_kms_mints_beside_one_in_a_keystore(beside: adapter.Settings, remote: StandInKey) -> None:
    """Each with its own nonces, and the node recovers both addresses from their transactions."""
    async with serving(msgspec.structs.replace(beside, batch_mints=5, slots_in_flight=4)) as bench:
        await eventually(lambda: are_open(bench, 2))
        for first in range(1, 201, 50):
            await bench.submit(*[mint(number) for number in range(first, first + 50)])
        await bench.settled(range(1, 201))
        addresses = {f"0x{lane.address.hex()}" for lane in await lanes_of(bench)}
        assert f"0x{remote.address.hex()}" in addresses
        assert await senders(bench) == addresses
        gaps = await bench.rows(
            "select lane, count(*) from chain.slots group by lane having count(*) <> max(nonce) - min(nonce) + 1"
        )
        assert gaps == []


@pytest.mark.invariant("I2", "I9")
async def test_a_keystore_hands_over_to_a_kms(beside: adapter.Settings, alone: adapter.Settings) -> None:
    """As between any two: named beside it, the old one drains, then it is taken out."""
    async with serving(beside) as bench:
        await eventually(lambda: are_open(bench, 2))
        await bench.submit(mint(1))
        await bench.settled([1])
        old = next(signer.address for signer in beside.signers())
        assert await bench.adapter.rotation.drain(old, by=Person("alice"), because="into the KMS")
        await bench.submit(mint(2))
        await bench.settled([2])
        await eventually(lambda: _is_drained(bench, old))
    with structlog.testing.capture_logs() as lines:
        async with serving(alone) as bench:
            await bench.submit(mint(3))
            await bench.settled([3])
    assert [line for line in lines if line["event"] == "lane.unattended"] == []


@pytest.mark.invariant("I2", "I4", "I9")
@pytest.mark.parametrize(
    "whim, reason, told",
    [
        ("fail", "key_unavailable", "KMSInternalException"),
        ("throttle", "key_unavailable", "ThrottlingException"),
        ("garbage", "key_unavailable", "no signature in DER"),
        ("foreign", "key_unavailable", "a signature of another key"),
        ("deny", "key_refused", "allow kms:GetPublicKey and kms:Sign"),
    ],
)
async def test_a_lane_waits_for_its_key_says_so_and_goes_on_by_itself(
    alone: adapter.Settings, service: KmsStandIn, remote: StandInKey, whim: Whim, reason: str, told: str
) -> None:
    """No nonce is reserved, nothing is stored or sent meanwhile, least of all another key's signature."""
    with structlog.testing.capture_logs() as lines:
        async with serving(alone) as bench:
            await eventually(lambda: are_open(bench, 1))
            service.always(whim)
            await bench.submit(*[mint(number) for number in range(1, 4)])
            await bench.waits_for(reason)
            await service.met(2)
            assert await bench.rows("select from chain.slots") == []
            assert await bench.rows("select from chain.blockchain_transactions") == []
            sent = await bench.lever.call("eth_getTransactionCount", f"0x{remote.address.hex()}", "pending")
            assert int(sent, 16) == 0
            assert [view.state for view in await bench.views([1, 2, 3])] == ["accepted"] * 3
            service.always(None)
            await bench.settled(range(1, 4))
            assert [lane.waits_for for lane in await lanes_of(bench)] == [None]
    said = [line for line in lines if line["event"] == "lane.waited" and line["reason"] == reason]
    assert len(said) == 1
    assert told in said[0]["problem"]


@pytest.mark.invariant("I9")
async def test_what_is_signed_is_sent_again_while_its_key_is_away(alone: adapter.Settings, service: KmsStandIn) -> None:
    """A dearer attempt waits for the key; the same bytes need none. With the key back it is replaced and mined.

    A mint that waits for the key as well says so once, and neither takes the other's word back.
    """
    with structlog.testing.capture_logs() as lines:
        async with serving(msgspec.structs.replace(alone, resend_ms=200)) as bench:
            await bench.lever.automine(is_on=False)
            await bench.submit(mint(1))
            await bench.reached([1], "submitted")
            await bench.sent()
            service.always("fail")
            await bench.lever.call("anvil_setNextBlockBaseFeePerGas", hex(50 * signing.GWEI))
            await bench.lever.mine()
            await bench.waits_for("replacement_unsigned")
            await bench.submit(mint(2))
            await bench.waits_for("key_unavailable")
            await eventually(lambda: _sent_often(bench))
            service.always(None)
            await bench.replaced()
            await bench.lever.automine(is_on=True)
            await bench.settled([1, 2])
            assert [lane.waits_for for lane in await lanes_of(bench)] == [None]
    said = [line["reason"] for line in lines if line["event"] == "lane.waited"]
    assert [said.count(reason) for reason in ("replacement_unsigned", "key_unavailable")] == [1, 1]


async def test_the_attempts_of_a_turn_are_signed_at_the_same_time(alone: adapter.Settings, service: KmsStandIn) -> None:
    """Four calls wait for the service once, not four times."""
    async with assembled(msgspec.structs.replace(alone, batch_mints=5)) as bench:
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        await lane._serve()
        service.delay_s = 0.3
        service.in_flight_max = 0
        await bench.submit(*[mint(number) for number in range(1, 21)])
        await lane._intake.sequencer.turn()
        assert service.in_flight_max == 4
        assert await bench.rows("select nonce from chain.slots order by nonce") == [(0,), (1,), (2,), (3,)]


async def test_one_that_is_not_signed_leaves_none(alone: adapter.Settings, service: KmsStandIn) -> None:
    """Of four calls one meets a foreign signature: no nonce is reserved, and none is missing later."""
    async with assembled(msgspec.structs.replace(alone, batch_mints=5)) as bench:
        [lane] = bench.adapter.lanes
        assert await lane._tenure.hold()
        await lane._serve()
        await bench.submit(*[mint(number) for number in range(1, 21)])
        service.once("foreign")
        await lane._intake.sequencer.turn()
        assert await bench.rows("select from chain.slots") == []
        [waiting] = await lanes_of(bench)
        assert (waiting.next_nonce, waiting.waits_for) == (0, "key_unavailable")


@pytest.mark.invariant("I9")
async def test_a_lease_is_renewed_beside_a_signature_that_takes_longer_than_it_lasts(alone: adapter.Settings) -> None:
    """The other adapter waits, and the lane stays with its holder, who comes too late to store and tries again."""
    async with assembled(alone) as first, assembled(alone) as second:
        lane, other = first.adapter.lanes[0], second.adapter.lanes[0]
        assert await lane._tenure.hold()
        await lane._serve()
        before = lane._tenure.token
        tokens: list[tuple[int | None, int | None]] = []

        async def slept() -> None:
            """Take longer than the lease lasts."""
            if not tokens:
                with suppress(TimeoutError):
                    async with asyncio.timeout(1.5 * TTL_S):
                        await asyncio.Event().wait()
            tokens.append((lane._tenure.token, other._tenure.token))

        lane._intake.sequencer._reserving._signer = SlowSigner(lane._intake.sequencer._reserving._signer, slept)
        async with running(lane.run, other.run, first.adapter.follower.run):
            await first.submit(mint(1))
            await first.settled([1])
        assert set(tokens) == {(before, None)}
        assert len(tokens) >= 2


async def _is_drained(bench: Bench, signer: Address) -> bool | None:
    """Tell whether a signer's lane is drained; a block is made before each look."""
    await bench.lever.mine()
    return any(lane.is_drained for lane in await lanes_of(bench) if lane.address == signer) or None


async def _sent_often(bench: Bench) -> bool | None:
    """Tell whether the only attempt was sent three times."""
    [(_, sends, _, _)] = await bench.attempts()
    return sends >= 3 or None
