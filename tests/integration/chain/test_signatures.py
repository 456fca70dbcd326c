"""Who has signed, on a real node: keys, wallets that change hands, strangers' code, and nodes that do not tell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, Final

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from cashback.chain.gateway import signatures as gateway
from cashback.chain.gateway.node import Node
from cashback.chain.gateway.polling import LATE_MAX
from cashback.chain.gateway.signatures import CONTRACT_WITHIN_S, WITHIN_S
from cashback.chain.model import Address, ChainUnavailable, Judgement, JudgesBusy
from cashback.chain.service.judging import CONTRACTS_AT_ONCE_MAX
from cashback.ledger.gateway import Adapter
from cashback.ledger.gateway.adapter import SIGNATURE_DEADLINE_S as DEADLINE_S
from cashback.ledger.model import ChainUnavailable as NodesSilent
from cashback.processes import adapter
from tests.integration.chain.listening import listening_at
from tests.integration.chain.proxy import Http, Proxy, Whim
from tests.integration.chain.support import CHAIN_ID, Bench, assembled
from tests.integration.chain.waiting import eventually
from tests.support import smart_wallet

TEXT: Final = "I want what I have earned at this address."
ALICE, BOB = b"\x11" * 32, b"\x22" * 32
SOMEWHERE: Final = Address(b"\x5e" * 20)
PATIENT_S: Final = 15.0
TAKEN: Final = f"0x1626ba7e{'00' * 28}"
TAKES_ALL: Final = "0x631626ba7e60e01b5f5260205ff3"
"""PUSH4 the selector, PUSH1 224, SHL, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN."""
REFUSED: Final[Whim] = {"error": {"code": -32_000, "message": "missing trie node"}}
LIMITED: Final = Http(429, b"{}", b"retry-after: 60\r\n")
TO_BE_HEARD_S: Final = 0.25
UNKNOWN_CODES: Final = {
    "none": "0x",
    "stops": "0x00",
    "reverts": "0x5f5ffd",
    "burns all its gas": "0x5b5f56",
    "no such instruction": "0xfe",
    "answers true": "0x60015f5260205ff3",
    "answers the selector alone": "0x631626ba7e60e01b5f5260045ff3",
    "answers it at the wrong end": "0x631626ba7e5f5260205ff3",
    "answers a word more": "0x631626ba7e60e01b5f5260405ff3",
    "answers what it was asked": "0x365f5f37365ff3",
}


def address_of(key: bytes) -> Address:
    """Return the address of a key."""
    return Address(bytes.fromhex(str(Account.from_key(key).address)[2:]))


def signed(key: bytes) -> tuple[bytes, bytes]:
    """Return the digest of the text, and the key's signature of it."""
    made = Account.sign_message(encode_defunct(text=TEXT), key)
    return bytes(made.message_hash), bytes(made.signature)


async def judged(bench: Bench, account: bytes, key: bytes) -> str:
    """Return the verdict on what a key has signed, held to be an account's."""
    return (await bench.adapter.judging.judge(Address(account), *signed(key))).verdict


async def put(bench: Bench, code: str, at: bytes = SOMEWHERE) -> None:
    """Have code stand at an address, from the next block on."""
    await bench.lever.call("anvil_setCode", f"0x{at.hex()}", code)
    await bench.lever.mine()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nodes tell in their own time: a slow machine is no silent endpoint, and settings bound what hangs."""
    monkeypatch.setattr(gateway, "CONTRACT_WITHIN_S", PATIENT_S)
    monkeypatch.setattr(gateway, "WITHIN_S", 2 * PATIENT_S)


@pytest.fixture
async def bench(settings: adapter.Settings) -> AsyncIterator[Bench]:
    """Give an adapter whose loops do not run."""
    async with assembled(settings) as one:
        yield one


@pytest.fixture
async def proxies(settings: adapter.Settings) -> AsyncIterator[list[Proxy]]:
    """Give three endpoints of the same chain; the first is the one that misbehaves."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Proxy.before(settings.rpc_urls[0])) for _ in range(3)]


def through(settings: adapter.Settings, proxies: list[Proxy], **changes: Any) -> adapter.Settings:  # noqa: ANN401 - any
    """Return the settings with these endpoints, of which more than half must agree."""
    return msgspec.structs.replace(settings, rpc_urls=tuple(proxy.url for proxy in proxies), **changes)


