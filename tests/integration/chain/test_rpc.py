"""The adapter as its callers see it, over real gRPC."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import cast

import msgspec
import psycopg
import pytest
from grpclib.client import Channel
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from prometheus_client import REGISTRY

from cashback.chain.rpc.administration import Administration
from cashback.chain.rpc.edge import MESSAGE_BYTES_MAX, STREAMS_MAX
from cashback.chain.rpc.errors import DOMAIN, DetailsCodec
from cashback.chain.rpc.server import AdapterServer
from cashback.kernel.errors import Unavailable
from cashback.processes import adapter
from cashback.processes.embedded import free_port
from cashback.wire.cashback.chain import v1
from cashback.wire.google.rpc import ErrorInfo
from cashback.wire.grpc.health.v1 import HealthCheckRequest, HealthCheckResponseServingStatus, HealthStub
from tests.integration.chain.support import Bench, assembled, mint, running, serving
from tests.integration.chain.waiting import WITHIN_S, eventually

HOST = "127.0.0.1"


class Served(msgspec.Struct, frozen=True):
    """A caller of an adapter that listens, and the switch that drains it."""

    stub: v1.ChainAdapterServiceStub
    health: HealthStub
    stop: asyncio.Event
    port: int


@asynccontextmanager
async def listening(bench: Bench) -> AsyncIterator[Served]:
    """Give a caller of the bench's adapter; leaving drains it."""
    port = free_port()
    parts = bench.adapter
    server = AdapterServer(
        host=HOST,
        port=port,
        services=parts.services,
        administration=Administration(
            parts.halting, parts.rotation, parts.recovering, cancellations=parts.cancellations, releases=parts.releases
        ),
    )

    async def look() -> bool | None:
        with suppress(Unavailable):
            await server.check()
            return True
        return None

    async with running(server.run) as stop, Channel(HOST, port, status_details_codec=DetailsCodec()) as channel:
        await eventually(look)
        yield Served(v1.ChainAdapterServiceStub(channel), HealthStub(channel), stop, port)


def watched(served: Served, *, epoch: str = "", after: int = 0) -> AsyncGenerator[v1.WatchOutcomesResponse, None]:
    """Return a stream of outcomes after a cursor; close it."""
    answers = served.stub.watch_outcomes(v1.WatchOutcomesRequest(epoch=epoch, after_sequence=after))
    return cast("AsyncGenerator[v1.WatchOutcomesResponse, None]", answers)


def asked(number: int, *, amount: int = 1, cashback_id: str = "cb_1") -> v1.Mint:
    """Return a mint on the wire."""
    return v1.Mint(number=number, cashback_id=cashback_id, recipient=b"\7" * 20, amount=amount)


async def outcomes(served: Served, *, epoch: str = "", after: int = 0, many: int) -> list[v1.Outcome]:
    """Return the first `many` outcomes of a stream that begins after a cursor."""
    found: list[v1.Outcome] = []
    async with aclosing(watched(served, epoch=epoch, after=after)) as answers:
        async for answer in answers:
            found += answer.outcomes
            if len(found) >= many:
                break
    return found


async def test_each_call_is_timed_under_its_method_and_how_it_ended(settings: adapter.Settings) -> None:
    """By the conventions' names, the refused ones included: a call with too many mints is the caller's own fault."""
    count = "rpc_server_call_duration_seconds_count"
    labels = {"rpc_system_name": "grpc", "rpc_method": "cashback.chain.v1.ChainAdapterService/GetMints"}
    ended = [labels | {"rpc_response_status_code": status} for status in ("OK", "INVALID_ARGUMENT")]
    before = [REGISTRY.get_sample_value(count, one) or 0 for one in ended]
    async with serving(settings) as bench, listening(bench) as served:
        await served.stub.get_mints(v1.GetMintsRequest(numbers=[1]))
        with pytest.raises(GRPCError):
            await served.stub.get_mints(v1.GetMintsRequest(numbers=[1] * 100_000))
    after = [REGISTRY.get_sample_value(count, one) or 0 for one in ended]
    assert [late - early for late, early in zip(after, before, strict=True)] == [1, 1]


