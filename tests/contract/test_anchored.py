"""What a stranger's node tells of anchors: the minter's own events, in final blocks, and nothing else."""

import pytest
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from cashback.ledger.model import ChainUnavailable, Published
from cashback.ledger.model.proofs import ProvedAnchor
from cashback.processes import anchored
from cashback.processes.anchored import ANCHORED, Chain, events_of, is_published
from cashback.processes.embedded import EmbeddedAnvil, free_port
from tests.contract.test_contracts_on_anvil import CAP, CAPACITY, GAS, WINDOW_S, deploy

FINAL_AFTER_BLOCKS = 64


class Publication:
    """A minter of the test's own, and its operator who publishes."""

    def __init__(self, anvil: EmbeddedAnvil) -> None:
        """Deploy it on the session's chain."""
        self.web3 = Web3(HTTPProvider(anvil.url), middleware=[])
        self.from_block = self.web3.eth.block_number
        self.url = anvil.url
        self.minter = self._minter()
        self.other = self._minter()

    def _minter(self) -> Contract:
        """Return a minter; to publish it needs no role at the token."""
        accounts = [*self.web3.eth.accounts]
        admin, operator, guardian = accounts[0], accounts[1], accounts[2]
        token = deploy(self.web3, "CashbackToken", "Cashback", "CBK", CAP, 0, admin)
        return deploy(self.web3, "CashbackMinter", token.address, 0, admin, operator, guardian, CAPACITY, WINDOW_S)

    def anchor(self, root: bytes, up_to: int) -> str:
        """Publish a root, and return its transaction's hash."""
        call = self.minter.functions.anchor(root, up_to)
        hashed = call.transact({"from": [*self.web3.eth.accounts][1], "gas": GAS})
        assert self.web3.eth.wait_for_transaction_receipt(hashed, timeout=20, poll_latency=0.01)["status"] == 1
        return "0x" + bytes(hashed).hex()

    def finalise(self) -> None:
        """Mine until every block so far is final."""
        self.web3.provider.make_request("anvil_mine", [hex(FINAL_AFTER_BLOCKS + 1)])  # type: ignore[arg-type]  # anvil's own

    def chain(self, *, minter: str | None = None) -> Chain:
        """Return the way to ask, about this minter unless told otherwise."""
        return Chain(rpc_url=self.url, minter=minter or str(self.minter.address).lower(), from_block=self.from_block)


def proved(root: bytes, up_to: int, transaction_hash: str | None) -> ProvedAnchor:
    """Return what a proof comes down to."""
    return ProvedAnchor(
        root=root.hex(),
        up_to=str(up_to),
        lines=1,
        transaction_hash=transaction_hash,
        minter=None,
        is_anchored=transaction_hash is not None,
    )


@pytest.fixture
def publication(anvil: EmbeddedAnvil) -> Publication:
    """Give a minter."""
    return Publication(anvil)


def test_the_topic_is_that_of_the_event() -> None:
    """Keccak-256 of its signature."""
    assert bytes(Web3.keccak(text="Anchored(bytes32,uint64)")).hex() == ANCHORED.removeprefix("0x")


async def test_a_root_is_found_in_its_transaction_once_that_is_final(publication: Publication) -> None:
    """Not before; and not another root, another place, another contract, nor without a transaction."""
    root = bytes(range(32))
    transaction = publication.anchor(root, 17)
    anchor = proved(root, 17, transaction)
    assert not await is_published(publication.chain(), anchor)
    publication.finalise()
    assert await is_published(publication.chain(), anchor)
    assert not await is_published(publication.chain(minter=str(publication.other.address)), anchor)
    for other in (
        proved(bytes(32), 17, transaction),
        proved(root, 18, transaction),
        proved(root, 17, None),
        proved(root, 17, "0x" + "00" * 32),
    ):
        assert not await is_published(publication.chain(), other)


async def test_all_roots_of_final_blocks_are_listed(publication: Publication, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, however few blocks are asked about at a time."""
    monkeypatch.setattr(anchored, "BLOCKS_PAGE", 3)
    publication.anchor(b"\x01" * 32, 1)
    publication.anchor(b"\x02" * 32, 5)
    publication.finalise()
    publication.anchor(b"\x03" * 32, 9)
    assert await events_of(publication.chain()) == [Published(b"\x01" * 32, 1), Published(b"\x02" * 32, 5)]
    assert await events_of(publication.chain(minter=str(publication.other.address))) == []


async def test_a_node_that_does_not_answer_is_said_so() -> None:
    """Nothing is concluded from silence."""
    with pytest.raises(ChainUnavailable):
        await events_of(Chain(rpc_url=f"http://127.0.0.1:{free_port()}", minter="0x" + "11" * 20))


async def test_a_node_that_refuses_is_said_so(anvil: EmbeddedAnvil) -> None:
    """An error of JSON-RPC is no empty answer."""
    with pytest.raises(ChainUnavailable):
        await events_of(Chain(rpc_url=anvil.url, minter="no address"))
