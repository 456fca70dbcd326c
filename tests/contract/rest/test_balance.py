"""The chain's word beside the ledger's (fallback): shown with its block, or told stale, and never waited for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from grpclib.const import Status

from cashback.ledger.gateway import adapter as gateway
from cashback.purchases.model import Merchant, User
from cashback.wire.cashback.chain.v1 import (
    GetBalancesRequest,
    GetBalancesResponse,
    GetMintsResponse,
    GetMintsResponseEntry,
    MintState,
)
from tests.contract.rest.adapter import HOST, ScriptedAdapter
from tests.contract.rest.world import Caller, open_rest
from tests.integration.ledger.world import World, buy
from tests.support.facts import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENT_S = 30.0
HASH = bytes(range(32))


class Stage(msgspec.Struct, frozen=True):
    """An operator, the adapter behind the API, and a user with one cashback whose mint was requested."""

    operator: Caller
    adapter: ScriptedAdapter
    user: User
    merchant: Merchant
    cashback_id: str
    mint_number: int


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(world: World) -> AsyncIterator[Stage]:
    """Give an API with an adapter."""
    await world.programme()
    user, merchant = await world.user(), await world.merchant()
    [answer] = await world.record(buy(user, merchant))
    await world.request()
    number = await world.one("select mint_number from ledger.cashback_ledger where id = %s", answer.cashback.id)
    async with ScriptedAdapter.serving() as adapter, open_rest(world, adapter_address=adapter.address) as rest:
        yield Stage(await rest.operator(), adapter, user, merchant, answer.cashback.id, int(str(number)))


@pytest.fixture(autouse=True)
def well(stage: Stage) -> None:
    """Begin each test with an adapter that works."""
    stage.adapter.is_hanging, stage.adapter.refusal = False, None
    stage.adapter.answers = {"GetBalances": balances("1500000"), "GetMints": mints(stage.mint_number)}
    stage.adapter.asked.clear()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the API wait for the adapter, for tests about what that says and not about when."""
    monkeypatch.setattr(gateway, "DEADLINE_S", PATIENT_S)
    monkeypatch.setattr(gateway, "_deadline", partial(gateway._deadline, within_s=PATIENT_S))


def balances(*units: str, block_hash: bytes = HASH) -> bytes:
    """Return an answer to GetBalances."""
    return bytes(GetBalancesResponse(balances=list(units), block_number=77, block_hash=block_hash))


def mints(number: int, *, state: int = MintState.INCLUDED, **changes: object) -> bytes:
    """Return an answer to GetMints."""
    entry = GetMintsResponseEntry(
        number=number,
        state=state,  # type: ignore[arg-type]  # the wire carries any number
        **{"transaction_hash": HASH, "block_number": 76, "included_at_ms": 1_772_366_400_000, **changes},  # type: ignore[arg-type]  # fields of the entry
    )
    return bytes(GetMintsResponse(entries=[entry]))


async def balance_of(stage: Stage) -> dict[str, Any]:
    """Return the balance, which must come whatever the adapter does: one that hangs never answers."""
    response = await stage.operator.get(f"/v1/users/{stage.user.id}/balance")
    assert response.status_code == 200
    balance: dict[str, Any] = response.json()
    # Whatever the chain says or does not, the ledger's figures stand.
    [figures] = balance["ledger"]
    assert figures["in_flight"] == {"cashbacks": 1, "amount_minor": "150", "token_units": "1500000"}
    return balance


async def mint_of(stage: Stage) -> dict[str, Any]:
    """Return the mint, which must come too."""
    response = await stage.operator.get(f"/v1/cashback/{stage.cashback_id}")
    assert response.status_code == 200
    mint: dict[str, Any] = response.json()["mint"]
    assert (mint["number"], mint["recipient"]) == (str(stage.mint_number), stage.user.wallet)
    return mint


@pytest.mark.usefixtures("patient")
async def test_a_balance_is_told_with_its_block(stage: Stage) -> None:
    """Both figures, and the adapter was asked for the user's own wallet."""
    balance = await balance_of(stage)
    figure = {"token_units": "1500000", "block_number": "77", "block_hash": "0x" + HASH.hex()}
    assert (balance["on_chain"], balance["is_stale"]) == (figure, False)
    [(call, asked)] = stage.adapter.asked
    assert call == "GetBalances"
    assert GetBalancesRequest.parse(asked).addresses == [bytes.fromhex(str(stage.user.wallet)[2:])]


@pytest.mark.usefixtures("patient")
async def test_a_balance_beyond_64_bits_is_told_exactly(stage: Stage) -> None:
    """What others do with the token has no bound of ours."""
    stage.adapter.answers["GetBalances"] = balances(str(2**256 - 1))
    balance = await balance_of(stage)
    assert balance["on_chain"]["token_units"] == str(2**256 - 1)


async def test_without_a_wallet_the_chain_is_not_asked(world: World, stage: Stage) -> None:
    """There is nothing on the chain, and nothing stale about that."""
    user = await world.user(wallet=None)
    await world.record(buy(user, stage.merchant))
    balance = (await stage.operator.get(f"/v1/users/{user.id}/balance")).json()
    assert (balance["wallet"], balance["on_chain"], balance["is_stale"]) == (None, None, False)
    assert balance["ledger"][0]["waiting"]["cashbacks"] == 1
    assert stage.adapter.asked == []


