"""Group commit without a database."""

import asyncio
from collections.abc import Sequence

import pytest
import structlog
from prometheus_client import REGISTRY

from cashback.kernel.errors import Broken, CashbackError, Unavailable
from cashback.purchases.model import Overloaded
from cashback.purchases.service.committer import GroupCommitter, Limits


class Gate:
    """A commit that ends when the test says so, and notes which batches it was given."""

    def __init__(self) -> None:
        """Let nothing through yet."""
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()

    async def commit(self, items: Sequence[int]) -> list[str | CashbackError]:
        """Answer each item with itself, odd thousands with a failure."""
        self.batches.append(list(items))
        await self.open.wait()
        return [Unavailable(f"no {item}") if item >= 1_000 else f"done {item}" for item in items]


async def turn() -> None:
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_of_one_turn_share_a_commit_and_each_gets_its_own_result() -> None:
    """Nobody waits for more callers to come, and nobody gets a neighbour's answer."""
    gate = Gate()
    gate.open.set()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    results = await asyncio.gather(*[committer.submit([number]) for number in range(5)])
    assert results == [[f"done {number}"] for number in range(5)]
    assert gate.batches == [[0, 1, 2, 3, 4]]


async def test_those_who_wait_while_a_commit_runs_form_the_next_batch() -> None:
    """One batch at a time, and bounded, when there is too little to overlap."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits(batch_max=3))
    callers = [asyncio.create_task(committer.submit([0]))]
    await turn()
    callers += [asyncio.create_task(committer.submit([number])) for number in range(1, 6)]
    await turn()
    assert gate.batches == [[0]]
    gate.open.set()
    await asyncio.gather(*callers)
    assert gate.batches == [[0], [1, 2, 3], [4, 5]]


async def test_it_is_told_how_many_wait_for_the_next_batch() -> None:
    """Whoever is in the batch under way waits no more, and neither does who was turned away."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    callers = [asyncio.create_task(committer.submit([0]))]
    await turn()
    callers += [asyncio.create_task(committer.submit([number, number])) for number in range(1, 3)]
    await turn()
    assert REGISTRY.get_sample_value("cashback_purchases_waiting") == 4
    gate.open.set()
    await asyncio.gather(*callers)
    assert REGISTRY.get_sample_value("cashback_purchases_waiting") == 0


async def test_a_second_batch_runs_beside_the_first_when_it_is_worth_it() -> None:
    """Large batches overlap, and never more of them than allowed."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(
        gate.commit, Limits(batch_max=2, in_flight_max=2, overlap_min=2)
    )
    callers = [asyncio.create_task(committer.submit([number, number])) for number in range(4)]
    await turn()
    assert gate.batches == [[0, 0], [1, 1]]
    gate.open.set()
    await asyncio.gather(*callers)
    assert gate.batches[2:] == [[2, 2], [3, 3]]


async def test_a_second_batch_is_worth_it_from_24_on() -> None:
    """Unless told otherwise: a batch costs as much as a dozen purchases (ADR 0088)."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    callers = [asyncio.create_task(committer.submit([0]))]
    await turn()
    callers.append(asyncio.create_task(committer.submit([1] * 23)))
    await turn()
    assert len(gate.batches) == 1
    callers.append(asyncio.create_task(committer.submit([2])))
    await turn()
    assert gate.batches[1:] == [[1] * 23 + [2]]
    gate.open.set()
    await asyncio.gather(*callers)


async def test_too_many_waiting_are_turned_away_at_once() -> None:
    """The queue is bounded, and says so before anything is taken on."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits(waiting_max=3))
    first = asyncio.create_task(committer.submit([0]))
    await turn()
    others = asyncio.create_task(committer.submit([1, 2, 3]))
    await turn()
    with pytest.raises(Overloaded):
        await committer.submit([4])
    gate.open.set()
    assert await first == ["done 0"]
    assert await others == ["done 1", "done 2", "done 3"]


async def test_a_cancelled_caller_takes_back_what_waits_and_leaves_what_is_under_way() -> None:
    """A client that hangs up harms neither the batch it is in nor the next."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    under_way = asyncio.create_task(committer.submit([0]))
    neighbour = asyncio.create_task(committer.submit([1]))
    await turn()
    waiting = asyncio.create_task(committer.submit([2]))
    staying = asyncio.create_task(committer.submit([3]))
    await turn()
    under_way.cancel()
    waiting.cancel()
    await turn()
    gate.open.set()
    assert await neighbour == ["done 1"]
    assert await staying == ["done 3"]
    assert gate.batches == [[0, 1], [3]]


async def test_a_failure_of_one_item_reaches_its_caller_only() -> None:
    """Neighbours in the same batch have their results."""
    gate = Gate()
    gate.open.set()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    failed, done = await asyncio.gather(committer.submit([1_000]), committer.submit([1]), return_exceptions=True)
    assert isinstance(failed, Unavailable)
    assert done == ["done 1"]


async def test_a_commit_that_breaks_fails_its_batch_and_not_the_committer() -> None:
    """A bug in one batch is told to its callers, and the next batch runs."""

    async def commit(items: Sequence[int]) -> list[str | CashbackError]:
        return [f"{10 // item}" for item in items]

    committer: GroupCommitter[int, str] = GroupCommitter(commit, Limits())
    with pytest.raises(Broken) as broken:
        await committer.submit([0])
    assert isinstance(broken.value.__cause__, ZeroDivisionError)
    assert await committer.submit([5]) == ["2"]


async def test_a_batch_logs_as_the_process_and_as_no_request() -> None:
    """What is bound at the start stands in its lines, what a request bound does not."""

    async def commit(items: Sequence[int]) -> list[str | CashbackError]:
        return [str(structlog.contextvars.get_contextvars()) for _ in items]

    with structlog.contextvars.bound_contextvars(process="api"):
        committer: GroupCommitter[int, str] = GroupCommitter(commit, Limits())
        with structlog.contextvars.bound_contextvars(request="of a client"):
            assert await committer.submit([1]) == ["{'process': 'api'}"]


async def test_closing_answers_everybody_who_is_in_and_nobody_who_comes_after() -> None:
    """SIGTERM loses nothing that was taken on."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    first = asyncio.create_task(committer.submit([0]))
    await turn()
    second = asyncio.create_task(committer.submit([1]))
    await turn()
    closing = asyncio.create_task(committer.close())
    await turn()
    with pytest.raises(Overloaded):
        await committer.submit([2])
    gate.open.set()
    await closing
    assert first.result() == ["done 0"]
    assert second.result() == ["done 1"]


async def test_closing_does_not_wait_for_a_commit_that_hangs() -> None:
    """It is cancelled and rolls back; callers who stayed are told to ask again, and nothing new is begun."""
    gate = Gate()
    committer: GroupCommitter[int, str] = GroupCommitter(gate.commit, Limits())
    under_way = asyncio.create_task(committer.submit([0]))
    await turn()
    waiting = asyncio.create_task(committer.submit([1]))
    await turn()
    await committer.close(within_s=0.01)
    told = await asyncio.gather(under_way, waiting, return_exceptions=True)
    assert [type(answer) for answer in told] == [Unavailable, Unavailable]
    assert gate.batches == [[0]]
