"""The committed contracts on a real chain, as the adapter meets them: events, refusals, limits, and what gas they cost.

The rules themselves are tested leaf by leaf in contracts/test; here stand the promises that other processes build on.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractCustomError
from web3.types import EventData, TxReceipt

from cashback.processes.embedded import EmbeddedAnvil

ARTIFACTS: Final = Path(__file__).resolve().parents[2] / "src" / "cashback" / "chain" / "artifacts"
CAP: Final = 10**15
CAPACITY: Final = 10**9
WINDOW_S: Final = 10**12  # so long that nothing refills during a test
MINED_WITHIN_S: Final = 20
GAS: Final = 16_000_000  # below the 16,777,216 that EIP-7825 allows a transaction
ALREADY_USED, INVALID_RECIPIENT, ZERO_AMOUNT = 0, 1, 2
GAP: Final = bytes(32)

_wallets = count(1)


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A token, the minter module that holds its role, and the keys that anvil keeps for them."""

    web3: Web3
    token: Contract
    minter: Contract
    admin: ChecksumAddress
    operator: ChecksumAddress
    guardian: ChecksumAddress
    stranger: ChecksumAddress

    def send(self, function: ContractFunction, sender: ChecksumAddress) -> TxReceipt:
        """Return the receipt of a mined call, whether it succeeded or reverted."""
        hashed = function.transact({"from": sender, "gas": GAS})
        return self.web3.eth.wait_for_transaction_receipt(hashed, timeout=MINED_WITHIN_S, poll_latency=0.01)

    def mint(self, first: int, words: Sequence[bytes]) -> TxReceipt:
        """Return the receipt of a window of mints that the operator sent."""
        receipt = self.send(self.minter.functions.mintBatch(first, words), self.operator)
        assert receipt["status"] == 1
        return receipt

    def refusal(self, function: ContractFunction, sender: ChecksumAddress) -> str:
        """Return the name of the custom error that refuses the call; it refuses the mined transaction as well."""
        with pytest.raises(ContractCustomError) as caught:
            function.call({"from": sender})
        assert self.send(function, sender)["status"] == 0
        errors = [entry for entry in [*self.minter.abi, *self.token.abi] if entry["type"] == "error"]
        return next(error["name"] for error in errors if _selector(error) == HexBytes(str(caught.value.data))[:4])

    def minted(self, receipt: TxReceipt) -> list[tuple[int, bytes, int]]:
        """Return number, recipient and amount of each `CashbackMinted` in order."""
        logs = [log["args"] for log in self._events(receipt, "CashbackMinted")]
        return [(log["number"], bytes(HexBytes(log["to"])), log["amount"]) for log in logs]

    def skipped(self, receipt: TxReceipt) -> list[tuple[int, int]]:
        """Return number and reason of each `CashbackSkipped` in order."""
        return [(log["args"]["number"], log["args"]["reason"]) for log in self._events(receipt, "CashbackSkipped")]

    def is_used(self, *numbers: int) -> list[bool]:
        """Return for each number whether it was used."""
        answer: list[bool] = self.token.functions.isUsed(numbers).call()
        return answer

    def supply(self) -> int:
        """Return the token's supply in base units."""
        answer: int = self.token.functions.totalSupply().call()
        return answer

    def available(self) -> int:
        """Return what the limit lets through, in base units."""
        answer: int = self.minter.functions.available().call()
        return answer

    def _events(self, receipt: TxReceipt, name: str) -> list[EventData]:
        event = self.token.events[name]()
        return [event.process_log(log) for log in receipt["logs"] if log["topics"][0] == HexBytes(event.topic)]


def _selector(error: Mapping[str, Any]) -> bytes:
    return bytes(Web3.keccak(text=f"{error['name']}({','.join(part['type'] for part in error['inputs'])})")[:4])


def wallet() -> bytes:
    """Return an address that no test has used before."""
    return bytes(Web3.keccak(text=f"wallet {next(_wallets)}")[:20])


def word(recipient: bytes, amount: int) -> bytes:
    """Return one packed mint."""
    return recipient + amount.to_bytes(12)


