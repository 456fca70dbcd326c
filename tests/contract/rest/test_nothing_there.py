"""What there is not has no list, no figures and no story: every route that names something is asked for nothing."""

from typing import Final

import msgspec
import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.belongings import KINDS
from tests.contract.rest.golden import GOLDEN
from tests.contract.rest.world import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")

CODES: Final = {
    "/v1/api-keys/{key_id}": "api_key_unknown",
    "/v1/debts/{user_id}": "debt_unknown",
    "/v1/debts/{user_id}/write-offs": "debt_unknown",
}
"""Those that are called otherwise than in their paths, or of which there is nothing, though there may be that."""

ALSO: Final = {
    "/v1/cashback/{cashback_id}/proof": "?line=1",
    "/v1/programmes/{programme_id}/ruleset": "?at=2026-03-01T00:00:00Z",
    "/v1/users/{user_id}/statement": "?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z",
}
"""What else a route must be told."""

PATHS: Final = [
    (path, parameter["name"])
    for path, operations in msgspec.json.decode(GOLDEN.read_bytes())["paths"].items()
    for parameter in operations.get("get", {}).get("parameters", ())
    if parameter["in"] == "path" and parameter["name"] != "number"
]


@pytest.mark.parametrize("path,name", PATHS)
async def test_what_is_not_there_is_not_found(operator: Caller, path: str, name: str) -> None:
    """404 with the code of what the path names, and never an empty list."""
    asked = path.format(**{name: new_id(KINDS[name])}) + ALSO.get(path, "")
    code = CODES.get(path, f"{name.removesuffix('_id')}_unknown")
    problem = (await operator.get(asked)).json()
    assert (problem["status"], problem["code"]) == (404, code), problem
