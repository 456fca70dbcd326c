"""Embedded anvil: the chain goes on where it stopped, and finality comes as configured."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cashback.processes.embedded import CHAIN_ID, ChildFailed, EmbeddedAnvil, eventually


@pytest.fixture
def chain(tmp_path: Path, anvil_program: Path) -> Iterator[EmbeddedAnvil]:
    """Give a chain of the test's own that mines at once."""
    with EmbeddedAnvil(tmp_path, program=anvil_program, block_time_s=None) as server:
        yield server


def call(chain: EmbeddedAnvil, method: str, *params: object, timeout_s: float = 10) -> object:
    """Return the result of one JSON-RPC call."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return httpx.post(chain.url, json=body, timeout=timeout_s).json()["result"]


def transfer(chain: EmbeddedAnvil) -> object:
    """Send one wei between the chain's own accounts, and return the transaction's hash once a block has it.

    The node answers before it mines, automatically or not.
    """
    accounts = call(chain, "eth_accounts")
    assert isinstance(accounts, list)
    sent = call(chain, "eth_sendTransaction", {"from": accounts[0], "to": accounts[1], "value": "0x1"})
    assert eventually(lambda: call(chain, "eth_getTransactionReceipt", sent) is not None, within_s=20)
    return sent


def test_it_is_the_chain_that_was_asked_for(chain: EmbeddedAnvil) -> None:
    """Its id is that of development chains, for which one endpoint is quorum enough."""
    assert call(chain, "eth_chainId") == hex(CHAIN_ID)


def test_another_node_that_answers_on_the_port_is_not_taken_for_it(
    chain: EmbeddedAnvil, anvil_program: Path, tmp_path: Path
) -> None:
    """One left over from another run would answer, and be believed."""
    with pytest.raises(ChildFailed, match="anvil ended with 1 at its start"):
        EmbeddedAnvil(tmp_path / "other", program=anvil_program, port=chain.port).start()


def test_a_restart_keeps_the_port_the_blocks_and_the_receipts(chain: EmbeddedAnvil) -> None:
    """The adapter finds the attempts of yesterday where it left them."""
    sent = transfer(chain)
    before = (chain.url, call(chain, "eth_getTransactionReceipt", sent))
    chain.restart()
    assert (chain.url, call(chain, "eth_getTransactionReceipt", sent)) == before


def test_a_killed_chain_starts_again_from_the_state_it_last_wrote(chain: EmbeddedAnvil) -> None:
    """A node that lost its newest blocks is a fault to survive; one that cannot start is not."""
    sent = transfer(chain)
    chain.restart()
    lost = transfer(chain)
    chain.kill()
    chain.start()
    assert call(chain, "eth_getTransactionReceipt", sent) is not None
    assert call(chain, "eth_getTransactionReceipt", lost) is None


def test_a_block_is_final_two_epochs_later(chain: EmbeddedAnvil) -> None:
    """The depth that the design counts with: twice two slots."""
    call(chain, "anvil_mine", "0xa")
    block = call(chain, "eth_getBlockByNumber", "finalized", False)
    assert isinstance(block, dict)
    assert int(block["number"], 16) == 10 - 2 * 2


def test_blocks_come_by_the_clock_when_a_time_is_given(tmp_path: Path, anvil_program: Path) -> None:
    """The measurements run on real block times."""
    with EmbeddedAnvil(tmp_path, program=anvil_program, block_time_s=0.1) as chain:
        assert eventually(lambda: int(str(call(chain, "eth_blockNumber")), 16) > 2, within_s=20)


def test_a_paused_node_answers_nothing_until_it_is_resumed(chain: EmbeddedAnvil) -> None:
    """A call that times out is unknown, not failed: here is the node that makes it so."""
    chain.pause()
    with pytest.raises(httpx.TimeoutException):
        call(chain, "eth_chainId", timeout_s=0.5)
    chain.resume()
    assert call(chain, "eth_chainId") == hex(CHAIN_ID)


def test_the_gas_cap_of_one_transaction_holds(chain: EmbeddedAnvil) -> None:
    """EIP-7825: 16,777,216 gas, which anvil enforces only when told to."""
    accounts = call(chain, "eth_accounts")
    assert isinstance(accounts, list)
    transaction = {"from": accounts[0], "to": accounts[1], "gas": hex(16_777_217)}
    body = {"jsonrpc": "2.0", "id": 1, "method": "eth_sendTransaction", "params": [transaction]}
    assert "error" in httpx.post(chain.url, json=body, timeout=10).json()
