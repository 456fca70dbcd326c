"""The small HTTP server beside a worker: alive, ready, metrics, and nothing else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest

from cashback.kernel.errors import Unavailable
from cashback.kernel.lifecycle import CannotListen, Check, Probe
from cashback.kernel.lifecycle.probe import CHECK_TIMEOUT_S
from cashback.processes.embedded import HOST, free_port
from tests.support.facts import eventually

ANSWERS_WITHIN_S = 10.0
"""A check that hangs is given a second; without that deadline, the answer would never come."""


async def fine() -> None:
    """Answer at once."""


async def failing() -> None:
    """Say what is wrong."""
    raise Unavailable("the broker is gone")


async def hanging() -> None:
    """Never answer."""
    await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def probed(checks: Mapping[str, Check]) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a running probe, and see it stop when told."""
    port, stop = free_port(), asyncio.Event()
    running = asyncio.create_task(Probe(host=HOST, port=port, checks=checks).run(stop))
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}", timeout=2 * ANSWERS_WITHIN_S) as client:

        async def answers() -> httpx.Response | None:
            try:
                return await client.get("/livez")
            except httpx.ConnectError:
                return None

        await eventually(answers, within_s=10, what="the probe answers")
        yield client
    stop.set()
    async with asyncio.timeout(ANSWERS_WITHIN_S):
        await running


async def test_a_worker_is_ready_when_everything_it_needs_answers() -> None:
    """200 to the orchestrator, and numbers to Prometheus."""
    async with probed({"database": fine, "broker": fine}) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "problems": {}})
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=")
        assert "python_info" in metrics.text


async def test_a_worker_is_alive_though_not_ready() -> None:
    """503 names each dependency that fails or hangs, and does not wait for the latter."""
    async with probed({"database": fine, "broker": failing, "adapter": hanging}) as client:
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["problems"] == {
            "broker": "the broker is gone",
            "adapter": f"no answer within {CHECK_TIMEOUT_S} s",
        }
        assert (await client.get("/livez")).status_code == 200


async def test_there_is_nothing_else() -> None:
    """404, as a problem."""
    async with probed({}) as client:
        response = await client.get("/v1/purchases")
        assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")
        assert response.json()["code"] == "route_unknown"


async def test_a_taken_port_is_told() -> None:
    """The process ends instead of running unobserved."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port}: Address already in use"):
            await Probe(host=HOST, port=port, checks={}).run(asyncio.Event())
