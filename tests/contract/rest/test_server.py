"""`cashback api` as a process: what its server lets in, what its log keeps to itself, how it ends."""

import asyncio
import json

import httpx
import msgspec
import psycopg
import pytest

from cashback.kernel.lifecycle.bounds import HEAD_BYTES_MAX
from cashback.processes.api import BODY_BYTES_MAX
from cashback.processes.embedded import HOST
from tests.contract.rest.served import Served
from tests.contract.rest.world import PEPPER
from tests.integration.ledger.world import PASSWORD, Dsns
from tests.support.facts import eventually

ENDED_BY_ITSELF = 0
"""A process that is not through 4.25 s after SIGTERM cuts itself off, and says so by its exit code."""

PAGE_WITHIN_S = 30.0
"""The first page of the reference has all of them made."""


async def test_the_metrics_are_at_the_probe_and_not_where_callers_are(served: Served) -> None:
    """Every call but health needs a key, and at the API's port there is no such route with one either."""
    await served.say(served.head())
    async with httpx.AsyncClient() as http:
        scraped = await http.get(f"http://{HOST}:{served.probe_port}/metrics")
        assert 'http_request_method="GET",http_response_status_code="404"' in scraped.text
        assert "cashback_purchases_waiting" in scraped.text
        for path in ("/livez", "/readyz"):
            assert (await http.get(f"http://{HOST}:{served.probe_port}{path}")).status_code == 200
        assert (await http.get(f"{served.process.url}/metrics")).status_code == 401
    assert_refused(await served.say(served.head(path="/metrics")), 404, "route_unknown")


def assert_refused(answer: tuple[int, dict[str, str], bytes], status: int, code: str) -> None:
    """Assert that the server refused with that problem."""
    told, headers, body = answer
    assert (told, headers["content-type"]) == (status, "application/problem+json")
    problem = json.loads(body)
    assert (problem["status"], problem["code"], len(problem["trace_id"])) == (status, code, 32)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + 40 * b"\x00"], id="tls"),
        pytest.param([b"hello\r\n\r\n"], id="prose"),
        pytest.param([b"GET / HTTP/9.9\r\n\r\n"], id="another-version"),
        pytest.param([b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"], id="negative-length"),
        pytest.param(
            [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
            id="two-lengths",
        ),
        pytest.param([b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"], id="blank-before-colon"),
    ],
)
async def test_what_is_no_http_is_refused_and_cut_off(served: Served, sent: list[bytes]) -> None:
    """400, as a problem like any other."""
    answer = await served.say(*sent)
    assert_refused(answer, 400, "http_malformed")
    assert answer[1]["connection"] == "close"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["X-Long: " + "x" * HEAD_BYTES_MAX], id="one-long-header"),
        pytest.param([f"X-{number}: {'x' * 100}" for number in range(320)], id="many-headers"),
        pytest.param(["Idempotency-Key: " + "x" * HEAD_BYTES_MAX], id="a-header-we-read"),
    ],
)
async def test_a_huge_head_is_refused(served: Served, lines: list[str]) -> None:
    """431, whichever header it is."""
    assert_refused(await served.say(served.head(*lines)), 431, "head_too_large")


async def test_a_long_path_is_part_of_the_head(served: Served) -> None:
    """Path and query count as the headers do."""
    assert_refused(await served.say(served.head(path="/v1/" + "x" * HEAD_BYTES_MAX)), 431, "head_too_large")


async def test_a_head_without_an_end_is_refused_when_it_is_too_large(served: Served) -> None:
    """Nobody keeps us collecting: many short headers, and never the blank line."""
    endless = b"".join(f"X-{number}: {'x' * 100}\r\n".encode() for number in range(400))[:HEAD_BYTES_MAX]
    assert_refused(await served.say(served.head()[:-2], endless[:1_000], endless[1_000:]), 431, "head_too_large")


async def test_a_head_of_ordinary_size_is_let_in(served: Served) -> None:
    """Cookies and tracing of many proxies included."""
    status, _, _ = await served.say(served.head("X-Long: " + "x" * (HEAD_BYTES_MAX - 500)))
    assert status == 404  # there is no programme yet


