"""Large bodies over REST: few are read at a time, and what small ones ask for goes on beside them."""

import pytest

from cashback.kernel.http import turns
from tests.contract.rest.document import assert_problem
from tests.contract.rest.world import Rest, a_purchase

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_few_large_bodies_are_read_at_a_time(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is 503 with `Retry-After` before it is decoded; it is done when it comes again."""
    operator, user, merchant = await rest.operator(), await rest.world.user(), await rest.world.merchant()
    lines = [{"amount_minor": "10", "sku": "a name of twenty"}] * 100
    bulk = {"purchases": [a_purchase(user, merchant, amount_minor="1000", lines=lines) for _ in range(20)]}
    with monkeypatch.context() as narrow:
        narrow.setattr(turns, "SEATS_OF_ONE", 0)
        refused = await operator.post("/v1/purchases/bulk", bulk, key="large")
        small = await operator.post("/v1/purchases/bulk", {"purchases": bulk["purchases"][:1]})
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert small.status_code == 201
    assert (await operator.post("/v1/purchases/bulk", bulk, key="large")).json()["recorded"] == 20