def deploy(web3: Web3, name: str, *arguments: object) -> Contract:
    """Return a contract freshly made from its committed artefact."""
    artefact = json.loads((ARTIFACTS / f"{name}.json").read_bytes())
    factory = web3.eth.contract(abi=artefact["abi"], bytecode=artefact["bytecode"])
    hashed = factory.constructor(*arguments).transact({"from": web3.eth.accounts[0], "gas": GAS})
    receipt = web3.eth.wait_for_transaction_receipt(hashed, timeout=MINED_WITHIN_S, poll_latency=0.01)
    address = receipt["contractAddress"]
    assert receipt["status"] == 1
    assert address is not None
    return web3.eth.contract(address=address, abi=artefact["abi"])


@pytest.fixture
def world(anvil: EmbeddedAnvil) -> World:
    """Give contracts of the test's own on the session's chain, ready to mint."""
    web3 = Web3(HTTPProvider(anvil.url), middleware=[])
    accounts = [*web3.eth.accounts]
    admin, operator, guardian, stranger = accounts[0], accounts[1], accounts[2], accounts[3]
    token = deploy(web3, "CashbackToken", "Cashback", "CBK", CAP, 0, admin)
    minter = deploy(web3, "CashbackMinter", token.address, 0, admin, operator, guardian, CAPACITY, WINDOW_S)
    made = World(
        web3=web3, token=token, minter=minter, admin=admin, operator=operator, guardian=guardian, stranger=stranger
    )
    grant = token.functions.grantRole(token.functions.MINTER_ROLE().call(), minter.address)
    assert made.send(grant, admin)["status"] == 1
    return made


@pytest.mark.invariant("I2", "I10")
def test_a_batch_mints_what_it_can_and_answers_for_every_other_entry(world: World) -> None:
    """A gap, a number used before and entries that cannot be minted harm no neighbour, and stay unmarked."""
    alice, bob, carol = wallet(), wallet(), wallet()
    world.mint(11, [word(alice, 5)])
    token, module = HexBytes(world.token.address), HexBytes(world.minter.address)
    entries = [word(bob, 7), word(bob, 1), GAP, word(token, 1), word(module, 1), word(bytes(20), 1), word(bob, 0)]
    receipt = world.mint(10, [*entries, word(carol, 11)])
    assert world.minted(receipt) == [(10, bob, 7), (17, carol, 11)]
    assert world.skipped(receipt) == [
        (11, ALREADY_USED),
        (13, INVALID_RECIPIENT),
        (14, INVALID_RECIPIENT),
        (15, INVALID_RECIPIENT),
        (16, ZERO_AMOUNT),
    ]
    assert world.is_used(*range(10, 18)) == [True, True, False, False, False, False, False, True]
    assert world.token.functions.usedBits(0).call() == 1 << 10 | 1 << 11 | 1 << 17
    holders = [Web3.to_checksum_address(holder) for holder in (alice, bob, carol)]
    assert world.token.functions.balancesOf(holders).call() == [5, 7, 11]
    assert world.supply() == 23
    assert world.available() == CAPACITY - 23


@pytest.mark.invariant("I2")
def test_scattered_numbers_are_each_minted_once(world: World) -> None:
    """The explicit form takes any order, and a number given twice is minted the first time only."""
    alice, bob = wallet(), wallet()
    numbers, words = [2**63 - 1, 3, 3], [word(alice, 5), word(bob, 7), word(alice, 9)]
    receipt = world.send(world.minter.functions.mintScattered(numbers, words), world.operator)
    assert world.minted(receipt) == [(2**63 - 1, alice, 5), (3, bob, 7)]
    assert world.skipped(receipt) == [(3, ALREADY_USED)]


@pytest.mark.invariant("I2")
def test_a_retired_number_is_used_but_never_minted(world: World) -> None:
    """A cancelled mint can be told from a made one by the state alone, and cannot be made afterwards."""
    world.mint(1, [word(wallet(), 5)])
    for number in (1, 2):
        world.send(world.minter.functions.retire(number), world.operator)
    assert world.skipped(world.mint(2, [word(wallet(), 5)])) == [(2, ALREADY_USED)]
    assert world.is_used(1, 2) == [True, True]
    assert [world.token.functions.isRetired(number).call() for number in (1, 2)] == [False, True]


def test_the_limit_refuses_a_whole_batch_and_charges_only_what_was_minted(world: World) -> None:
    """A batch above the limit marks nothing and can be sent again in parts; skipped entries are free."""
    world.mint(1, [word(wallet(), 1)])
    over = world.minter.functions.mintBatch(2, [word(wallet(), CAPACITY - 1), word(wallet(), 1)])
    assert world.refusal(over, world.operator) == "LimitExceeded"
    assert world.is_used(2, 3) == [False, False]
    world.mint(1, [word(wallet(), CAPACITY), word(wallet(), CAPACITY - 1)])
    assert world.available() == 0
    assert world.supply() == CAPACITY