async def test_what_the_server_itself_refuses_leads_to_a_page(served: Served) -> None:
    """`type` is where this very process tells what it means, to everybody."""
    _, _, refused = await served.say(b"hello\r\n\r\n")
    async with httpx.AsyncClient(timeout=PAGE_WITHIN_S) as http:
        page = await http.get(f"{served.process.url}{json.loads(refused)['type']}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<code>http_malformed</code>" in page.text


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_huge_body_is_refused_before_it_is_whole(served: Served, is_announced: bool) -> None:
    """413, though most of it was never sent."""
    length = f"Content-Length: {10**9}" if is_announced else "Transfer-Encoding: chunked"
    head = served.head(length, "Idempotency-Key: k", method="POST", path="/v1/purchases")
    half = BODY_BYTES_MAX // 2
    body = b" " * half if is_announced else f"{half:x}\r\n".encode() + b" " * half + b"\r\n"
    assert_refused(await served.say(head, body, body, body), 413, "body_too_large")


@pytest.mark.parametrize("host", ["a b", "a/b", '"', "\xe9"])
async def test_a_host_that_is_none_is_no_http(served: Served, host: str) -> None:
    """400, as for anything else that a request's head cannot be (RFC 9112, section 3.2)."""
    asked = served.head().replace(b"Host: api", f"Host: {host}".encode("latin-1"))
    assert_refused(await served.say(asked), 400, "http_malformed")


@pytest.mark.parametrize(
    "version,hosts",
    [
        pytest.param("1.1", [], id="none"),
        pytest.param("1.1", ["api", "api"], id="the-same-twice"),
        pytest.param("1.1", ["api", "elsewhere"], id="two"),
        pytest.param("1.0", ["api", "elsewhere"], id="two-before-1.1"),
    ],
)
async def test_a_request_names_its_host_once(served: Served, version: str, hosts: list[str]) -> None:
    """400 (RFC 9112, section 3.2): of two, whoever stands in front of the API may go by the other one."""
    lines = b"".join(f"Host: {host}\r\n".encode() for host in hosts)
    asked = served.head().replace(b"Host: api\r\n", lines).replace(b"HTTP/1.1", f"HTTP/{version}".encode())
    answer = await served.say(asked)
    assert_refused(answer, 400, "http_malformed")
    assert json.loads(answer[2])["detail"] == "a request names its host in `Host`, and does so once"
    assert answer[1]["connection"] == "close"


async def test_who_speaks_http_1_0_need_name_no_host(served: Served) -> None:
    """It knows none, and some that ask for health speak it still."""
    for host in (b"", b"Host: api\r\n"):
        asked = served.head(path="/livez").replace(b"Host: api\r\n", host).replace(b"HTTP/1.1", b"HTTP/1.0")
        assert (await served.say(asked))[0] == 200


async def test_a_trailer_is_no_header(served: Served) -> None:
    """What comes after the body can neither authenticate nor name a command."""
    anonymous = b"POST /v1/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    trailer = f"Authorization: Bearer {served.secret}\r\nIdempotency-Key: k\r\n\r\n".encode()
    assert_refused(await served.say(anonymous + trailer), 401, "api_key_invalid")


async def test_an_expectation_is_answered_before_the_body_is_sent(served: Served) -> None:
    """100 Continue (RFC 9110, section 10.1.1), but not for what is refused anyway."""
    head = served.head(
        "Content-Length: 2", "Expect: 100-continue", "Idempotency-Key: k-100", method="POST", path="/v1/users"
    )
    status, _, _ = await served.say(head)
    assert status == 100
    assert_refused(await served.say(head.replace(b"Bearer", b"Basic")), 401, "api_key_invalid")


async def test_a_websocket_is_not_spoken(served: Served) -> None:
    """An upgrade is ignored: the request is answered as the request it is."""
    asked = served.head(
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", path="/nowhere"
    )
    assert_refused(await served.say(asked), 404, "route_unknown")


async def test_the_log_names_the_trace_of_a_failure_and_no_secret(served: Served, dsns: Dsns) -> None:
    """An operator finds the cause by the id that the caller was told; nobody finds a key there."""
    body = b'{"reference": "poison"}'
    with psycopg.connect(dsns.superuser, autocommit=True) as connection:
        connection.execute("alter table purchases.users add constraint planted check (reference <> 'poison')")
    head = served.head(f"Content-Length: {len(body)}", "Idempotency-Key: k-500", method="POST", path="/v1/users")
    answer = await served.say(head, body)
    assert_refused(answer, 500, "internal")
    trace_id = json.loads(answer[2])["trace_id"]

    async def logged() -> str | None:
        text = served.log.read_text()
        return text if text.count(trace_id) > 1 else None

    text = await eventually(logged, within_s=5, what="the failure is logged")
    [line, answered] = [json.loads(line) for line in text.splitlines() if trace_id in line]
    assert (answered["event"], answered["status"], answered["code"]) == ("request.answered", 500, "internal")
    assert (line["event"], line["level"], line["process"]) == ("request.broke", "error", "api")
    assert "planted" in line["exception"]
    for secret in (served.secret, served.secret[-49:-6], PEPPER.value, PASSWORD):
        assert secret not in text


async def test_a_client_that_goes_away_is_no_failure_of_ours(served: Served) -> None:
    """Half a body and no more of it: nothing is stored, nobody is paged."""
    before = complaints(served)
    head = served.head("Content-Length: 500", "Idempotency-Key: k-gone", method="POST", path="/v1/users")
    for _ in range(5):
        _, writer = await asyncio.open_connection(HOST, served.process.port)
        writer.write(head + b'{"reference": ')
        await writer.drain()
        writer.close()
    whole = served.head("Content-Length: 2", "Idempotency-Key: k-gone", method="POST", path="/v1/users")
    status, headers, _ = await served.say(whole, b"{}")
    assert (status, "idempotency-replayed" in headers) == (201, False)
    assert complaints(served) == before


def complaints(served: Served) -> list[str]:
    """Return the lines of the log, but for those that tell of an answer."""
    return [line for line in served.log.read_text().splitlines() if "request.answered" not in line]


async def test_a_stopping_api_answers_what_is_under_way(served: Served) -> None:
    """SIGTERM in the middle of a hundred requests: each that was let in is answered, and it is gone within 5 s."""

    async def one(number: int) -> int | None:
        body = msgspec.json.encode({"reference": f"customer {number}"})
        head = served.head(
            f"Content-Length: {len(body)}", f"Idempotency-Key: s-{number}", method="POST", path="/v1/users"
        )
        try:
            return (await served.say(head, body))[0]
        except (ConnectionError, asyncio.IncompleteReadError):
            return None  # the door was closed already

    calls = [asyncio.create_task(one(number)) for number in range(100)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.to_thread(served.process.stop)
    assert served.process.exit_code == ENDED_BY_ITSELF
    answers = await asyncio.gather(*calls)
    assert set(answers) <= {201, 503, None}
    assert 201 in answers
    await asyncio.to_thread(served.process.start)
    repeated = await asyncio.gather(*(one(number) for number in range(100)))
    assert set(repeated) == {201}


async def test_a_request_that_outlasts_a_stopping_api_may_be_retried(served: Served, dsns: Dsns) -> None:
    """One that waits for a lock when SIGTERM comes is told to ask again, as a problem, and nothing of it is stored."""
    head = served.head("Content-Length: 2", "Idempotency-Key: k-late", method="POST", path="/v1/users")
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as holder:
        await holder.execute(
            "insert into purchases.idempotency_keys (owner, key, fingerprint, created_at)"
            " values ('operator', 'k-late', sha256('first'), now())"
        )
        waiting = asyncio.create_task(served.say(head, b"{}"))
        await eventually(lambda: _somebody_waits(dsns), within_s=30, what="the request waits")
        await asyncio.to_thread(served.process.stop)
        assert served.process.exit_code == ENDED_BY_ITSELF
        assert_refused(await waiting, 503, "stopping")
        await holder.rollback()
    await asyncio.to_thread(served.process.start)
    assert (await served.say(head, b"{}"))[0] == 201


async def _somebody_waits(dsns: Dsns) -> bool | None:
    """Tell whether the API waits for a lock."""
    async with await psycopg.AsyncConnection.connect(dsns.superuser) as connection:
        cursor = await connection.execute(
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return True if await cursor.fetchone() else None
