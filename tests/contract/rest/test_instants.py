"""Instants are told in UTC, whichever clock whoever asks goes by."""

from typing import Final

import pytest

from tests.contract.rest.done import known_to
from tests.contract.rest.world import Caller, Rest

pytestmark = pytest.mark.asyncio(loop_scope="module")

GIVEN: Final = {"starts_at": "2026-03-02T02:00:00+02:00", "ends_at": "2026-04-30T23:00:00-01:00"}
TOLD: Final = {"starts_at": "2026-03-02T00:00:00Z", "ends_at": "2026-05-01T00:00:00Z"}


async def test_what_was_made_is_told_at_once_as_it_is_read_later(rest: Rest, operator: Caller) -> None:
    """A campaign, a version and an API key; of every other answer the document's judge sees to it."""
    has = await known_to(rest, operator)
    terms = {"programme_id": has["programme_id"], "name": "of spring", "budget_minor": "100"}
    campaign = (await operator.post("/v1/campaigns", {**terms, **GIVEN})).json()
    version = await operator.post(f"/v1/ruleset-drafts/{has['draft_id']}/publish", GIVEN, headers={"If-Match": '"1"'})
    for made in (campaign, version.json()):
        assert {name: made[name] for name in TOLD} == TOLD
    first = (await operator.post("/v1/api-keys", {"label": "of spring", "expires_at": GIVEN["ends_at"]})).json()
    second = await operator.post(f"/v1/api-keys/{first['id']}/rotate", {"expires_at": GIVEN["ends_at"]})
    assert {first["expires_at"], second.json()["expires_at"]} == {TOLD["ends_at"]}
