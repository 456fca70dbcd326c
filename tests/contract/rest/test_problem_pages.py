"""Every problem has a page that the API serves itself: `type` leads there, and it asks nobody else for anything."""

import re
from typing import Final

import pytest

from cashback.kernel.problem import PAGES
from cashback.processes.api.problems import known_problems
from cashback.processes.api.reference import pages_of
from cashback.processes.api.reference.document import read
from cashback.processes.api.reference.operations import may_come
from tests.contract.rest.golden import document
from tests.contract.rest.html import FORBIDDEN
from tests.contract.rest.world import Caller, Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLICY: Final = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
LINKS: Final = re.compile(r'\b(?:href|src|srcset|action|data|poster)="?([^" >]*)')


async def page(rest: Rest, path: str) -> str:
    """Return a page as somebody without a key gets it."""
    response = await rest.nobody.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
    assert response.headers.get_list("content-security-policy") == [POLICY]
    assert response.headers["cache-control"] == "public, max-age=3600"
    return response.text


async def test_every_code_has_a_page_that_is_served_to_everybody(rest: Rest) -> None:
    """What it means, what to do about it, whether it may be sent again, and what else it tells."""
    assert len(known_problems()) > 90
    for code, problem in known_problems().items():
        told = await page(rest, f"{PAGES}{code}")
        assert f"<code>{code}</code> <span>status {problem.status}</span>" in told
        assert ("What to do" in told, "May it be sent again?" in told) == (True, True)
        assert ("<p>Yes: " in told) == problem.again, code
        assert [name for name in problem.members if f"<dt><code>{name}</code></dt>" not in told] == []


async def test_each_edit_tells_of_the_one_tag_that_may_be_outdated() -> None:
    """Of what is edited, and of nothing else: what looks at `If-Match` answers with that one code of 412."""
    edits = 0
    for operation in read(document()).operations:
        codes = [code for code, problem in known_problems().items() if may_come(problem, 412, operation)]
        looks = "If-Match" in operation.names
        assert len(codes) == looks, (operation.id, codes)
        edits += looks
    assert edits >= len({code for code in known_problems() if code.endswith("_outdated")}) == 4


async def test_what_is_answered_leads_to_its_page(rest: Rest, operator: Caller) -> None:
    """The `type` of a problem is an address on the server that was asked (RFC 9457, section 3.1.1)."""
    for response in (
        await rest.nobody.get("/v1/users/usr_1"),
        await operator.get("/v1/users/usr_1"),
        await operator.post("/v1/users", b"{"),
    ):
        problem = response.json()
        assert problem["code"] in known_problems()
        assert f"<code>{problem['code']}</code>" in await page(rest, problem["type"])


async def test_one_page_lists_them_all(rest: Rest) -> None:
    """Each with its link, under its status."""
    told = await page(rest, "/docs/problems")
    linked = re.findall(rf'href="{PAGES}(\w+)"', told)
    assert sorted(linked) == sorted(known_problems())
    assert re.findall(r'<h2 id="status-\d+">Status (\d+)</h2>', told) == sorted(
        {str(problem.status) for problem in known_problems().values()}
    )


async def test_a_page_asks_nobody_else(rest: Rest) -> None:
    """No script, no picture, and no address but those of this server: whoever reads it is told to nobody."""
    pages = [await page(rest, path) for path in ("/docs/problems", *(f"{PAGES}{code}" for code in known_problems()))]
    pages.append((await rest.nobody.get("/docs/style.css")).text)
    ours = pages_of(document()).keys() | {"/openapi/openapi.json", ""}
    for told in pages:
        assert FORBIDDEN.findall(told) == []
        assert {link.partition("#")[0] for link in LINKS.findall(told)} <= ours


@pytest.mark.parametrize("planted", ["<p style=x>", '<p onclick="x">', "<script>", "@import x", "a: url(x)"])
async def test_a_planted_way_to_others_is_seen(planted: str) -> None:
    """The check above can fail."""
    assert FORBIDDEN.search(planted)
    assert LINKS.findall('<a href="//x.org"><link href=https://x.org>') == ["//x.org", "https://x.org"]


async def test_a_page_is_told_as_text(rest: Rest) -> None:
    """What stands in backquotes is code, and what looks like a mark is none."""
    told = await page(rest, f"{PAGES}request_invalid")
    assert "<code>errors</code>" in told
    assert "`" not in told


async def test_the_style_is_for_light_and_dark(rest: Rest) -> None:
    """By the reader's own wish, and as wide as the window."""
    response = await rest.nobody.get("/docs/style.css")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "prefers-color-scheme: dark" in response.text
    assert 'content="width=device-width, initial-scale=1"' in await page(rest, "/docs/problems")


async def test_what_the_framework_refuses_has_a_page_too(rest: Rest) -> None:
    """`http_418` is no code of ours, and leads somewhere all the same."""
    assert "<code>http_418</code> <span>status 418</span>" in await page(rest, f"{PAGES}http_418")


@pytest.mark.parametrize("code", ["nothing", "http_299", "http_499", "http_500", "Json_malformed", "%00", "a" * 500])
async def test_what_is_no_code_has_no_page(rest: Rest, code: str) -> None:
    """A problem like any."""
    response = await rest.nobody.get(f"{PAGES}{code}")
    assert (response.status_code, response.json()["code"]) == (404, "route_unknown")


async def test_a_page_is_only_read(rest: Rest) -> None:
    """Its head is told without it, and it takes nothing."""
    head = await rest.nobody.ask("HEAD", f"{PAGES}internal")
    assert (head.status_code, head.content, head.headers["content-type"]) == (200, b"", "text/html; charset=utf-8")
    refused = await rest.nobody.ask("POST", f"{PAGES}internal")
    assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