async def test_a_caller_submits_watches_and_asks(settings: adapter.Settings) -> None:
    """Each call of the contract answers, and they agree."""
    async with serving(settings) as bench, listening(bench) as served:
        submitted = await served.stub.submit_mints(v1.SubmitMintsRequest(mints=[asked(1), asked(2, amount=0)]))
        assert [entry.result for entry in submitted.entries] == [v1.SubmitResult.ACCEPTED, v1.SubmitResult.INVALID]
        assert submitted.entries[1].reason == "amount_out_of_range"
        await bench.settled([1])
        [outcome] = await outcomes(served, many=1)
        assert (outcome.sequence, outcome.number, outcome.kind) == (1, 1, v1.OutcomeKind.MINTED)
        got = await served.stub.get_mints(v1.GetMintsRequest(numbers=[1, 2]))
        assert [entry.state for entry in got.entries] == [v1.MintState.FINAL, v1.MintState.UNKNOWN]
        assert got.entries[0].accepted_at_ms <= got.entries[0].included_at_ms <= got.entries[0].final_at_ms
        logs = await served.stub.list_mint_logs(v1.ListMintLogsRequest())
        assert [(log.number, log.recipient, log.amount) for log in logs.logs] == [
            (1, outcome.recipient, str(outcome.amount))
        ]
        assert logs.covered_to_block == logs.at_block
        packed = await served.stub.list_mint_logs(v1.ListMintLogsRequest(is_packed=True))
        assert packed.logs == []
        assert packed.columns == v1.ListMintLogsResponseColumns(
            numbers=(1).to_bytes(8),
            recipients=outcome.recipient,
            amounts=outcome.amount.to_bytes(32),
            block_numbers=outcome.block_number.to_bytes(8),
            transaction_hashes=outcome.transaction_hash,
        )
        assert (logs.total_supply, logs.burned) == (str(outcome.amount), "0")
        balances = await served.stub.get_balances(v1.GetBalancesRequest(addresses=[outcome.recipient, b"\10" * 20]))
        assert balances.balances == [str(outcome.amount), "0"]
        status = await served.stub.get_status(v1.GetStatusRequest())
        assert (status.chain_id, status.halted_reason, status.accepted_waiting) == (31_337, "", 0)
        assert [(lane.next_nonce, lane.mined_nonce, lane.in_flight) for lane in status.lanes] == [(1, 1, 0)]
        assert [endpoint.is_healthy for endpoint in status.endpoints] == [True]
        assert status.standing == v1.GetStatusResponseStanding(
            decimals=6, is_minter=True, operators=[lane.address for lane in status.lanes]
        )
        assert 0 < status.final_mined_at_s <= status.head_mined_at_s


async def test_a_stream_resumes_after_its_cursor_and_starts_over_for_another_epoch(settings: adapter.Settings) -> None:
    """A cursor of the current epoch is believed; of any other epoch, not even its sequence."""
    async with serving(settings) as bench:
        await bench.submit(*[mint(number) for number in range(1, 6)])
        await bench.settled(range(1, 6))
        async with listening(bench) as served:
            status = await served.stub.get_status(v1.GetStatusRequest())
            assert [one.sequence for one in await outcomes(served, epoch=status.epoch, after=3, many=2)] == [4, 5]
            assert [one.sequence for one in await outcomes(served, epoch="epo_other", after=3, many=5)] == [
                1,
                2,
                3,
                4,
                5,
            ]


@pytest.mark.invariant("I5")
async def test_a_stream_whose_database_was_restored_refuses_who_has_read_further(settings: adapter.Settings) -> None:
    """I5: also one that was open all the while: the next outcomes would stand where it has been read already."""
    async with serving(settings) as bench:
        await bench.submit(mint(1), mint(2))
        await bench.settled([1, 2])
        async with listening(bench) as served:
            status = await served.stub.get_status(v1.GetStatusRequest())
            stream = watched(served, epoch=status.epoch, after=2)
            assert (await anext(stream)).outcomes == []
            await bench.rows("update chain.network set last_sequence = 1 returning 1")
            with pytest.raises(GRPCError) as refusal:
                await anext(stream)
            assert refusal.value.status is Status.FAILED_PRECONDITION
            assert refusal.value.details == [ErrorInfo(reason="cursor_ahead", domain=DOMAIN)]


