"""One purchase, from the REST API to the customer's wallet, and what callers may rely on along the way."""

import asyncio
from typing import Final

from cashback.kernel.bus import Bus
from cashback.kernel.bus.message import Delivery, read_delivery
from cashback.kernel.bus.replay import _read
from tests.e2e.conftest import Minted
from tests.support.chain import ChainReader
from tests.support.facts import eventually
from tests.support.load import Shop, new_key, new_wallet
from tests.support.stack import WholeSystem, rest_client

HEARD_WITHIN_S: Final = 30.0


async def test_one_purchase_becomes_a_final_mint_in_the_customers_wallet(minted: Minted, chain: ChainReader) -> None:
    """What was earned stands in the contract's log and in the wallet, under the number that the ledger gave (I3, I10).

    The timeline tells each step, the transaction and the live state; the block that minted is final.
    """
    earned, mint = minted.answer["cashback"], minted.cashback["mint"]
    assert (earned["state"], earned["amount_minor"], earned["token_units"]) == ("approved", "99", "990000")
    [log] = [log for log in await chain.mint_logs() if log.number == int(mint["number"])]
    assert (log.recipient, log.amount) == (str(minted.customer.wallet).lower(), 990_000)
    assert (log.transaction_hash, log.block_number) == (mint["transaction_hash"], int(mint["block_number"]))
    assert log.block_number <= await chain.block("finalized")
    assert await chain.balance(str(minted.customer.wallet)) == 990_000
    assert [step["to_state"] for step in minted.cashback["timeline"]] == ["approved", "mint_requested", "minted"]
    assert (mint["chain_state"], mint["is_stale"]) == ("final", False)
    assert mint["requested_at"] <= mint["submitted_at"] <= mint["included_at"] <= mint["final_at"]


async def test_one_trace_leads_from_the_request_to_the_chain_attempt(minted: Minted, stack: WholeSystem) -> None:
    """The trace id that the caller sent is in every event of the purchase and beside the mint in the adapter."""
    cashback_id = minted.cashback["id"]
    events = await events_in_stream(stack)
    of_purchase = [event for event in events if event.key == minted.answer["id"]]
    of_cashback = [event for event in events if event.key == cashback_id]
    assert [event.type for event in of_purchase] == ["purchase.created"]
    assert [event.type for event in of_cashback] == ["cashback.approved", "token.mint.requested", "token.minted"]
    query = "select traceparent from chain.mints where cashback_id = %s"
    told = [event.traceparent for event in (*of_purchase, *of_cashback)]
    told += [row[0] for row in stack.rows("chain", query, cashback_id)]
    assert [str(traceparent).split("-")[1] for traceparent in told] == [minted.trace_id] * 5


def test_no_process_asked_the_broker_for_what_it_may_not(minted: Minted, stack: WholeSystem) -> None:
    """What went all the way went with the rights of each: the broker writes down whatever it refuses."""
    assert minted.cashback["state"] == "minted"
    assert stack.nats.log.stat().st_size > 0
    assert "Violation" not in stack.nats.log.read_text()


async def test_cashback_waits_for_a_wallet_and_is_minted_to_it_once_there_is_one(
    shop: Shop, stack: WholeSystem, chain: ChainReader
) -> None:
    """Without a wallet nothing is requested (I4: it waits on a person); the wallet set later gets all of it."""
    customer = await shop.customer(has_wallet=False)
    answers = [await shop.buy(customer), await shop.buy(customer)]
    await approvals_heard(stack, *(answer["cashback"]["id"] for answer in answers))
    waiting = [(await shop.get(f"/v1/purchases/{answer['id']}"))["cashback"] for answer in answers]
    assert [(cashback["state"], cashback["mint"]) for cashback in waiting] == [("approved", None)] * 2
    assert not (await stack.reconciled()).is_drained

    wallet = new_wallet()
    await shop.post(f"/v1/users/{customer.id}/wallet", {"wallet": wallet})
    for answer in answers:
        cashback = await shop.settled(answer["id"])
        assert cashback["timeline"][1]["cause"] == "wallet_linked"
    assert await chain.balance(wallet) == 2 * 5_000_000


