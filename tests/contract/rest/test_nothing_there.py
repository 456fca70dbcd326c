"""What there is not has no list, no figures and no story: every operation whose path names something is asked for it.

Each is asked as the OpenAPI document shows it, with nothing behind the names in its path.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.belongings import KINDS
from tests.contract.rest.document import assert_problem
from tests.contract.rest.golden import GOLDEN
from tests.contract.rest.world import Caller
from tests.integration.ledger.world import new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES: Final = {
    "key_id": "api_key_unknown",
    "change_id": "wallet_change_unknown",
    "showSeal": "seal_unknown",
    "showReconciliation": "reconciliation_unknown",
    "showMint": "mint_unknown",
    "showDebt": "debt_unknown",
    "listWriteOffs": "debt_unknown",
    "writeOffDebt": "debt_unknown",
}
"""Those that are called otherwise than in their paths, or of which there is nothing, though there may be that."""

BODIES: Final[Mapping[str, object]] = {"setMerchantFacts": {"mcc": "5411"}}
"""What is sent where the document's own example names something else that there is not."""

ELSE: Final[Mapping[str, tuple[int, str, str | None]]] = {"createWalletProof": (404, "challenge_unknown", "/nonce")}
"""Those that look for something else: for a challenge, which says whose it is."""

NUMBER: Final = "1000000000"
"""A number of nothing."""


class Asked(msgspec.Struct, frozen=True):
    """A request to an operation whose path names something, by the parameters `names`."""

    operation: str
    method: str
    url: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: object


def _asked(path: str, method: str, told: Mapping[str, Any]) -> Asked:
    """Return the request that the document shows for an operation, about what there is not."""
    of: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in told["parameters"]:
        if parameter.get("required"):
            of[parameter["in"]][parameter["name"]] = parameter.get("example")
    ids = {name: new_id(KINDS[name]) if name in KINDS else NUMBER for name in of["path"]}
    shown = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
    body = next((one["value"] for one in shown.values()), None)
    return Asked(
        operation=told["operationId"],
        method=method.upper(),
        url=path.format(**ids),
        names=tuple(ids),
        query=of["query"],
        headers=of["header"],
        body=BODIES.get(told["operationId"], body),
    )


ASKED: Final = [
    _asked(path, method, told)
    for path, operations in msgspec.json.decode(GOLDEN.read_bytes())["paths"].items()
    for method, told in operations.items()
    if "{" in path and path.startswith("/v1/")
]


@pytest.mark.parametrize("asked", [pytest.param(one, id=one.operation) for one in ASKED])
async def test_what_is_not_there_is_not_found(operator: Caller, asked: Asked) -> None:
    """404 with the code of what the path names and, as `parameter`, its name there; and never an empty list."""
    headers = {**asked.headers, "Idempotency-Key": new_key()} if asked.method == "POST" else asked.headers
    content = {} if asked.body is None else {"json": asked.body}
    response = await operator.ask(asked.method, asked.url, params=asked.query, headers=headers, **content)
    if asked.operation in ELSE:
        status, code, pointer = ELSE[asked.operation]
        assert_problem(response, status, code, pointer=pointer)
        return
    name = asked.names[-1]
    code = CODES.get(asked.operation) or CODES.get(name) or f"{name.removesuffix('_id')}_unknown"
    assert_problem(response, 404, code, parameter=name)


async def test_each_operation_whose_path_names_something_is_asked() -> None:
    """Also those that do something, and those of numbers."""
    assert {"showMint", "replayWebhookDelivery", "cancelWalletChange"} <= {one.operation for one in ASKED}
    assert {name for one in ASKED for name in one.names} == {*KINDS, "number"}
