"""Export: whole batches in OTLP's JSON, patience with a collector that is away, and every span that is lost counted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.config import SettingsInvalid, load
from cashback.kernel.telemetry import Kind, Value, is_tracing, record_with, span
from cashback.kernel.telemetry import export as exports
from cashback.kernel.telemetry.export import QUEUE_MAX, Exporter, exporting
from cashback.kernel.telemetry.settings import TraceSettings
from tests.support.collector import Collector, collecting
from tests.support.facts import eventually

ONE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Give a collector."""
    with collecting() as collector:
        yield collector


@asynccontextmanager
async def running(endpoint: str) -> AsyncIterator[Exporter]:
    """Yield an exporter that runs and is handed every span."""
    exporter = Exporter(endpoint, process="worker test", every_s=0.02)
    task = asyncio.create_task(exporter.run())
    try:
        with record_with(exporter.put):
            yield exporter
    finally:
        task.cancel()
        await asyncio.wait({task})


def make(count: int) -> None:
    """Make spans."""
    for place in range(count):
        with span(f"span {place}", parent=ONE):
            pass


def lost(reason: str) -> Callable[[], float]:
    """Return a function that tells how many more spans were dropped for a reason than by now."""

    def total() -> float:
        return REGISTRY.get_sample_value("cashback_trace_spans_dropped_total", {"reason": reason}) or 0.0

    before = total()
    return lambda: total() - before


async def arrived(collector: Collector, count: int) -> None:
    """Return when the collector has so many spans."""

    async def look() -> bool | None:
        return len(collector.spans) >= count or None

    await eventually(look, within_s=10, what=f"{count} spans", every_s=0.01)


async def counted(count: Callable[[], float], expected: int) -> None:
    """Return when so many spans are counted as lost."""

    async def look() -> bool | None:
        return count() == expected or None

    await eventually(look, within_s=10, what=f"{expected} spans lost", every_s=0.01)


async def test_an_address_that_is_none_costs_its_spans_and_ends_nothing() -> None:
    """It passes for a URL at the start; each batch is counted as lost, the second one as well as the first."""
    dropped = lost("unforeseen")
    async with running("http://[::1"):
        make(1)
        await counted(dropped, 1)
        make(1)
        await counted(dropped, 2)


async def test_a_span_arrives_with_all_that_was_said_of_it(collector: Collector) -> None:
    """Ids, kind, parent, links, times, attributes of each type, failure and service."""
    async with running(collector.endpoint):
        said: dict[str, Value] = {"text": "a", "number": 2**60, "is_so": True}
        with pytest.raises(KeyError), span("work", kind=Kind.CLIENT, parent=ONE, links=[ONE], attributes=said) as made:
            raise KeyError
        await arrived(collector, 1)
    assert collector.problems == []
    [told] = collector.spans
    assert (told.trace_id, told.id, told.parent_id) == (ONE[3:35], made.traceparent[36:52], ONE[36:52])
    assert (told.service, told.name, told.kind, told.is_error) == ("worker-test", "work", 3, True)
    assert told.links == ((ONE[3:35], ONE[36:52]),)
    assert told.attributes == {"text": "a", "number": str(2**60), "is_so": True, "error.type": "KeyError"}


async def test_many_spans_go_in_batches(collector: Collector) -> None:
    """1,500 in three requests, in order, none lost."""
    async with running(collector.endpoint):
        make(1_500)
        await arrived(collector, 1_500)
    assert collector.requests == 3
    assert [one.name for one in collector.spans] == [f"span {place}" for place in range(1_500)]


async def test_a_full_queue_drops_what_comes_and_counts_it() -> None:
    """The queue is bounded, and nobody waits for room in it."""
    dropped = lost("queue_full")
    exporter = Exporter(NOBODY, process="test")
    with record_with(exporter.put):
        make(QUEUE_MAX + 7)
    assert dropped() == 7


async def test_a_collector_that_has_no_time_is_asked_again(collector: Collector) -> None:
    """503 and 429 pass, and nothing is lost."""
    collector.answers = [(503, b""), (429, b"")]
    async with running(collector.endpoint):
        make(1)
        await arrived(collector, 1)
    assert collector.requests == 3


async def test_what_a_collector_refuses_is_dropped_and_counted_and_the_next_goes_on(collector: Collector) -> None:
    """400 will be 400 again; and of a batch that was taken the collector may have rejected some."""
    refused, rejected = lost("refused"), lost("rejected")
    collector.answers = [(400, b"no"), (200, b'{"partialSuccess":{"rejectedSpans":"2"}}')]
    async with running(collector.endpoint):
        make(3)
        await counted(refused, 3)
        make(5)
        await counted(rejected, 2)
    assert len(collector.spans) == 5


async def test_without_an_answer_spans_are_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the last try, counted; the work that made them never noticed."""
    monkeypatch.setattr(exports, "TRIES_MAX", 2)
    unanswered = lost("unanswered")
    async with running(NOBODY):
        make(4)
        await counted(unanswered, 4)


async def test_the_last_spans_of_a_process_are_exported_before_it_ends(collector: Collector) -> None:
    """Without waiting for the second to be over; afterwards nobody is told any more."""
    async with exporting(TraceSettings(otlp_endpoint=collector.endpoint), process="test"):
        make(3)
    assert len(collector.spans) == 3
    assert not is_tracing()


async def test_a_process_does_not_wait_long_for_a_collector_that_is_away() -> None:
    """What could not be told is counted, under way or waiting; ending takes no longer than a process has."""
    ended = lost("process_ended")
    async with asyncio.timeout(5):
        async with exporting(TraceSettings(otlp_endpoint=NOBODY), process="test"):
            make(600)
    assert ended() == 600


@pytest.mark.parametrize("ratio", ["-0.1", "1.1", "half"])
def test_a_ratio_is_from_nothing_to_all(ratio: str) -> None:
    """Told at the start, with the setting's name."""
    with pytest.raises(SettingsInvalid, match="CASHBACK_TRACE_RATIO is wrong"):
        load(TraceSettings, {"CASHBACK_TRACE_RATIO": ratio})


def test_an_endpoint_is_a_url() -> None:
    """And left out there is none."""
    assert load(TraceSettings, {}).otlp_endpoint == ""
    with pytest.raises(SettingsInvalid, match="CASHBACK_OTLP_ENDPOINT is wrong"):
        load(TraceSettings, {"CASHBACK_OTLP_ENDPOINT": "collector"})