async def test_a_wallet_of_code_signs_by_its_owner_of_the_moment(bench: Bench) -> None:
    """What it took it takes no more once another one owns it, and the newest block is the one that is told."""
    alice, bob = address_of(ALICE), address_of(BOB)
    wallet = Address(await smart_wallet.deployed(bench.lever.call, alice))
    head = await bench.lever.head()
    judgement = await bench.adapter.judging.judge(wallet, *signed(ALICE))
    assert judgement == Judgement("contract", CHAIN_ID, head)
    assert await judged(bench, wallet, BOB) == "invalid"
    await smart_wallet.hand_over(bench.lever.call, wallet, alice, to=bob)
    assert await bench.adapter.judging.judge(wallet, *signed(ALICE)) == Judgement(
        "invalid", CHAIN_ID, await bench.lever.head()
    )
    assert await judged(bench, wallet, BOB) == "contract"


async def test_code_that_does_not_say_so_takes_nothing(bench: Bench) -> None:
    """One word and nothing else is a yes; whatever else a stranger's code does is a no, and no failure of a node."""
    found = {}
    for name, code in UNKNOWN_CODES.items():
        await put(bench, code)
        found[name] = await judged(bench, SOMEWHERE, ALICE)
    assert found == dict.fromkeys(UNKNOWN_CODES, "invalid")


async def test_code_that_takes_everything_takes_a_signature_of_no_bytes(bench: Bench) -> None:
    """As wallets do that hold what they have agreed to in their storage; how it judges is a contract's own affair."""
    await put(bench, TAKES_ALL)
    judgement = await bench.adapter.judging.judge(SOMEWHERE, signed(ALICE)[0], b"")
    assert judgement.verdict == "contract"


async def test_what_clients_compute_at_small_addresses_signs_for_nobody(bench: Bench) -> None:
    """One of them answers with what it was asked, which begins with the word that is a yes."""
    precompiled = [Address(number.to_bytes(20)) for number in (*range(18), 256)]
    judgements = [await bench.adapter.judging.judge(one, bytes(32), b"") for one in precompiled]
    assert {one.verdict for one in judgements} == {"invalid"}


async def test_an_address_that_delegated_to_code_still_signs_by_its_key(bench: Bench) -> None:
    """EIP-7702: the key first, and what it did not sign is for the code to say."""
    await put(bench, TAKES_ALL)
    await put(bench, f"0xef0100{SOMEWHERE.hex()}", at=address_of(ALICE))
    assert await judged(bench, address_of(ALICE), ALICE) == "owner"
    assert await judged(bench, address_of(ALICE), BOB) == "contract"


@pytest.mark.parametrize("method", ["*", "eth_call"])
@pytest.mark.parametrize("whim", ["refuse", "hang", REFUSED], ids=["down", "silent", "refusing"])
async def test_nodes_that_do_not_tell_are_no_verdict_and_no_key_needs_them(
    settings: adapter.Settings, proxies: list[Proxy], whim: Whim, method: str
) -> None:
    """Two of three tell nothing: nobody is called a forger for it. A key's own signature is judged all the same."""
    async with assembled(through(settings, proxies, rpc_timeout_ms=300)) as bench:
        wallet = await smart_wallet.deployed(bench.lever.call, address_of(ALICE))
        for proxy in proxies[:2]:
            proxy.always(method, whim)
        for account in (wallet, address_of(BOB)):
            with pytest.raises(ChainUnavailable):
                await judged(bench, account, ALICE)
        assert await judged(bench, address_of(ALICE), ALICE) == "owner"
        for proxy in proxies[:2]:
            proxy.always(method, "pass")

        async def look() -> bool | None:
            """Tell whether endpoints that were away are asked again by now."""
            try:
                return await judged(bench, wallet, ALICE) == "contract"
            except ChainUnavailable:
                return None

        assert await eventually(look)


async def test_one_endpoint_that_says_yes_is_outvoted_and_two_decide_nothing(
    settings: adapter.Settings, proxies: list[Proxy]
) -> None:
    """A stranger's code can tell each client something else: nothing of that is held against an endpoint."""
    async with assembled(through(settings, proxies)) as bench:
        await put(bench, "0x00")
        proxies[0].lie("eth_call", lambda _: TAKEN)
        for _ in range(4):
            assert await judged(bench, SOMEWHERE, ALICE) == "invalid"
        status = await bench.adapter.reading.status()
        assert [one.problem for one in status.endpoints] == ["", "", ""]
    proxies[0].lie("eth_call", None)
    async with assembled(through(settings, proxies[:2])) as bench:
        proxies[0].lie("eth_call", lambda _: TAKEN)
        with pytest.raises(ChainUnavailable, match="different things of the contract"):
            await judged(bench, SOMEWHERE, ALICE)


