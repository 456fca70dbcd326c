"""`bulk`: how many purchases a second `POST /v1/purchases/bulk` records, beside the one write path without HTTP.

Method. As `record` for what is held against: `Purchases.record` in this process, with as many concurrent callers as
serve it best. Ours is the real `cashback api` on the same database, asked by this process for a thousand purchases a
request, as many requests at once as serve it best; both in turns. Then one stream of 100,000 lines, with what it takes
of memory at most: the peak of the process after it, less the peak before. Every row of the whole run is counted.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import msgspec

from cashback.kernel.clock import SystemClock, monotonic_s
from cashback.kernel.db import Database
from cashback.kernel.ids import new_id
from cashback.processes.embedded import HOST, CashbackProcess
from cashback.purchases import Purchases
from tests.benchmarks.checks import Check, at_least, exactly, reported
from tests.benchmarks.desks import settings_of
from tests.benchmarks.pairs import best, in_turns
from tests.benchmarks.record import CALLERS, TRIAL_S, Callers
from tests.benchmarks.shop import AMOUNT_MINOR, Shop, open_shop
from tests.support.memory import peak_mib

ROUND_S: Final = 4
AT_ONCE: Final = (1, 2, 4)
EACH: Final = 1_000
LINES: Final = 100_000
LINES_A_PIECE: Final = 200
ANSWER_WITHIN_S: Final = 300.0


class Told(msgspec.Struct, frozen=True):
    """What of an answer is counted."""

    recorded: int
    refused: int


class Bulks:
    """A merchant that tells many purchases in a request; counts requests, and what was recorded."""

    def __init__(self, http: httpx.AsyncClient, shop: Shop) -> None:
        """Tell purchases of the shop's people."""
        self._http = http
        self._shop = shop
        self._numbers = count()
        self.recorded = self.refused = self.sent = 0

    async def rate(self, *, at_once: int) -> float:
        """Return purchases a second of one round."""
        before, begin_s = self.recorded, monotonic_s()
        await asyncio.gather(*(self._until(begin_s + ROUND_S) for _ in range(at_once)))
        return (self.recorded - before) / (monotonic_s() - begin_s)

    async def stream(self) -> float:
        """Return purchases a second of one stream."""
        before, begin_s = self.recorded, monotonic_s()
        await self._send("/v1/purchases/stream", self._lines(), "application/x-ndjson")
        return (self.recorded - before) / (monotonic_s() - begin_s)

    async def _until(self, end_s: float) -> None:
        """Send one bulk after the other until the time is over."""
        while monotonic_s() < end_s:
            body = msgspec.json.encode({"purchases": [self._purchase() for _ in range(EACH)]})
            await self._send("/v1/purchases/bulk", body, "application/json")

    async def _send(self, path: str, content: bytes | AsyncIterator[bytes], kind: str) -> None:
        """Send one request and count what came of it."""
        headers = {"Content-Type": kind, "Idempotency-Key": new_id("req")}
        self.sent += 1
        answer = await self._http.post(path, content=content, headers=headers)
        if answer.is_error:
            raise RuntimeError(f"{path} was answered: {answer.text}")
        told = msgspec.json.decode(answer.content, type=Told)
        self.recorded += told.recorded
        self.refused += told.refused

    async def _lines(self) -> AsyncIterator[bytes]:
        """Yield the lines of a stream, some at a time."""
        for _ in range(LINES // LINES_A_PIECE):
            yield b"".join(msgspec.json.encode(self._purchase()) + b"\n" for _ in range(LINES_A_PIECE))

    def _purchase(self) -> dict[str, object]:
        """Return the body of the next purchase, of the next user."""
        number, cast = next(self._numbers), self._shop.cast
        return {
            "merchant_id": cast.merchant_id,
            "user_id": cast.user_ids[number % len(cast.user_ids)],
            "amount_minor": str(AMOUNT_MINOR),
            "currency": "USD",
            "occurred_at": "2026-03-01T12:00:00Z",
            "reference": f"bulk {number:027d}",
        }


async def measure(folder: Path) -> list[Check]:
    """Return the figures."""
    async with open_shop(folder) as shop, Database.open(shop.dsn, name="bench") as database:
        port = shop.plan.ports.api
        process = CashbackProcess("api", log=folder / "api.log", port=port, settings=settings_of(folder, shop))
        await asyncio.to_thread(process.start)
        try:
            return await _measured(shop, database, process)
        finally:
            await asyncio.to_thread(process.stop)


async def _measured(shop: Shop, database: Database, process: CashbackProcess) -> list[Check]:
    """Return the figures of a running API."""
    headers = {"Authorization": f"Bearer {shop.operator_key}"}
    url = f"http://{HOST}:{process.port}"
    async with (
        httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_WITHIN_S) as http,
        Purchases.open(database, clock=SystemClock()) as purchases,
    ):
        before = await shop.rows()
        bulks, callers = Bulks(http, shop), Callers(purchases, shop.cast)
        await callers.warm_up()
        at_once = await best({number: partial(bulks.rate, at_once=number) for number in AT_ONCE})
        many = await best({number: partial(callers.rate, callers=number, duration_s=TRIAL_S) for number in CALLERS})
        pairs = await in_turns(
            partial(bulks.rate, at_once=at_once), partial(callers.rate, callers=many, duration_s=ROUND_S)
        )
        peak = peak_mib(process.pid)
        streamed = await bulks.stream()
        grown = peak_mib(process.pid) - peak
        astray = await shop.astray(before, bulks.recorded + callers.recorded, keys=bulks.sent)
    return [
        at_least("bulk rate against recording without HTTP", pairs.ratio, "times", bound=0.6),
        reported(f"bulk, {EACH:,} a request ({at_once} at once)", median(pairs.ours), "purchases/s"),
        reported(f"Purchases.record ({many} callers)", median(pairs.theirs), "purchases/s"),
        reported(f"one stream of {LINES:,} lines", streamed, "purchases/s"),
        reported("what it adds to the peak of the API's memory", grown, "MiB"),
        exactly("purchases refused", bulks.refused, "purchases", expected=0),
        exactly("rows lost or doubled, balances wrong", astray, "rows", expected=0),
    ]
