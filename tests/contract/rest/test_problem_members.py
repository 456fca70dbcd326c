"""Members of a problem that belong to its code stand in problems.toml: so the document has them, and the typed client.

Every problem that a test of REST meets is held against it (`Document.complaints`); here is what none may meet.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import cashback
from cashback.processes.api.problems import known_problems
from tests.contract.rest.document import MEMBERS, Document
from tests.contract.rest.golden import document

SOURCE: Final = Path(cashback.__file__).parent
EDGES: Final = ("kernel", "ledger", "purchases", "webhooks")
"""Where what the API answers with is raised."""

ELSEWHERE: Final = {
    ("purchases/service/api_keys.py", "api_key_unknown", "key_id"): "of `cashback keys`",
    ("ledger/service/checking.py", "seal_unknown", "seal"): "of `cashback ledger verify`",
    ("ledger/service/checking_cashbacks.py", "cashback_unknown", "cashback_id"): "of `cashback ledger verify`",
    ("ledger/service/retirements.py", "cashback_unknown", "mint_number"): "of `cashback mint retry`",
}
"""What is raised with a member that no answer over REST has."""


@cache
def trees() -> dict[str, ast.Module]:
    """Return the modules of the contexts and of the kernel, by their paths."""
    paths = [path for edge in EDGES for path in (SOURCE / edge).rglob("*.py")]
    return {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in paths}


def codes_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each class that has a code, with it."""
    for kind in (one for one in tree.body if isinstance(one, ast.ClassDef)):
        for one in kind.body:
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "code":
                yield kind.name, ast.literal_eval(one.value)


def unnamed(tree: ast.Module, codes: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield each code that is made in a module with a member that problems.toml does not name, and that member."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.keywords):
        name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
        for code in codes.get(name, set()) & known_problems().keys():
            named = MEMBERS | known_problems()[code].members.keys()
            yield from ((code, one.arg) for one in call.keywords if one.arg is not None and one.arg not in named)


@cache
def all_codes() -> dict[str, set[str]]:
    """Return the codes of all failures, by the names of their classes."""
    found: dict[str, set[str]] = {}
    for tree in trees().values():
        for name, code in codes_of(tree):
            found.setdefault(name, set()).add(code)
    return found


def test_every_member_that_a_failure_is_made_with_is_named() -> None:
    """In problems.toml, of whatever the API answers with; and no exception is one of before."""
    found = {(path, *each) for path, tree in trees().items() for each in unnamed(tree, all_codes())}
    assert sorted(found ^ ELSEWHERE.keys()) == []


def test_a_planted_member_is_seen_where_it_is_made() -> None:
    """As any member of a failure, raised or handed back."""
    planted = ast.parse('raise NothingOwed("x", user_id="usr_1", colour="red")')
    assert list(unnamed(planted, all_codes())) == [("nothing_owed", "colour")]
    assert len(all_codes()) > 90


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
