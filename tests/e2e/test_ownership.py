"""A wallet that its user has proved, from the challenge to the tokens in it."""

from http import HTTPStatus

from tests.integration.purchases.proving import holder
from tests.support.chain import ChainReader
from tests.support.load import Shop, new_key


async def test_cashback_is_minted_to_the_wallet_that_was_proved(shop: Shop, chain: ChainReader) -> None:
    """What waited for a wallet goes to it; a signature of another one, or of another text, links nothing (I4)."""
    customer, who, other = await shop.customer(has_wallet=False), holder(301), holder(302)
    answer = await shop.buy(customer)
    asked = await shop.post(f"/v1/users/{customer.id}/wallet-challenges", {"wallet": who.address})
    proofs = f"/v1/users/{customer.id}/wallet-proofs"
    for signature in (other.sign(asked["message"]), who.sign(asked["message"] + " ")):
        body = {"nonce": asked["nonce"], "signature": signature}
        refused = await shop.http.post(proofs, json=body, headers={"Idempotency-Key": new_key()})
        assert (refused.status_code, refused.json()["code"]) == (HTTPStatus.UNPROCESSABLE_ENTITY, "signature_invalid")
    change = await shop.post(proofs, {"nonce": asked["nonce"], "signature": who.sign(asked["message"])})
    assert (change["wallet"], change["ended_as"]) == (who.address, "applied")
    await shop.settled(answer["id"])
    assert await chain.balance(who.address) == 5_000_000


async def test_a_wallet_that_waits_gets_nothing_before_its_time(shop: Shop, chain: ChainReader) -> None:
    """By the usual day of cooling down, what is bought meanwhile goes to the one in use."""
    customer, second = await shop.customer(), holder(303)
    asked = await shop.post(f"/v1/users/{customer.id}/wallet-challenges", {"wallet": second.address})
    body = {"nonce": asked["nonce"], "signature": second.sign(asked["message"])}
    change = await shop.post(f"/v1/users/{customer.id}/wallet-proofs", body)
    assert (change["ended_at"], (await shop.get(f"/v1/users/{customer.id}"))["next_wallet"]) == (None, second.address)
    await shop.settled((await shop.buy(customer))["id"])
    assert await chain.balance(str(customer.wallet)) == 5_000_000
    assert await chain.balance(second.address) == 0
