"""What `cashback doctor` says of adapter and chain: a node that is away is no healthy chain."""

from typing import NamedTuple

import pytest

from cashback.kernel.config import Secret
from cashback.processes import doctor
from cashback.processes.embedded import EmbeddedNats, EmbeddedPostgres
from cashback.wire.cashback.chain import v1
from tests.contract.rest.adapter import ScriptedAdapter


class Empty(NamedTuple):
    """A database and a broker in which there is nothing: who is not there at all is waited for, for seconds."""

    dsn: Secret
    nats: EmbeddedNats


@pytest.fixture
def empty(postgres: EmbeddedPostgres, nats: EmbeddedNats) -> Empty:
    """Give the session's servers, of which nothing is asked that a test has made there."""
    return Empty(Secret(postgres.dsn()), nats)


async def examined(
    empty: Empty,
    *endpoints: v1.GetStatusResponseEndpoint,
    held: int = 0,
    final: int = 5,
    told_ms_ago: int = 0,
    what: str = "adapter and chain",
) -> doctor.Examined:
    """Return what the doctor says of an adapter with these nodes and so many mints held; all else has nothing."""
    async with ScriptedAdapter.serving() as adapter:
        answer = v1.GetStatusResponse(
            chain_id=1, head=9, final=final, endpoints=list(endpoints), held=held, minting_told_ms_ago=told_ms_ago
        )
        adapter.answers = {"GetStatus": bytes(answer)}
        settings = doctor.Settings(
            ledger_audit_dsn=empty.dsn,
            minting_audit_dsn=empty.dsn,
            chain_audit_dsn=empty.dsn,
            nats_url=empty.nats.url(),
            adapter_address=adapter.address,
        )
        [found] = [each for each in await doctor.examine(settings) if each.what == what]
    return found


def node(name: str, problem: str = "") -> v1.GetStatusResponseEndpoint:
    """Return a node that is well unless it has a problem."""
    return v1.GetStatusResponseEndpoint(name=name, is_healthy=not problem, head=0 if problem else 9, problem=problem)


async def test_nodes_that_all_answer_are_well(empty: Empty) -> None:
    """Or the findings below would mean nothing."""
    found = await examined(empty, node("rpc1"), node("rpc2"))
    assert (found.is_well, "at block 9" in found.detail) == (True, True)


async def test_a_chain_of_which_no_node_answers_is_wrong(empty: Empty) -> None:
    """However healthy the adapter is."""
    found = await examined(empty, node("rpc1", "rpc1 timed out"))
    assert not found.is_well
    assert found.detail == "the adapter is up, but no node of the chain answers; rpc1: rpc1 timed out"


async def test_of_several_nodes_the_one_that_is_away_is_named(empty: Empty) -> None:
    """Minting goes on by the other, and somebody has to mend this one."""
    found = await examined(empty, node("rpc1"), node("rpc2", "refused"))
    assert not found.is_well
    assert found.detail == "the adapter is up, but 1 of 2 nodes answer; rpc2: refused"


async def test_mints_that_the_contracts_refuse_are_told(empty: Empty) -> None:
    """They are held, and wait for a person."""
    found = await examined(empty, node("rpc1"), held=3)
    assert not found.is_well
    assert found.detail.startswith("the contracts refuse 3 mints, which are held")


async def test_a_chain_that_has_lost_final_blocks_is_wrong(empty: Empty) -> None:
    """Every node answers, and yet nothing is followed: what was final is not there any more."""
    assert (await examined(empty, node("rpc1"), final=9)).is_well
    found = await examined(empty, node("rpc1"), final=10)
    assert not found.is_well
    assert found.detail.startswith("the chain's head is block 9, below block 10 that was final")


@pytest.mark.parametrize(
    "told_ms_ago, is_well, words",
    [
        (0, False, "no mint worker has ever told the adapter anything"),
        (10_000, True, "one has told the adapter"),
        (10_001, False, "no mint worker has told the adapter anything for 10 s"),
    ],
)
async def test_a_mint_worker_that_tells_nothing_is_wrong(
    empty: Empty, told_ms_ago: int, is_well: bool, words: str
) -> None:
    """It tells every second: one that is dead or frozen leaves every request where it is."""
    found = await examined(empty, node("rpc1"), told_ms_ago=told_ms_ago, what="mint worker")
    assert (found.is_well, words in found.detail) == (is_well, True)
