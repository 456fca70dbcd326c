"""Whoever orders something says why: blanks say nothing, wherever a reason is asked for."""

from typing import Final

import pytest

from cashback.kernel.ids import new_id
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Caller, Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_NAME: Final[dict[str, object]] = {"person": "alice"}
AMOUNT: Final[dict[str, object]] = {"amount_minor": "1"}
ORDERS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    "/v1/campaigns/{}/close": ("cmp", {}),
    "/v1/campaigns/{}/rebalance": ("cmp", {}),
    "/v1/campaigns/{}/top-up": ("cmp", AMOUNT),
    "/v1/campaigns/{}/withdraw": ("cmp", AMOUNT),
    "/v1/cashback/{}/review": ("cb", {**BY_NAME, "verdict": "approve"}),
    "/v1/debts/{}/write-offs": ("usr", BY_NAME),
    "/v1/merchants/{}/activate": ("mer", BY_NAME),
    "/v1/merchants/{}/deactivate": ("mer", BY_NAME),
    "/v1/programmes/{}/end": ("prg", {}),
    "/v1/programmes/{}/pause": ("prg", BY_NAME),
    "/v1/programmes/{}/resume": ("prg", BY_NAME),
    "/v1/ruleset-drafts/{}/discard": ("drf", {}),
    "/v1/rulesets/{}/withdraw": ("rul", {}),
    "/v1/users/{}/block": ("usr", BY_NAME),
    "/v1/users/{}/unblock": ("usr", BY_NAME),
}
"""Each order that is about what its path names: the kind of that, and what else its body needs."""


@pytest.mark.parametrize("path", ORDERS)
async def test_a_reason_of_blanks_is_none(rest: Rest, operator: Caller, path: str) -> None:
    """Refused with its place, whether or not there is what the path names, and nothing is stored."""
    prefix, body = ORDERS[path]
    before = await rest.stored()
    refused = await operator.post(path.format(new_id(prefix)), {**body, "reason": "  "})
    assert_problem(refused, 422, "field_invalid", pointer="/reason")
    assert await rest.stored() == before