def test_one_guardian_pauses_everything_and_only_the_admin_lifts_it(world: World) -> None:
    """A paused module refuses every call with the same error and marks nothing."""
    assert world.refusal(world.minter.functions.pause(), world.admin) == "AccessControlUnauthorizedAccount"
    world.send(world.minter.functions.pause(), world.guardian)
    calls = world.minter.functions
    for call in (calls.mintBatch(1, [word(wallet(), 5)]), calls.retire(1), calls.anchor(bytes(32), 1)):
        assert world.refusal(call, world.operator) == "EnforcedPause"
    assert world.is_used(1) == [False]
    assert world.refusal(calls.unpause(), world.guardian) == "AccessControlUnauthorizedAccount"
    world.send(calls.unpause(), world.admin)
    assert len(world.minted(world.mint(1, [word(wallet(), 5)]))) == 1


def test_a_batch_above_the_cap_is_refused_whole(world: World) -> None:
    """The token's own bound holds whatever the module allows."""
    world.send(world.minter.functions.setLimit(2 * CAP, WINDOW_S), world.admin)
    over = world.minter.functions.mintBatch(1, [word(wallet(), 1), word(wallet(), CAP)])
    assert world.refusal(over, world.operator) == "CapExceeded"
    assert world.is_used(1, 2) == [False, False]
    assert world.supply() == 0


@pytest.mark.invariant("I2", "I3")
def test_nobody_mints_past_the_module_and_its_operator(world: World) -> None:
    """Neither a stranger nor the admin, neither at the module nor at the token."""
    for contract in (world.minter, world.token):
        for sender in (world.stranger, world.admin):
            theft = contract.functions.mintBatch(1, [word(wallet(), 5)])
            assert world.refusal(theft, sender) == "AccessControlUnauthorizedAccount"


@pytest.mark.invariant("I2")
def test_the_role_passes_to_the_next_module_in_one_transaction_and_numbers_stay_used(world: World) -> None:
    """What the old module minted the new one cannot mint again; calls to the old one are refused."""
    recipient = wallet()
    world.mint(1, [word(recipient, 5)])
    arguments = (world.token.address, 0, world.admin, world.operator, world.guardian, CAPACITY, WINDOW_S)
    following = deploy(world.web3, "CashbackMinter", *arguments)
    world.send(world.token.functions.replaceMinter(world.minter.address, following.address), world.admin)
    late = world.minter.functions.mintBatch(1, [word(recipient, 5), word(recipient, 7)])
    assert world.refusal(late, world.operator) == "AccessControlUnauthorizedAccount"
    receipt = world.send(following.functions.mintBatch(1, [word(recipient, 5), word(recipient, 7)]), world.operator)
    assert world.skipped(receipt) == [(1, ALREADY_USED)]
    assert world.minted(receipt) == [(2, recipient, 7)]


@pytest.mark.parametrize(
    "size,fresh_max,repeat_max",
    [(1, 95_000, 61_000), (10, 34_000, 15_500), (100, 28_000, 11_000), (200, 27_500, 10_500)],
)
def test_a_mint_costs_no_more_gas_than_promised(world: World, size: int, fresh_max: int, repeat_max: int) -> None:
    """Whole transactions through the module, divided by the batch; the first one opens a word of the bitmap."""
    world.mint(1, [word(wallet(), 1)])
    recipients = [wallet() for _ in range(size)]
    fresh = world.mint(1_024, [word(recipient, 1_234_567) for recipient in recipients])["gasUsed"]
    repeat = world.mint(1_024 + size, [word(recipient, 1_234_567) for recipient in recipients])["gasUsed"]
    assert fresh <= fresh_max * size, f"{fresh // size} a mint to a fresh wallet"
    assert repeat <= repeat_max * size, f"{repeat // size} a mint to a repeat wallet"


def test_the_dearest_call_fits_into_one_transaction(world: World) -> None:
    """256 fresh wallets under numbers that each open a word of the bitmap of their own, without zero bytes to save."""
    numbers = [257 * index + 2**62 for index in range(256)]
    words = [word(wallet(), CAPACITY // 256) for _ in numbers]
    receipt = world.send(world.minter.functions.mintScattered(numbers, words), world.operator)
    assert len(world.minted(receipt)) == 256