@pytest.mark.usefixtures("patient")
async def test_a_mint_in_flight_is_told_as_the_chain_sees_it(stage: Stage) -> None:
    """Its live state, transaction and block, before any event has told the ledger."""
    mint = await mint_of(stage)
    assert (mint["chain_state"], mint["is_stale"]) == ("included", False)
    assert (mint["transaction_hash"], mint["block_number"]) == ("0x" + HASH.hex(), "76")
    assert (mint["included_at"], mint["final_at"]) == ("2026-03-01T12:00:00Z", None)


async def test_an_adapter_that_is_down_makes_it_stale_and_comes_back(stage: Stage) -> None:
    """Nothing has to be restarted on either side."""
    await stage.adapter.go_down()
    assert await _is_stale(stage)
    await stage.adapter.go_up()
    await _is_told_again(stage)


async def test_an_adapter_that_hangs_makes_it_stale_and_is_asked_again(stage: Stage) -> None:
    """The deadline is ours, not the adapter's."""
    stage.adapter.is_hanging = True
    assert await _is_stale(stage)
    stage.adapter.is_hanging = False
    await _is_told_again(stage)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "status", [Status.UNAVAILABLE, Status.INTERNAL, Status.UNIMPLEMENTED, Status.DEADLINE_EXCEEDED]
)
async def test_an_adapter_that_refuses_makes_it_stale(stage: Stage, status: Status) -> None:
    """Whatever it complains of, the ledger's figures are known."""
    stage.adapter.refusal = status
    assert await _is_stale(stage)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"\xff\xff\xff", id="no-message"),
        pytest.param(b"\x0a\x02\xff\xfe", id="no-text"),
        pytest.param(b"\x08\x01", id="another-type"),
        pytest.param(b"\x0a\xff\xff\xff\xff\x0f", id="cut-off"),
        pytest.param(b"", id="nothing"),
        pytest.param(balances("1", "2"), id="two-balances"),
        pytest.param(balances("-1"), id="negative"),
        pytest.param(balances("1.5"), id="fractional"),
        pytest.param(balances("٣"), id="other-digits"),
        pytest.param(balances("9" * 79), id="beyond-256-bits"),
        pytest.param(balances("1", block_hash=b"short"), id="half-a-hash"),
    ],
)
async def test_a_balance_that_is_nonsense_is_none(stage: Stage, answer: bytes) -> None:
    """What the contract does not allow is not passed on as a figure."""
    stage.adapter.answers["GetBalances"] = answer
    balance = await balance_of(stage)
    assert (balance["on_chain"], balance["is_stale"]) == (None, True)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"state": 99}, id="no-state"),
        pytest.param({"state": 0}, id="state-missing"),
        pytest.param({"transaction_hash": b"short"}, id="half-a-hash"),
        pytest.param({"included_at_ms": 2**63}, id="beyond-the-calendar"),
    ],
)
async def test_a_mint_that_is_nonsense_is_told_stale(stage: Stage, changes: dict[str, object]) -> None:
    """The ledger's part of its story stands."""
    stage.adapter.answers["GetMints"] = mints(stage.mint_number, **changes)  # type: ignore[arg-type]  # as in `mints`
    mint = await mint_of(stage)
    assert (mint["chain_state"], mint["is_stale"], mint["transaction_hash"]) == (None, True, None)


@pytest.mark.usefixtures("patient")
async def test_a_mint_the_adapter_does_not_tell_of_is_told_stale(stage: Stage) -> None:
    """An answer about another number is none about this one."""
    stage.adapter.answers["GetMints"] = mints(stage.mint_number + 1)
    assert (await mint_of(stage))["is_stale"] is True


@asynccontextmanager
async def somebody(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """Yield the address of a server that is no adapter at all."""
    server = await asyncio.start_server(talk, HOST, 0)
    try:
        yield f"{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _rude(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hang up at once."""
    writer.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Listen and say nothing."""
    await reader.read()
    writer.close()


async def _foreign(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak HTTP/1.1."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nno\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("talk", [_rude, _silent, _foreign])
async def test_somebody_else_on_the_adapters_port_makes_it_stale(
    world: World, stage: Stage, talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    """Be it silent, rude, or of another protocol."""
    async with somebody(talk) as address, open_rest(world, adapter_address=address) as rest:
        misled = msgspec.structs.replace(stage, operator=await rest.operator())
        assert await _is_stale(misled)
        assert await _is_stale(misled)


async def _is_told_again(stage: Stage) -> None:
    """Return once the adapter's word is told, on both questions."""

    async def look() -> bool | None:
        return None if await _is_stale(stage) else True

    await eventually(look, within_s=PATIENT_S, what="the adapter's word is told again")


async def _is_stale(stage: Stage) -> bool:
    """Tell whether balance and mint are told stale; both or neither are."""
    balance, mint = await balance_of(stage), await mint_of(stage)
    assert (balance["on_chain"] is None, mint["chain_state"] is None) == (balance["is_stale"], mint["is_stale"])
    return bool(balance["is_stale"] or mint["is_stale"])
