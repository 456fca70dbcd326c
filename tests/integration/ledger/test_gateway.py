"""The way to the adapter: nonsense is named as what it is, and a mistake of ours is not taken for the adapter's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeAlias

import pytest
from grpclib.const import Status

from cashback.chain import model as chain_model
from cashback.chain.gateway import jsonrpc, quorum
from cashback.chain.rpc.errors import refused
from cashback.ledger.gateway import CHAIN_FAILURES, Adapter
from cashback.ledger.model import (
    AdapterUnavailable,
    AdapterUnintelligible,
    ChainUnavailable,
    ContractStanding,
    SignatureMisshapen,
)
from cashback.wire.cashback.chain import v1
from tests.contract.rest.adapter import ScriptedAdapter

NO_MESSAGE: Final = b"\x0a\x02\x0a\xff"
NO_TEXT: Final = b"\x0a\x02\xff\xfe"
ANOTHER_TYPE: Final = b"\x08\x01"
HASH: Final = bytes(32)
LOG: Final = v1.ListMintLogsResponseLog(number=1, recipient=bytes(20), amount="1", transaction_hash=HASH)

Call: TypeAlias = Callable[[Adapter], Awaitable[object]]

CALLS: Final[dict[str, Call]] = {
    "GetBalances": lambda adapter: adapter.balance("0x" + "ab" * 20),
    "GetMints": lambda adapter: adapter.mints([1]),
    "ListMintLogs": lambda adapter: adapter.mint_logs(from_block=0),
    "GetStatus": lambda adapter: adapter.status(),
    "VerifySignature": lambda adapter: adapter.verify_signature("0x" + "ab" * 20, HASH, b""),
}

COLUMNS: Final = v1.ListMintLogsResponseColumns(
    numbers=(7).to_bytes(8),
    recipients=b"\x01" * 20,
    amounts=(10**20).to_bytes(32),
    block_numbers=(3).to_bytes(8),
    transaction_hashes=HASH,
)


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedAdapter]:
    """Give an adapter that answers what the test wants."""
    async with ScriptedAdapter.serving() as adapter:
        yield adapter


def logs(*found: v1.ListMintLogsResponseLog, supply: str = "1", burned: str = "0", block_hash: bytes = HASH) -> bytes:
    """Return an answer to ListMintLogs."""
    return bytes(
        v1.ListMintLogsResponse(
            logs=list(found),
            covered_to_block=9,
            at_block=9,
            at_block_hash=block_hash,
            total_supply=supply,
            burned=burned,
        )
    )


def columns(told: v1.ListMintLogsResponseColumns | None) -> bytes:
    """Return an answer to ListMintLogs in columns."""
    return bytes(v1.ListMintLogsResponse(columns=told, covered_to_block=9, at_block=9, at_block_hash=HASH, burned="0"))


def status(gas_money_wei: str) -> bytes:
    """Return an answer to GetStatus."""
    return bytes(v1.GetStatusResponse(lanes=[v1.GetStatusResponseLane(address=HASH[:20], gas_money_wei=gas_money_wei)]))


async def test_what_the_contract_allows_is_understood(scripted: ScriptedAdapter) -> None:
    """Or the refusals below would mean nothing."""
    scripted.answers = {"ListMintLogs": logs(LOG), "GetStatus": status("7")}
    async with Adapter.open(scripted.address) as adapter:
        [log] = (await adapter.mint_logs(from_block=0)).logs
        [lane] = (await adapter.status()).lanes
    assert (log.number, log.amount, lane.gas_money_wei) == (1, 1, 7)


@pytest.mark.parametrize(
    "call, answer",
    [
        *((call, NO_MESSAGE) for call in CALLS),
        *((call, ANOTHER_TYPE) for call in ("GetBalances", "GetMints", "ListMintLogs")),
        ("GetBalances", NO_TEXT),
        ("GetBalances", b""),
        ("ListMintLogs", logs(LOG, burned="")),
        ("ListMintLogs", logs(LOG, burned="-1")),
        ("ListMintLogs", logs(LOG, supply="1.5")),
        ("ListMintLogs", logs(LOG, block_hash=b"short")),
        ("ListMintLogs", logs(v1.ListMintLogsResponseLog(number=1, recipient=bytes(20), amount="x"))),
        ("ListMintLogs", logs(v1.ListMintLogsResponseLog(number=1, recipient=b"", amount="1", transaction_hash=HASH))),
        ("GetStatus", status("x")),
        ("GetStatus", status("")),
        ("VerifySignature", b""),
        ("VerifySignature", bytes(v1.VerifySignatureResponse(verdict=v1.SignatureVerdict.OWNER))),
        ("VerifySignature", bytes(v1.VerifySignatureResponse(verdict=v1.SignatureVerdict(9), chain_id=1))),
    ],
)
async def test_nonsense_is_called_unintelligible(scripted: ScriptedAdapter, call: str, answer: bytes) -> None:
    """Whatever is wrong with it, and whoever asked: people get the ledger's figures, operators exit code 5."""
    scripted.answers = {call: answer}
    async with Adapter.open(scripted.address) as adapter:
        with pytest.raises(AdapterUnintelligible):
            await CALLS[call](adapter)


