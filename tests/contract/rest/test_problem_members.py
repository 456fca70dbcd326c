"""Members of a problem that belong to its code stand in problems.toml: so the document has them, and the typed client.

Every problem that a test of REST meets is held against it (`Document.complaints`); here is what none may meet.
"""

import ast
import json
from typing import Any, Final

import httpx
import pytest

from cashback.processes.api.problems import known_problems
from tests.contract.rest.document import MEMBERS, Document
from tests.contract.rest.golden import document
from tests.contract.rest.raised import all_codes, trees, unnamed

ELSEWHERE: Final = {
    ("purchases/service/api_keys.py", "api_key_unknown", "key_id"): "of `cashback keys`",
    ("ledger/service/checking.py", "seal_unknown", "seal"): "of `cashback ledger verify`",
    ("ledger/service/checking_cashbacks.py", "cashback_unknown", "cashback_id"): "of `cashback ledger verify`",
    ("ledger/service/retirements.py", "cashback_unknown", "mint_number"): "of `cashback mint retry`",
    ("ledger/rules/rates.py", "rate_absurd", "**"): "`last` or `next`, by what it is far from",
    ("ledger/service/limits.py", "grant_above_limit", "**"): "what was found before is said again",
    ("purchases/http/rulesets.py", "request_invalid", "**"): "of what a body was refused for, placed within the whole",
}
"""What is raised with a member that no answer over REST has, or with members that are written elsewhere (`**`)."""


def test_every_member_that_a_failure_is_made_with_is_named() -> None:
    """In problems.toml, of whatever the API answers with; and no exception is one of before."""
    found = {(path, *each) for path, tree in trees().items() for each in unnamed(tree, all_codes())}
    assert sorted(found ^ ELSEWHERE.keys()) == []


def test_a_planted_member_is_seen_where_it_is_made() -> None:
    """As any member of a failure, raised or handed back."""
    planted = ast.parse('raise NothingOwed("x", user_id="usr_1", colour="red")')
    assert list(unnamed(planted, all_codes())) == [("nothing_owed", "colour")]
    assert len(all_codes()) > 90


@pytest.mark.parametrize(
    "body, members",
    [
        ('raise NothingOwed("x", **{"user_id": "usr_1", "colour": "red"})', ["colour"]),
        ('place = {} if told is None else {"colour": "red"}\n raise NothingOwed("x", **place)', ["colour"]),
        (
            'place: dict = {"shape": 1}\n if told:\n  place = {"colour": 1}\n return NothingOwed("x", **place)',
            ["colour", "shape"],
        ),
        ('return [NothingOwed("x", **_placed(told)) for _ in told]', ["colour"]),
        ('return NothingOwed("x", **{**_placed(told), "user_id": "usr_1"})', ["colour"]),
        ('return NothingOwed("x", **told.fields)', ["**"]),
        ('return NothingOwed("x", **{told: 1})', ["**"]),
        ('return NothingOwed("x", **dict(told))', ["**"]),
        ('return NothingOwed("x", **told)', ["**"]),
    ],
)
def test_a_planted_member_is_seen_that_is_passed_on(body: str, members: list[str]) -> None:
    """Where it is written; and where nobody can tell, that is said of it."""
    planted = ast.parse(f'def _placed(told):\n return {{"colour": told}} if told else {{}}\ndef f(told):\n {body}')
    assert list(unnamed(planted, all_codes())) == [("nothing_owed", each) for each in members]


@pytest.fixture(scope="module")
def judge() -> Document:
    """Give what answers are held against."""
    return Document(document())


def a_problem(code: str, status: int, **members: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    """Return a problem with members of its own."""
    own = {"type": f"/docs/problems/{code}", "title": "A", "status": status, "code": code, "detail": "a"}
    return {**own, "trace_id": "0" * 32, **members}


def answered(path: str, status: int, told: dict[str, Any]) -> httpx.Response:
    """Return the answer to a command."""
    kind = "application/problem+json" if status >= 300 else "application/json"
    request = httpx.Request("POST", f"http://api{path}")
    return httpx.Response(status, content=json.dumps(told), headers={"content-type": kind}, request=request)


def test_a_planted_member_is_seen_where_it_is_answered(judge: Document) -> None:
    """By itself, and as the problem of an item."""
    path = "/v1/debts/usr_1/write-offs"
    assert judge.complaints(answered(path, 409, a_problem("nothing_owed", 409, user_id="usr_1"))) == []
    told = a_problem("nothing_owed", 409, cashback_id="cb_1")
    [complaint] = judge.complaints(answered(path, 409, told))
    assert complaint == "writeOffDebt: nothing_owed has cashback_id, which problems.toml does not name (`members`)"
    item = a_problem("purchase_exists", 409, purchase_id="pur_1", colour="red")
    found = judge.complaints(answered("/v1/purchases/bulk", 201, {"items": [{"status": 409, "problem": item}]}))
    assert [each for each in found if "problems.toml" in each] == [
        "createPurchases: purchase_exists has colour, which problems.toml does not name (`members`)"
    ]


def test_every_recorded_problem_has_named_members_alone() -> None:
    """Those of the examples, too."""
    told = {name: example["value"] for name, example in document()["components"]["examples"].items()}
    recorded = {
        name: one for name, one in told.items() if isinstance(one, dict) and one.get("code") in known_problems()
    }
    assert len(recorded) > 100
    for name, one in recorded.items():
        assert one.keys() - MEMBERS <= known_problems()[one["code"]].members.keys(), name
