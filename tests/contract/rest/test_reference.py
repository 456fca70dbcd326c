"""The reference at /docs: all of the document is in it, each link leads somewhere, and it asks nobody else."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from cashback.processes.api import Guards
from cashback.processes.api.problems import known_problems
from cashback.processes.api.reference import FRESH_S, POLICY, Page, pages_of
from cashback.processes.api.reference.document import read, schemas_in, slug_of
from cashback.processes.api.reference.kinds import name_of
from cashback.processes.api.reference.operations import may_come
from cashback.processes.api.scopes import MERCHANTS
from tests.contract.rest.golden import document
from tests.contract.rest.html import FORBIDDEN, Seen
from tests.contract.rest.world import Rest

ELSEWHERE: Final = {"/openapi/openapi.json"}
RECORDING: Final = {"createPurchase", "createPurchases", "streamPurchases"}
"""What records purchases; of several, each is told its own problem."""

AA: Final = 4.5
"""How much text stands out from what is behind it, at least (WCAG 2.2, 1.4.3)."""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """Give the document."""
    return document()


@pytest.fixture(scope="module")
def pages(told: dict[str, Any]) -> Mapping[str, Page]:
    """Give all pages of it, and their style."""
    return pages_of(told)


@pytest.fixture(scope="module")
def seen(pages: Mapping[str, Page]) -> Mapping[str, Seen]:
    """Give the pages as they are read."""
    return {at: Seen(page.content.decode()) for at, page in pages.items() if page.media_type == "text/html"}


def test_every_operation_is_told_whole(told: dict[str, Any], seen: Mapping[str, Seen]) -> None:
    """Its method, path, words, scope, parameters, every member of what it takes and answers, and its problems."""
    for path, item in told["paths"].items():
        for method, one in item.items():
            text = seen[f"/docs/{slug_of(one['tags'][0])}"].texts[one["operationId"]]
            wanted = [method.upper(), path, one["summary"], *one["responses"]]
            wanted += [scope for scheme in one.get("security", []) for scope in scheme["api_key"]]
            wanted += [parameter["name"] for parameter in one.get("parameters", [])]
            wanted += [name for answer in one["responses"].values() for name in answer.get("headers", {})]
            wanted += sorted(members_in(told, [one.get("requestBody"), *answers_in(one)]))
            assert [each for each in wanted if each not in text] == [], one["operationId"]


def test_whose_key_an_operation_takes_is_told_as_it_is_asked_for(told: dict[str, Any]) -> None:
    """Where the problem may come by its own list it comes, and nowhere else: there are two lists of the same."""
    is_operators = known_problems()["operator_only"].may_come_at
    guarded = [operation for operation in read(told).operations if operation.scopes is not None]
    assert {one.id for one in guarded if not is_operators(one.names)} == MERCHANTS


def answers_in(operation: Mapping[str, Any]) -> list[Any]:
    """Return the answers of an operation that are no problems."""
    return [one for one in operation["responses"].values() if "application/problem+json" not in one.get("content", {})]


def members_in(told: Mapping[str, Any], part: object) -> set[str]:
    """Return the names of all members of a part of the document, down to the last."""
    schemas = told["components"]["schemas"]
    ahead, known = list(schemas_in(part)), set[str]()
    while ahead:
        name = ahead.pop()
        if name not in known:
            known.add(name)
            ahead += schemas_in(schemas[name])
    return {member for name in known for member in schemas[name].get("properties", {})}


def test_every_tag_schema_and_code_has_its_anchor(told: dict[str, Any], seen: Mapping[str, Seen]) -> None:
    """Beside a page of their own, tags are on the overview; and nothing is told of twice."""
    api = read(told)
    assert {slug_of(tag.name) for tag in api.tags} < set(seen["/docs"].ids)
    assert {tag.page for tag in api.tags} < set(seen)
    assert not {"problems", "schemas"} & {slug_of(tag.name) for tag in api.tags}
    assert set(told["components"]["schemas"]) < set(seen["/docs/schemas"].ids)
    assert set(known_problems()) < set(seen["/docs/problems"].ids)
    assert {f"/docs/problems/{code}" for code in known_problems()} < set(seen)


def test_every_schema_is_told_with_its_members(told: dict[str, Any], seen: Mapping[str, Seen]) -> None:
    """Type and bounds in words: whoever reads them needs no JSON Schema."""
    told_of = re.sub(r"\s+", " ", " ".join(seen["/docs/purchases"].texts["createPurchase"].split()))
    for words in ("amount_minor string required", "digits, 19 at most", "1 to 100 items", "A code of ISO 4217."):
        assert words in told_of
    assert "(?!" not in " ".join(page.texts["text"] for page in seen.values())
    names = told["components"]["schemas"]
    assert [name for name in names if name_of(name, names) not in seen["/docs/schemas"].texts[name]] == []


def test_every_link_leads_somewhere(seen: Mapping[str, Seen], pages: Mapping[str, Page]) -> None:
    """To a page of ours and a place on it, or to the document; and from the overview all are led to."""
    ids = {at: set(page.ids) for at, page in seen.items()}
    for at, page in seen.items():
        assert len(page.ids) == len(ids[at]), at
        for address in page.addresses:
            where, _, anchor = address.partition("#")
            where = where or at
            assert where in pages.keys() | ELSEWHERE, (at, address)
            assert not anchor or anchor in ids[where], (at, address)
    met, ahead = set[str](), ["/docs"]
    while ahead:
        at = ahead.pop()
        if at in seen and at not in met:
            met.add(at)
            ahead += [address.partition("#")[0] for address in seen[at].addresses]
    assert [at for at in seen if at not in met and "/http_4" not in at] == []


def test_a_link_that_leads_nowhere_is_seen() -> None:
    """The check above can fail, and so can the one of pages that are not well-formed."""
    assert Seen('<a href="//example.com"></a>').addresses == ["//example.com"]
    with pytest.raises(AssertionError):
        Seen("<p><b></p>")


def test_nothing_on_a_page_could_load_from_elsewhere(pages: Mapping[str, Page]) -> None:
    """No script, no picture, no style but ours; a page names no address of anybody at all."""
    for at, page in pages.items():
        text = page.content.decode()
        assert FORBIDDEN.findall(text) == [], at
        assert [one for one in Seen(text).addresses if not re.match(r"[/#](?!/)", one)] == [], at


def test_every_page_is_read_by_ear_and_by_keyboard(seen: Mapping[str, Seen]) -> None:
    """One first title, none left out below it; landmarks with names; a way past what all pages have."""
    for at, page in seen.items():
        assert page.titles.count(1) == 1, at
        steps = zip(page.titles, page.titles[1:], strict=False)
        assert [step for step in steps if step[1] > step[0] + 1] == [], at
        assert {tag: page.count(tag) for tag in ("main", "header", "footer")} == {"main": 1, "header": 1, "footer": 1}
        names = [told.get("aria-label") for tag, told in page.marks if tag == "nav"]
        assert all(names), at
        assert len(set(names)) == len(names), at
        first = next(told for tag, told in page.marks if tag == "a")
        assert (first["href"], first["class"]) == ("#text", "skip")
        assert ("html", {"lang": "en"}) in page.marks
        assert [told for tag, told in page.marks if int(told.get("tabindex", "0")) > 0] == []


def test_the_page_that_is_read_is_told_among_all(seen: Mapping[str, Seen]) -> None:
    """And so are the operations of its tag."""
    for at in ("/docs", "/docs/users", "/docs/problems", "/docs/schemas"):
        here = [told["href"] for _, told in seen[at].marks if told.get("aria-current") == "page"]
        assert here == [at]
    assert "#createUser" in seen["/docs/users"].addresses
    assert "#createUser" not in seen["/docs/refunds"].addresses


def test_text_stands_out_in_the_light_and_in_the_dark(pages: Mapping[str, Page]) -> None:
    """4.5 to 1 at least: of text on the ground, in boxes, in examples, and of what has a colour to be told by."""
    style = pages["/docs/style.css"].content.decode()
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", one)) for one in style.split("@media", 2)[:2])
    assert len(dark) > 10
    for colours in (light, {**light, **dark}):
        grounds = {"ground": 3, "raised": 3, "shade": 3}
        pairs = [(ink, ground) for ink in ("ink", "quiet", "link", "need") for ground in grounds]
        pairs += [("get", "get-shade"), ("post", "post-shade"), ("ground", "link")]
        pairs += [(ink, "panel") for ink in ("panel-ink", "panel-quiet", "name", "text", "number", "word")]
        pairs += [("panel-ink", "panel-head"), ("panel-quiet", "panel-head")]
        weak = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
        assert {pair: found for pair, found in weak.items() if found < AA} == {}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, "contrast ratio")."""
    lights = sorted(luminance(each) for each in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    """Return how light a colour is (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_contrast_of_what_is_known_is_found() -> None:
    """The check above can fail."""
    assert round(contrast("#000000", "#ffffff"), 1) == 21.0
    assert contrast("#8a8a8a", "#ffffff") < AA


def test_a_problem_tells_where_it_may_come(seen: Mapping[str, Seen]) -> None:
    """And each operation names the problems of its own; those that any may meet name none."""
    assert "/docs/purchases#createPurchase" in seen["/docs/problems/purchase_exists"].addresses
    assert "/docs/refunds#createRefund" not in seen["/docs/problems/purchase_exists"].addresses
    assert "Where it may come" not in seen["/docs/problems/internal"].texts["text"]
    assert "purchase_exists" in seen["/docs/purchases"].texts["createPurchase"]
    assert "refund_exists" not in seen["/docs/purchases"].texts["createPurchase"]


def test_where_problems_may_come_are_places_that_there_are(told: dict[str, Any]) -> None:
    """Operations, tags, parameters and members; a name that is none of these was renamed or mistyped."""
    names = {name for operation in read(told).operations for name in operation.names} | {"elsewhere"}
    assert {code: set(one.at) - names for code, one in known_problems().items() if set(one.at) - names} == {}


@pytest.mark.parametrize(
    "codes, operations",
    [
        pytest.param(
            ("adapter_unavailable", "adapter_unintelligible", "chain_unavailable", "chain_foreign"),
            {"createWalletProof"},
            id="judges",
        ),
        pytest.param(
            ("currency_unknown", "currency_withdrawn"),
            RECORDING | {"createProgramme", "putRate", "simulateRuleset"},
            id="currencies",
        ),
        pytest.param(("purchase_exists",), RECORDING, id="references"),
    ],
)
def test_a_problem_of_few_is_told_of_those_alone(
    told: dict[str, Any], seen: Mapping[str, Seen], codes: tuple[str, ...], operations: set[str]
) -> None:
    """Where it comes, items of a bulk and lines of a stream included; not wherever something has that name."""
    for code in codes:
        problem = known_problems()[code]
        assert {one.id for one in read(told).operations if may_come(problem, problem.status, one)} == operations
        assert operations <= {address.partition("#")[2] for address in seen[f"/docs/problems/{code}"].addresses}


@pytest.mark.asyncio(loop_scope="module")
async def test_the_reference_is_served_to_everybody_and_kept(rest: Rest, pages: Mapping[str, Page]) -> None:
    """Without a key, under its policy; who has it already is told so, and the head is told without the page."""
    for at in ("/docs", "/docs/users", "/docs/schemas", "/docs/problems", "/docs/problems/internal", "/docs/style.css"):
        first = await rest.nobody.get(at)
        assert (first.status_code, first.content) == (200, pages[at].content), at
        assert first.headers["content-type"] == f"{pages[at].media_type}; charset=utf-8"
        assert first.headers.get_list("content-security-policy") == [POLICY]
        assert first.headers["cache-control"] == f"public, max-age={FRESH_S}"
        etag = first.headers["etag"]
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = await rest.nobody.get(at, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
            assert again.headers["cache-control"] == first.headers["cache-control"]
        assert (await rest.nobody.get(at, headers={"If-None-Match": '"other"'})).content == first.content
        head = await rest.nobody.ask("HEAD", at)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", etag)
    assert len({page.etag for page in pages.values()}) == len(pages)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "path", ["/docs/nothing", "/docs/Users", "/docs/users/more", "/docs/%00", "/docs/style", "/docsx"]
)
async def test_what_is_no_page_is_a_problem_like_any(rest: Rest, path: str) -> None:
    """No page of the framework's; beside `/docs` not even that is told without a key."""
    response = await rest.nobody.get(path)
    expected = (401, "api_key_invalid") if path == "/docsx" else (404, "route_unknown")
    assert (response.status_code, response.json()["code"]) == expected
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.asyncio(loop_scope="module")
async def test_the_reference_is_only_read(rest: Rest) -> None:
    """It takes nothing."""
    for path in ("/docs", "/docs/users"):
        refused = await rest.nobody.ask("POST", path)
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_reference_takes_a_place_among_requests(rest: Rest) -> None:
    """It is admitted as any request is: where there is no room it is told to wait, and no key buys it one."""
    crowded = Rest(rest.world, rest.adapter, guards=Guards(requests_max=0))
    response = await crowded.nobody.get("/docs")
    assert (response.status_code, response.json()["code"]) == (503, "overloaded")
    assert int(response.headers["retry-after"]) >= 1