async def test_logs_in_columns_are_understood(scripted: ScriptedAdapter) -> None:
    """Or the refusals below would mean nothing."""
    scripted.answers = {"ListMintLogs": columns(COLUMNS)}
    async with Adapter.open(scripted.address) as adapter:
        page = await adapter.mint_columns(from_block=0)
    assert (page.numbers, page.recipients) == ((7).to_bytes(8), b"\x01" * 20)
    assert (int.from_bytes(page.amounts), int.from_bytes(page.block_numbers)) == (10**20, 3)
    assert page.transaction_hashes == HASH


@pytest.mark.parametrize(
    "told",
    [
        None,
        replace(COLUMNS, numbers=b"short"),
        replace(COLUMNS, numbers=bytes(16)),
        replace(COLUMNS, recipients=b""),
        replace(COLUMNS, amounts=bytes(31)),
        replace(COLUMNS, block_numbers=bytes(9)),
        replace(COLUMNS, transaction_hashes=bytes(64)),
    ],
)
async def test_columns_of_different_lengths_are_unintelligible(
    scripted: ScriptedAdapter, told: v1.ListMintLogsResponseColumns | None
) -> None:
    """A log would be given another one's amount."""
    scripted.answers = {"ListMintLogs": columns(told)}
    async with Adapter.open(scripted.address) as adapter:
        with pytest.raises(AdapterUnintelligible):
            await adapter.mint_columns(from_block=0)


async def test_what_the_contracts_say_of_themselves_is_understood(scripted: ScriptedAdapter) -> None:
    """Absent means that nobody told, and not that a role is lost."""
    told = v1.GetStatusResponseStanding(decimals=8, is_minter=True, operators=[HASH[:20]])
    scripted.answers = {"GetStatus": bytes(v1.GetStatusResponse(standing=told, head_mined_at_s=60))}
    async with Adapter.open(scripted.address) as adapter:
        found = await adapter.status()
        scripted.answers = {"GetStatus": bytes(v1.GetStatusResponse())}
        silent = await adapter.status()
    assert found.standing == ContractStanding(decimals=8, is_paused=False, is_minter=True, operators=[HASH[:20]])
    assert found.head_mined_at == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    assert (silent.standing, silent.head_mined_at, silent.final_mined_at) == (None, None, None)


def test_every_failure_of_a_node_is_known_by_its_code() -> None:
    """A kind more, and the adapter would be blamed for it."""
    kinds: list[type[chain_model.ChainUnavailable]] = [
        chain_model.ChainUnavailable,
        jsonrpc.EndpointSilent,
        jsonrpc.EndpointRefused,
        quorum.QuorumMissing,
    ]
    assert {*chain_model.ChainUnavailable.__subclasses__()} <= {*kinds}
    assert {kind.code for kind in kinds} == CHAIN_FAILURES


@pytest.mark.parametrize("call", CALLS)
async def test_a_node_that_does_not_answer_is_not_called_a_silent_adapter(scripted: ScriptedAdapter, call: str) -> None:
    """Whoever mends it has to know which of the two to look at."""
    scripted.refusal = refused(Status.UNAVAILABLE, code="endpoint_silent", detail="rpc1 timed out")
    async with Adapter.open(scripted.address) as adapter:
        with pytest.raises(ChainUnavailable) as caught:
            await CALLS[call](adapter)
    assert "answered, but no node of the chain did as it should" in caught.value.detail
    assert (call in caught.value.detail, "rpc1 timed out" in caught.value.detail) == (True, True)


async def test_what_else_the_adapter_refuses_is_told_in_its_own_words(scripted: ScriptedAdapter) -> None:
    """It did answer; only silence is called so."""
    scripted.refusal = refused(Status.INTERNAL, code="chain_diverged", detail="block 7 is another one")
    async with Adapter.open(scripted.address) as adapter:
        with pytest.raises(AdapterUnavailable, match="answered INTERNAL") as caught:
            await adapter.status()
        assert "block 7 is another one" in caught.value.detail
        await scripted.go_down()
        with pytest.raises(AdapterUnavailable, match="did not answer: nothing listens at its address"):
            await adapter.status()


async def test_what_an_adapter_of_another_release_cannot_judge_is_a_mistake_too(scripted: ScriptedAdapter) -> None:
    """It may take less than this release knows: asking again would not help."""
    scripted.refusal = refused(Status.INVALID_ARGUMENT, code="signature_misshapen", detail="at most 65 bytes")
    async with Adapter.open(scripted.address) as adapter:
        with pytest.raises(SignatureMisshapen, match="at most 65 bytes"):
            await CALLS["VerifySignature"](adapter)


async def test_a_mistake_of_ours_is_not_the_adapters(scripted: ScriptedAdapter) -> None:
    """It must be seen, rather than told as stale for ever."""
    scripted.answers = {"GetMints": b""}
    async with Adapter.open(scripted.address) as adapter:
        with pytest.raises(TypeError):
            await adapter.mints(["one"])  # type: ignore[list-item]  # the mistake
