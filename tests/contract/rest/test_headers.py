"""What every answer tells a browser: those of the routes, and what refuses before any route or beside them."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from cashback.kernel.lifecycle.bounds import HEAD_BYTES_MAX
from cashback.processes.embedded import HOST
from tests.contract.rest.drawn import operations
from tests.contract.rest.served import Served, serving
from tests.contract.rest.world import Caller, Rest
from tests.integration.ledger.world import Dsns, new_key

SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}
UNCACHED = SAFE | {"cache-control": "no-store"}
HSTS = "max-age=31536000"
OF_BROWSERS = {*UNCACHED, "strict-transport-security"}


def told(response: httpx.Response) -> dict[str, str]:
    """Return what an answer tells browsers, each header once."""
    found = [(name, value) for name, value in response.headers.multi_items() if name in OF_BROWSERS]
    assert len(found) == len(dict(found)), found
    return dict(found)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_operation_has_them_whoever_asks(rest: Rest, operator: Caller) -> None:
    """Whether it is done, refused, or asked by nobody with a key."""
    statuses = set()
    for one in operations(rest.app.openapi_schema.to_schema(), {}):
        for caller in (operator, rest.nobody):
            headers = {**one.headers, "Idempotency-Key": new_key()}
            response = await caller.http.request(
                one.method, one.url(), headers=headers, **({"json": one.bodies[0]} if one.bodies else {})
            )
            assert told(response) == UNCACHED, one.name
            statuses.add(response.status_code)
    assert {200, 201, 401, 404, 422} <= statuses


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "method, path, content, status",
    [
        pytest.param("GET", "/nowhere", b"", 404, id="no-route"),
        pytest.param("DELETE", "/v1/purchases", b"", 405, id="no-method"),
        pytest.param("OPTIONS", "/v1/purchases", b"", 204, id="options"),
        pytest.param("HEAD", "/v1/programmes/current", b"", 200, id="head"),
        pytest.param("POST", "/v1/users", b"{", 400, id="no-json"),
        pytest.param("POST", "/v1/users", b" " * 100_000, 413, id="too-large"),
        pytest.param("GET", "/livez", b"", 200, id="alive"),
        pytest.param("GET", "/readyz", b"", 200, id="ready"),
    ],
)
async def test_refusals_and_health_have_them(
    operator: Caller, method: str, path: str, content: bytes, status: int
) -> None:
    """The framework's own answers, and those without a body."""
    response = await operator.http.request(method, path, content=content, headers={"Idempotency-Key": new_key()})
    assert (response.status_code, told(response)) == (status, UNCACHED)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_stands_in_the_repository_may_be_kept(rest: Rest) -> None:
    """The document is everybody's: all the others, but for `no-store`."""
    assert told(await rest.nobody.get("/openapi/openapi.json")) == SAFE


@pytest.fixture(scope="module")
def served(dsns: Dsns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Give a running API behind something that ends TLS."""
    with serving(dsns, tmp_path_factory.mktemp("api"), CASHBACK_HSTS="true") as running:
        yield running


@pytest.mark.parametrize(
    "sent, status",
    [
        pytest.param(b"hello\r\n\r\n", 400, id="no-http"),
        pytest.param(b"GET /" + b"x" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431, id="too-large-a-head"),
        pytest.param(b"GET /v1/users HTTP/1.1\r\nHost: a\r\n\r\n", 401, id="no-key"),
    ],
)
async def test_what_the_server_itself_refuses_has_them(served: Served, sent: bytes, status: int) -> None:
    """Those refusals never reach the application; and where there is TLS alone, each answer says so."""
    found, headers, _ = await served.say(sent)
    of_browsers = {name: value for name, value in headers.items() if name in OF_BROWSERS}
    assert (found, of_browsers) == (status, UNCACHED | {"strict-transport-security": HSTS})


async def test_the_probe_has_them(served: Served) -> None:
    """Nobody but whoever runs the system comes there, and it costs nothing."""
    async with httpx.AsyncClient() as http:
        answers = await asyncio.gather(
            *(http.get(f"http://{HOST}:{served.probe_port}{path}") for path in ("/livez", "/metrics", "/nowhere"))
        )
    assert [told(one) for one in answers] == [UNCACHED] * 3
