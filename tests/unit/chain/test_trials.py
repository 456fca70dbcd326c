"""What clients say of an executed call that failed, in their own words; and what is no word about the call at all."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import pytest

from cashback.chain.gateway import jsonrpc, trials
from cashback.chain.gateway.jsonrpc import EndpointRefused
from cashback.chain.model import Address, Call, Trial

SOMEBODY: Final = Address(b"\x11" * 20)

T = TypeVar("T")


@pytest.mark.parametrize(
    "problem,revert,trial",
    [
        ("3: execution reverted", b"\xd9\x3c\x06\x65", Trial("undone", b"\xd9\x3c\x06\x65")),
        ("3: execution reverted", b"\xf4\xe2\x85\x01" + bytes(64), Trial("undone", b"\xf4\xe2\x85\x01")),
        ("3: execution reverted", b"", Trial("undone")),
        ("-32000: execution reverted", None, Trial("undone")),  # geth, without revert data
        ("-32000: invalid opcode: INVALID", None, Trial("undone")),  # geth
        ("-32000: invalid jump destination", None, Trial("undone")),  # geth
        ("-32603: EVM error InvalidFEOpcode", None, Trial("undone")),  # anvil
        ("-32015: VM execution error.", None, Trial("undone")),  # nethermind, older
        ("-32000: out of gas", None, Trial("out_of_gas")),  # geth, erigon
        ("-32000: err: intrinsic gas too low: have 100, want 21000 (supplied gas 100)", None, Trial("out_of_gas")),
        ("-32603: EVM error OutOfGas", None, Trial("out_of_gas")),  # anvil
        ("-32603: EVM error ReentrancySentryOOG", None, Trial("out_of_gas")),  # anvil
        ("-32000: intrinsic gas too high -- GasFloorMoreThanGasLimit", None, Trial("out_of_gas")),  # anvil
        ("-32003: out of gas: gas required exceeds allowance: 30000000", None, Trial("out_of_gas")),  # reth
    ],
)
def test_a_failed_execution_is_a_verdict(problem: str, revert: bytes | None, trial: Trial) -> None:
    """Undone with the first bytes of its error where a client tells them, or out of gas."""
    assert trials._trials(["0x", EndpointRefused(problem, revert=revert)]) == [Trial("done"), trial]


@pytest.mark.parametrize(
    "problem",
    [
        "-32005: limit exceeded",
        "-32000: header not found",
        "-32000: missing trie node 01ab (path )",
        "-32602: BlockOutOfRangeError: block height is 5 but requested was 100",
        "-32000: execution aborted (timeout = 5s)",
        "HTTP 429: -32016: rate limited",
    ],
)
def test_what_is_not_about_the_call_is_no_verdict(problem: str) -> None:
    """Whoever took it for one would hold somebody's mint because a provider had enough."""
    with pytest.raises(EndpointRefused):
        trials._trials(["0x", EndpointRefused(problem)])


@pytest.mark.parametrize("data", ["Reverted 0xd93c0665", "0xd93c0665", {"data": "0xd93c0665"}])
def test_revert_data_are_found_however_a_client_wraps_them(data: object) -> None:
    """Nethermind and OpenEthereum before it write a word in front."""
    answer = jsonrpc.Answer(id=0, error=jsonrpc.Error(-32015, "VM execution error.", data))
    [refusal] = jsonrpc.results([answer], requests=1, status=200)
    assert refusal.revert == bytes.fromhex("d93c0665")


class Endpoints:
    """A node whose two endpoints say these things of one call."""

    def __init__(self, *said: EndpointRefused) -> None:
        """Say so."""
        self._said = said

    async def agree(
        self, _: object, decode: Callable[[list[Any]], T], *, key: Callable[[T], object], with_refusals: bool
    ) -> list[T]:
        """Return what both tell, which must be the same by `key`."""
        assert with_refusals
        told = [decode([one]) for one in self._said]
        assert len({str(key(one)) for one in told}) == 1
        return told


async def test_endpoints_agree_on_what_a_call_does_though_one_leaves_out_why() -> None:
    """The error that one of them names is told: whether it can pass decides between waiting and holding."""
    paused = bytes.fromhex("d93c0665")
    node = Endpoints(EndpointRefused("execution reverted"), EndpointRefused("execution reverted", revert=paused))
    call = Call(calldata=b"", numbers=(1,), amount=1, gas=100_000)
    told = await trials.tried(node, [call], sender=SOMEBODY, target=SOMEBODY, block=1)  # type: ignore[arg-type]  # all it asks of a node
    assert told == [Trial("undone", paused)]
