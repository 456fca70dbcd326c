"""What those who run the API ask it, and the methods that HTTP gives for nothing."""

import pytest
from prometheus_client import REGISTRY

from cashback.kernel.http.observe import DURATION
from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

COUNT = "http_server_request_duration_seconds_count"


async def test_a_running_api_is_alive_and_ready(rest: Rest) -> None:
    """Without an adapter too: a purchase does not need it."""
    assert (await rest.nobody.get("/livez")).json() == {"status": "alive"}
    ready = await rest.nobody.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "problems": {}})


def counted(*, method: str, status: str, route: str) -> float:
    """Return how many requests were counted under these labels."""
    labels = {"http_request_method": method, "http_response_status_code": status, "http_route": route}
    return REGISTRY.get_sample_value(COUNT, labels) or 0


async def test_every_request_is_counted_and_timed(rest: Rest, operator: Caller) -> None:
    """By method, status and the route that took it; the refused and the lost ones came to none."""
    seen = (("200", "/v1/programmes/current"), ("401", ""), ("404", ""))
    before = [counted(method="GET", status=status, route=route) for status, route in seen]
    await operator.get("/v1/programmes/current")
    await rest.nobody.get("/v1/programmes/current")
    await operator.get("/nowhere")
    after = [counted(method="GET", status=status, route=route) for status, route in seen]
    assert [late - early for late, early in zip(after, before, strict=True)] == [1, 1, 1]


async def test_invented_methods_share_one_label(operator: Caller) -> None:
    """A client cannot make the metrics grow without end."""
    before = counted(method="_OTHER", status="405", route="")
    for method in ("BREW", "WHEN", "PROPFIND"):
        await operator.http.request(method, "/v1/users")
    assert counted(method="_OTHER", status="405", route="") == before + 3
    methods = {sample.labels["http_request_method"] for metric in DURATION.collect() for sample in metric.samples}
    assert not methods & {"BREW", "WHEN", "PROPFIND"}


async def test_head_is_get_without_its_body(rest: Rest, operator: Caller) -> None:
    """The same head for good answers and bad ones (RFC 9110, section 9.3.2)."""
    user = await rest.world.user()
    for path in (f"/v1/users/{user.id}", f"/v1/users/{new_id('usr')}", "/v1/programmes/current", "/nowhere", "/livez"):
        got, head = await operator.get(path), await operator.ask("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("content-type", "content-length"):
            assert head.headers[name] == got.headers[name]
    unknown = await rest.nobody.ask("HEAD", f"/v1/users/{user.id}")
    assert (unknown.status_code, unknown.content) == (401, b"")


@pytest.mark.parametrize(
    "path,methods",
    [
        pytest.param("/v1/ruleset-drafts", {"OPTIONS", "POST"}, id="command"),
        pytest.param("/v1/users/usr_1/balance", {"GET", "HEAD", "OPTIONS"}, id="question"),
        pytest.param("/livez", {"GET", "HEAD", "OPTIONS"}, id="open"),
    ],
)
async def test_options_tells_the_methods_and_nothing_else(operator: Caller, path: str, methods: set[str]) -> None:
    """204 with Allow; no origin of another site is granted anything."""
    response = await operator.http.options(path, headers={"Origin": "https://elsewhere.example"})
    assert (response.status_code, response.content) == (204, b"")
    assert set(response.headers["allow"].split(", ")) == methods
    assert not [name for name in response.headers if name.startswith("access-control-")]


async def test_allow_names_every_method_of_a_path_wherever_they_are_registered(rest: Rest, operator: Caller) -> None:
    """Each path of the document, asked by OPTIONS and by a method that none has."""
    several = 0
    for template, item in rest.document.paths.items():
        methods = {method.upper() for method in item} & {"GET", "POST", "PUT", "PATCH", "DELETE"}
        several += len(methods) > 1
        expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        path = template.replace("{number}", "1")
        for asked in ("OPTIONS", "PUT"):
            response = await operator.http.request(asked, path)
            assert set(response.headers["allow"].split(", ")) == expected, (asked, template)
    assert several > 5


async def test_head_where_there_is_no_get_is_refused(operator: Caller) -> None:
    """405, without a body, as HEAD has it."""
    response = await operator.ask("HEAD", "/v1/ruleset-drafts")
    assert (response.status_code, response.content) == (405, b"")
    assert set(response.headers["allow"].split(", ")) == {"OPTIONS", "POST"}
    assert_problem(await operator.get("/v1/ruleset-drafts"), 405, "method_not_allowed")