async def test_an_endpoint_on_which_strangers_code_is_slow_is_asked_first_all_the_same(
    settings: adapter.Settings, proxies: list[Proxy]
) -> None:
    """The two others have decided before it: it owes nobody an answer, and is left out of no vote on money."""
    async with assembled(through(settings, proxies)) as bench:
        wallet = await smart_wallet.deployed(bench.lever.call, address_of(ALICE))
        proxies[2].always("eth_call", "hang")
        for _ in range(LATE_MAX + 1):
            assert await judged(bench, wallet, ALICE) == "contract"
        proxies[2].asked.clear()
        assert await judged(bench, wallet, ALICE) == "contract"

        async def look() -> bool | None:
            """Tell whether it was asked for the newest block with the others."""
            return "eth_getBlockByNumber" in proxies[2].asked or None

        assert await eventually(look)


async def test_an_endpoint_that_strangers_code_silences_is_thought_no_less_of(proxies: list[Proxy]) -> None:
    """Nobody knows whether that was signed; none of them rests, but one that says that it wants a pause."""
    async with Node.open([one.url for one in proxies], chain_id=CHAIN_ID, timeout_s=2, quorum=2) as node:
        for proxy in proxies[:2]:
            proxy.always("eth_call", "hang")
        with pytest.raises(ChainUnavailable, match="no answer within 2 s"):
            await gateway.WalletContracts(node).take(SOMEWHERE, *signed(ALICE))
        assert [(one.is_healthy, one.problem) for one in node.endpoints] == [(True, "")] * 3
        proxies[0].always("eth_call", LIMITED)
        with pytest.raises(ChainUnavailable):
            await gateway.WalletContracts(node).take(SOMEWHERE, *signed(ALICE))
        assert [one.is_healthy for one in node.endpoints] == [False, True, True]


async def test_whoever_proves_hears_of_silent_nodes_before_they_stop_waiting(
    settings: adapter.Settings, proxies: list[Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoints may take longer than the ledger waits for the adapter: then these are to blame, and not that one."""
    assert DEADLINE_S - WITHIN_S >= TO_BE_HEARD_S
    assert WITHIN_S - CONTRACT_WITHIN_S >= TO_BE_HEARD_S
    monkeypatch.setattr(gateway, "WITHIN_S", WITHIN_S)
    monkeypatch.setattr("cashback.ledger.gateway.adapter.SIGNATURE_DEADLINE_S", PATIENT_S / 2)
    patience = through(settings, proxies, rpc_timeout_ms=int(1_000 * PATIENT_S))
    async with assembled(patience) as bench, listening_at(bench) as address, Adapter.open(address) as ledgers:
        for proxy in proxies[:2]:
            proxy.always("*", "hang")
        with pytest.raises(NodesSilent, match="no quorum of endpoints has told of the contract"):
            await ledgers.verify_signature(f"0x{SOMEWHERE.hex()}", *signed(ALICE))


async def test_strangers_code_takes_no_more_than_a_share_of_the_nodes(
    settings: adapter.Settings, proxies: list[Proxy]
) -> None:
    """More at once are told to come again, at once; keys are still judged, and the others are when the node answers."""
    async with assembled(through(settings, proxies[:1])) as bench:
        await put(bench, "0x00")
        answered, asked = asyncio.Event(), proxies[0].asked
        asked.clear()
        proxies[0].always("eth_call", answered)
        waiting = [asyncio.ensure_future(judged(bench, SOMEWHERE, ALICE)) for _ in range(CONTRACTS_AT_ONCE_MAX)]

        async def look() -> bool | None:
            """Tell whether all of them are being asked."""
            return True if asked.count("eth_call") == CONTRACTS_AT_ONCE_MAX else None

        await eventually(look)
        with pytest.raises(JudgesBusy):
            await judged(bench, SOMEWHERE, ALICE)
        assert await judged(bench, address_of(ALICE), ALICE) == "owner"
        answered.set()
        assert await asyncio.gather(*waiting) == ["invalid"] * CONTRACTS_AT_ONCE_MAX
        assert await judged(bench, SOMEWHERE, ALICE) == "invalid"
