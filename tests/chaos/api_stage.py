"""An API that ends itself where it is told, beside the system's own, which is asked the same again."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from cashback.kernel.http.commands import REPLAYED
from cashback.processes.embedded import HOST, CashbackProcess, free_port
from cashback.processes.stack import PROCESSES
from tests.chaos.adapter_stage import DIES_WITHIN_S, ended_by_itself
from tests.support.stack import WholeSystem

LINES: Final = "application/x-ndjson"
ANSWER_WITHIN_S: Final = 30.0


async def dies_of(
    stack: WholeSystem, trap: str, path: str, sent: dict[str, Any], *, log: Path, within_s: float = DIES_WITHIN_S
) -> bytes | None:
    """Return what an API answered that ended itself at `trap` when it was asked, None when it did not come to that.

    It is a process of its own over the system's database, and is asked until there is nobody to answer any more.

    Raises:
        AssertionError: it never got there, or ended otherwise.
    """
    port = free_port()
    settings = stack.settings("api") | _hurt(trap, port)
    process = CashbackProcess(*PROCESSES["api"], log=log, port=port, settings=settings)
    url, headers = f"http://{HOST}:{port}", {"Authorization": f"Bearer {stack.operator_key}"}
    answers: list[bytes] = []

    async def ask() -> None:
        """Note the answer, if there is one."""
        try:
            answers.append((await http.post(path, **sent)).content)
        except httpx.TransportError:
            return

    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=ANSWER_WITHIN_S) as http:
        try:
            await ended_by_itself(process, trap, meanwhile=ask, within_s=within_s)
        finally:
            await asyncio.to_thread(process.kill)
    return answers[0] if answers else None


async def again(http: httpx.AsyncClient, path: str, sent: dict[str, Any]) -> httpx.Response:
    """Return what the system's own API answers to the same request."""
    response = await http.post(path, **sent, timeout=ANSWER_WITHIN_S)
    assert response.status_code == HTTPStatus.CREATED, response.text
    return response


def request_of(body: object, key: str) -> dict[str, Any]:
    """Return a request's body and headers: lines when it is bytes."""
    content, kind = (body, LINES) if isinstance(body, bytes) else (msgspec.json.encode(body), "application/json")
    return {"content": content, "headers": {"Idempotency-Key": key, "Content-Type": kind}}


def is_replay(response: httpx.Response) -> bool:
    """Tell whether an answer is that of before; of parts all must be."""
    told = response.json()
    if "replayed" in told:
        assert (told["recorded"] == 0) == (told["replayed"] > 0)
        return bool(told["replayed"])
    return bool(response.headers.get(REPLAYED) == "true")


def _hurt(trap: str, port: int) -> dict[str, str]:
    """Return the settings of an API that is to be hurt, at a port of its own."""
    return {
        "CASHBACK_DEVELOPMENT": "true",
        "CASHBACK_FAILPOINTS": trap,
        "CASHBACK_API_PORT": str(port),
        "CASHBACK_PROBE_PORT": str(free_port()),
    }