@pytest.mark.invariant("I5")
async def test_a_stream_whose_outcomes_were_replaced_refuses_who_has_read_the_old_ones(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """I5: a restored database whose stream has grown as far again, found by a reader who is connected all the while."""
    async with serving(settings) as bench:
        await bench.submit(mint(1), mint(2), mint(3))
        await bench.settled([1, 2, 3])
        async with listening(bench) as served:
            epoch = (await served.stub.get_status(v1.GetStatusRequest())).epoch
            found = await outcomes(served, many=3)
            request = v1.WatchOutcomesRequest(epoch=epoch, after_sequence=1, after_number=found[0].number)
            stream = cast("AsyncGenerator[v1.WatchOutcomesResponse, None]", served.stub.watch_outcomes(request))
            assert [one.sequence for one in (await anext(stream)).outcomes] == [2, 3]
            with psycopg.connect(chain_dsn) as connection:
                connection.execute("delete from chain.outcomes where sequence = 2")
                connection.execute("update chain.outcomes set number = %s where sequence = 3", (found[1].number,))
            with pytest.raises(GRPCError) as refusal:
                await anext(stream)
            assert refusal.value.details == [ErrorInfo(reason="cursor_foreign", domain=DOMAIN)]


@pytest.mark.invariant("I5")
async def test_a_restored_stream_with_a_new_name_is_told_from_its_beginning(
    settings: adapter.Settings, chain_dsn: str
) -> None:
    """I5: what deploy/README.md says of backups: whatever the cursor, nothing is missed."""
    async with serving(settings) as bench:
        await bench.submit(mint(1), mint(2))
        await bench.settled([1, 2])
        async with listening(bench) as served:
            before = (await served.stub.get_status(v1.GetStatusRequest())).epoch
            with psycopg.connect(chain_dsn) as connection:
                connection.execute("update chain.network set epoch = 'epo_' || gen_random_uuid()")
                connection.execute("update chain.outcomes set epoch = (select epoch from chain.network)")
            assert [one.sequence for one in await outcomes(served, epoch=before, after=9, many=2)] == [1, 2]


async def test_a_waiting_stream_gets_an_outcome_as_soon_as_it_is_written(
    settings: adapter.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is woken, and otherwise hears a heartbeat."""
    async with serving(settings) as bench, listening(bench) as served:
        stream = watched(served)
        assert (await anext(stream)).outcomes == []
        assert (await anext(stream)).outcomes == []
        # From now on it does not look by itself: what it tells, it tells because it was woken.
        monkeypatch.setattr("cashback.chain.service.stream._POLL_S", 600.0)
        await bench.submit(mint(1))
        await bench.settled([1])
        async with asyncio.timeout(WITHIN_S):
            # Heartbeats may lie before it, as many as the mint took.
            while not (told := (await anext(stream)).outcomes):
                pass
        assert [outcome.number for outcome in told] == [1]
        await stream.aclose()


async def test_a_refused_question_carries_its_stable_code(settings: adapter.Settings) -> None:
    """`google.rpc.ErrorInfo` says the reason for programs."""
    async with assembled(settings) as bench, listening(bench) as served:
        with pytest.raises(GRPCError) as refusal:
            await served.stub.get_mints(v1.GetMintsRequest(numbers=[*range(1, 1_002)]))
        assert refusal.value.status is Status.INVALID_ARGUMENT
        assert refusal.value.details == [ErrorInfo(reason="question_too_large", domain=DOMAIN)]


async def test_a_message_beyond_the_limit_is_refused_unread(settings: adapter.Settings) -> None:
    """Its announced length is enough."""
    async with assembled(settings) as bench, listening(bench) as served:
        with pytest.raises(GRPCError) as refusal:
            await served.stub.submit_mints(v1.SubmitMintsRequest(mints=[asked(1, cashback_id="x" * MESSAGE_BYTES_MAX)]))
        assert refusal.value.status is Status.RESOURCE_EXHAUSTED
        [entry] = (await served.stub.submit_mints(v1.SubmitMintsRequest(mints=[asked(1)]))).entries
        assert entry.result is v1.SubmitResult.ACCEPTED


async def test_there_are_at_most_so_many_streams(settings: adapter.Settings) -> None:
    """One more is told to come back later, and unary calls go on."""
    async with assembled(settings) as bench, listening(bench) as served:
        streams = [watched(served) for _ in range(STREAMS_MAX)]
        await asyncio.gather(*(anext(stream) for stream in streams))
        with pytest.raises(GRPCError) as refusal:
            await anext(watched(served))
        assert refusal.value.status is Status.RESOURCE_EXHAUSTED
        await served.stub.get_status(v1.GetStatusRequest())
        for stream in streams:
            await stream.aclose()


async def test_a_draining_server_says_so_ends_streams_and_refuses_calls(settings: adapter.Settings) -> None:
    """A caller learns at once that it must go elsewhere; the server ends although its clients stay connected."""
    async with assembled(settings) as bench, listening(bench) as served:
        assert (await served.health.check(HealthCheckRequest())).status is HealthCheckResponseServingStatus.SERVING
        stream = watched(served)
        await anext(stream)
        served.stop.set()
        async with asyncio.timeout(WITHIN_S):
            # A heartbeat may still have been on its way.
            assert not any([answer.outcomes async for answer in stream])
        with pytest.raises((GRPCError, StreamTerminatedError, ConnectionError)):
            await served.stub.submit_mints(v1.SubmitMintsRequest(mints=[asked(1)]), timeout=WITHIN_S)


async def test_an_unknown_service_is_not_healthy(settings: adapter.Settings) -> None:
    """The health service answers for what is served here alone."""
    async with assembled(settings) as bench, listening(bench) as served:
        with pytest.raises(GRPCError) as refusal:
            await served.health.check(HealthCheckRequest(service="other.Service"))
        assert refusal.value.status is Status.NOT_FOUND
