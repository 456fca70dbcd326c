"""An API key tells when it was last used, and nothing else does."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from cashback.client.api import api_keys
from cashback.purchases.rules import id_in_text
from tests.contract.rest.served import serving
from tests.contract.rest.world import Caller, Rest, instant
from tests.integration.ledger.world import Dsns, World


@pytest.mark.asyncio(loop_scope="module")
async def test_a_key_tells_when_it_was_last_used(rest: Rest, world: World, operator: Caller) -> None:
    """By itself and in the list, to the typed client as well; one that replaces it was not used yet."""
    holder, unused = await rest.operator(), await rest.operator()
    await holder.get("/v1/programmes/current")
    path = f"/v1/api-keys/{holder.key_id}"
    assert (await operator.get(path)).json()["last_used_at"] is None
    await rest.keys.uses.write()
    shown = (await operator.get(path)).json()
    assert timedelta(0) <= world.clock.now() - instant(shown["last_used_at"]) < timedelta(minutes=1)
    assert shown["last_used_at"].endswith("Z")
    listed = {one["id"]: one["last_used_at"] for one in (await operator.get("/v1/api-keys")).json()["items"]}
    assert (listed[holder.key_id], listed[unused.key_id]) == (shown["last_used_at"], None)
    typed = await operator.typed.send(api_keys.show_api_key(holder.key_id))
    assert typed.last_used_at == instant(shown["last_used_at"])
    turned = (await operator.post(f"{path}/rotate", {})).json()
    assert turned["last_used_at"] is None
    assert (await operator.post(f"{path}/revoke", {})).json()["last_used_at"] == shown["last_used_at"]


@pytest.mark.asyncio(loop_scope="module")
async def test_using_a_key_is_no_command_and_moves_no_entity_tag(rest: Rest, world: World, operator: Caller) -> None:
    """Nothing else is written anywhere: neither beside the commands, nor for anybody to hear of."""
    merchant = await world.merchant()
    keeper = await rest.merchant(merchant)
    path = f"/v1/merchants/{merchant.id}"
    tag = (await keeper.get(path)).headers["etag"]
    stored = await rest.stored()
    await rest.keys.uses.write()
    assert await rest.stored() == stored
    assert (await keeper.get(path, headers={"If-None-Match": tag})).status_code == 304
    shown = await operator.get(f"/v1/api-keys/{keeper.key_id}")
    assert shown.json()["last_used_at"] is not None
    assert "etag" not in shown.headers


def test_a_process_that_is_told_to_end_writes_what_it_has_noted(dsns: Dsns, tmp_path: Path) -> None:
    """Whatever came of the request: it was let in."""
    with psycopg.connect(dsns.superuser, autocommit=True) as connection:

        def asked(what: LiteralString) -> object:
            key_id = id_in_text(served.secret)
            row = connection.execute(f"select {what} from purchases.api_keys where id = %s", (key_id,)).fetchone()
            return row and row[0]

        with serving(dsns, tmp_path) as served:
            assert asyncio.run(served.say(served.head(path="/nowhere")))[0] == 404
            assert asked("last_used_at") is None
        assert asked("last_used_at < now()") is True
        assert "key_uses" not in served.log.read_text()