async def test_the_same_key_gives_the_same_answer_and_one_mint(shop: Shop, stack: WholeSystem) -> None:
    """Repeated at once and later, a command has one answer and one effect; another body is refused (I7)."""
    customer, key = await shop.customer(), new_key()
    body = shop.purchase(customer)
    first, *others = await asyncio.gather(*(shop.post("/v1/purchases", body, key=key) for _ in range(8)))
    assert others == [first] * 7
    await shop.settled(first["id"])
    assert await shop.post("/v1/purchases", body, key=key) == first

    again = await shop.http.post("/v1/purchases", json=body, headers={"Idempotency-Key": key})
    other = await shop.http.post("/v1/purchases", json={**body, "amount_minor": "1"}, headers={"Idempotency-Key": key})
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await shop.get(f"/v1/users/{customer.id}/cashback"))["items"]) == 1
    query = "select count(*) from minting.mints where cashback_id = %s"
    assert stack.rows("minting", query, first["cashback"]["id"]) == [(1,)]


async def test_a_merchant_sees_and_changes_nothing_of_another(shop: Shop, stack: WholeSystem) -> None:
    """With its own key a merchant finds its own purchases, and of everybody else's it is told that there are none."""
    customer = await shop.customer()
    mine = await shop.buy(customer)
    async with Shop.open(stack) as elsewhere:
        theirs = await elsewhere.buy(customer)
    async with rest_client(stack, await stack.merchant_key(shop.merchant_id)) as merchant:
        seen = await merchant.get(f"/v1/purchases/{mine['id']}")
        assert (seen.status_code, seen.json()["id"]) == (200, mine["id"])
        listed = (await merchant.get(f"/v1/users/{customer.id}/cashback")).json()["items"]
        assert [item["purchase_id"] for item in listed] == [mine["id"]]
        hidden = [f"/v1/purchases/{theirs['id']}", f"/v1/cashback/{theirs['cashback']['id']}"]
        assert [(await merchant.get(path)).status_code for path in hidden] == [404, 404]
        assert (await merchant.get(f"/v1/users/{customer.id}/balance")).status_code == 403
        for_another = {**shop.purchase(customer), "merchant_id": theirs["merchant_id"]}
        refused = await merchant.post("/v1/purchases", json=for_another, headers={"Idempotency-Key": new_key()})
        assert refused.status_code == 403


async def test_the_balance_shows_the_chains_figure_with_its_block_beside_the_ledgers(
    minted: Minted, shop: Shop, chain: ChainReader
) -> None:
    """Both figures agree once the mint is final, and the chain's names the block in which it stood."""
    balance = await shop.live_balance(minted.customer.id)
    figure = balance["on_chain"]
    block = await chain.call("eth_getBlockByNumber", hex(int(figure["block_number"])), False)
    assert (figure["token_units"], figure["block_hash"], balance["is_stale"]) == ("990000", block["hash"], False)
    [ledger] = balance["ledger"]
    assert ledger["minted"] == {"cashbacks": 1, "amount_minor": "99", "token_units": "990000"}
    assert ledger["granted"] == ledger["minted"]


async def approvals_heard(stack: WholeSystem, *cashback_ids: str) -> None:
    """Return once the ledger's worker has dealt with the approval of each, whatever came of it."""
    query = """
        select count(*)
        from ledger.inbox
        join ledger.outbox_events using (event_id)
        where consumer = 'ledger-approvals' and type = 'cashback.approved' and outbox_events.key = any(%s)
    """

    async def look() -> bool | None:
        return True if stack.rows("cashback", query, [*cashback_ids]) == [(len(cashback_ids),)] else None

    await eventually(look, within_s=HEARD_WITHIN_S, what=f"the approvals of {cashback_ids} are dealt with")


async def events_in_stream(stack: WholeSystem) -> list[Delivery]:
    """Return every event that the broker holds, oldest first."""
    async with Bus.connect(stack.nats.url(), name="test") as bus:
        await bus.wait_connected()
        last = (await bus.api("STREAM.INFO.CASHBACK"))["state"]["last_seq"]
        batches = [batch async for batch in _read(bus, start=1, end=last, types=(), headers_only=False)]
    return [read_delivery(message, place) for batch in batches for message, place in batch]
