"""A user who is erased after everything happened to them: all databases, the stream and the logs afterwards."""

import json
import secrets

from tests.e2e.test_flow import events_in_stream
from tests.integration.purchases.proving import Holder, holder
from tests.support.load import Customer, Shop
from tests.support.markers import columns_with, documented, files_with, forms
from tests.support.stack import WholeSystem

SEEN = {
    "cashback.ledger.cashback_ledger.recipient",
    "minting.minting.mints.recipient",
    "chain.chain.mints.recipient",
    "chain.chain.slots.calldata",
    "chain.chain.blockchain_transactions.raw",
}
"""Where a wallet stands that tokens were minted to, or nothing was looked at."""


async def proved(shop: Shop, user_id: str, who: Holder) -> None:
    """Have a user prove a wallet."""
    asked = await shop.post(f"/v1/users/{user_id}/wallet-challenges", {"wallet": who.address})
    body = {"nonce": asked["nonce"], "signature": who.sign(asked["message"])}
    await shop.post(f"/v1/users/{user_id}/wallet-proofs", body)


async def test_of_a_user_who_is_erased_nothing_stands_but_where_the_page_says(shop: Shop, stack: WholeSystem) -> None:
    """docs/privacy.md names every column, and what of the stream; no log of any process ever had anything of it."""
    named = {"reference": f"Ann {secrets.token_hex(8)}@example.org", "tier": f"tier{secrets.token_hex(8)}"}
    first, second, said = holder(311), holder(312), f"Marker {secrets.token_hex(8)} buys and returns"
    user_id = (await shop.post("/v1/users", named))["id"]
    path, markers = f"/v1/users/{user_id}", [*named.values(), first.address, second.address, said]
    await proved(shop, user_id, first)
    for verb in ("block", "unblock"):
        await shop.post(f"{path}/{verb}", {"person": "bert", "reason": said})
    await shop.settled((await shop.buy(Customer(user_id, first.address)))["id"])
    await proved(shop, user_id, second)
    dsns = [stack.postgres.dsn(database) for database in ("cashback", "minting", "chain")]
    told = json.dumps(await shop.get(f"{path}/export"))
    assert [marker for marker in markers if marker not in told] == []

    await shop.post(f"{path}/erase", {"person": "ada", "reason": "asked for"})

    found = set().union(*(columns_with(dsn, markers) for dsn in dsns))
    assert found <= documented()
    assert found >= SEEN
    wanted = forms(markers)
    events = await events_in_stream(stack)
    told_of = {one.type for one in events if any(form in one.data.decode().lower() for form in wanted)}
    assert told_of == {"token.mint.requested"}
    assert files_with(stack.folder / "logs", markers) == set()
    assert (await stack.reconciled()).findings == []
