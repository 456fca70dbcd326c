"""Who asks what, in which order: a programme, its people, what they buy and return, and what becomes of it.

Each question is the example of its operation, under a name where there are several. A new operation gets a line where
it belongs; what it needs is made there as well. Terms and rulesets are in `terms`, what proves the books and what is
posted to others in `books`.
"""

from typing import Final

import msgspec

from cashback.purchases.store.api_keys import note_uses
from tests.contract.rest.examples.stage import BOUGHT, DAY, WHY, Stage
from tests.integration.ledger.world import START, minted_outcome, wallet_number
from tests.integration.purchases.proving import holder


async def programme(stage: Stage) -> None:
    """Start a programme, and look at it."""
    started = await stage.op(
        "createProgramme",
        {
            "name": "Cashback 2026",
            "currency": "USD",
            "rate_bps": 150,
            "budget_minor": "1000000",
            "expire_after_days": 90,
            "review_above_minor": "5000",
        },
    )
    stage.ids["programme"] = id_ = started["id"]
    await stage.op("showProgramme", currency="USD")
    await stage.op("showOneProgramme", programme_id=id_)
    await stage.op("listProgrammes", in_force=True)
    stage.ids["base"] = (await stage.op("listCampaigns", programme_id=id_))["items"][0]["id"]
    await stage.op("pauseProgramme", WHY, programme_id=id_)
    await stage.op("resumeProgramme", WHY, programme_id=id_)
    await stage.op("listPauses", programme_id=id_)


async def people(stage: Stage) -> None:
    """Create users and a merchant, say what is known of them, and give the merchant a key."""
    ids = stage.ids
    body = {"reference": "customer-4711", "wallet": wallet_number(4_711), "tier": "gold"}
    ids["anna"] = (await stage.op("createUser", body))["id"]
    ids["bert"] = (await stage.op("createUser", {"reference": "customer-4712"}))["id"]
    ids["shop"] = (await stage.op("createMerchant", {"name": "Corner Shop", "mcc": "5411"}))["id"]
    await stage.op("setTier", {"tier": "platinum"}, user_id=ids["anna"])
    await stage.op("setMerchantFacts", {"mcc": "5411", "owners": [ids["bert"]]}, merchant_id=ids["shop"])
    await stage.op("setMerchantFacts", {"mcc": "5411", "owners": []}, merchant_id=ids["shop"])
    seen = await stage.seen(f"/v1/users/{ids['bert']}")
    await stage.op("changeUser", {"reference": "customer-4712-b"}, user_id=ids["bert"], **seen)
    seen = await stage.seen(f"/v1/merchants/{ids['shop']}")
    await stage.op("changeMerchant", {"name": "Corner Shop and Sons"}, merchant_id=ids["shop"], **seen)
    for user in ("block", "unblock"):
        await stage.op(f"{user}User", WHY, user_id=ids["bert"])
    await stage.op("listBlocks", user_id=ids["bert"])
    for merchant in ("deactivate", "activate"):
        await stage.op(f"{merchant}Merchant", WHY, merchant_id=ids["shop"])
    await stage.op("listDeactivations", merchant_id=ids["shop"])
    await stage.op("showMerchant", merchant_id=ids["shop"])
    await stage.op("listMerchants", is_active=True)
    key = await stage.op("createApiKey", {"label": "Till of the Corner Shop", "merchant_id": ids["shop"]})
    stage.keeper = stage.rest.caller(key["secret"], key_id=key["id"])


async def keys(stage: Stage) -> None:
    """Make a key for some scopes, use it, replace it, and revoke it."""
    key = await stage.shop("createApiKey", {"label": "Reports", "scopes": ["purchases:read", "refunds:read"]})
    async with stage.world.api.transaction() as tx:
        await note_uses(tx, dict.fromkeys((key["id"], stage.keeper.key_id), START))
    await stage.shop("showApiKey", key_id=key["id"])
    await stage.shop("rotateApiKey", {"overlap_s": 86_400}, key_id=key["id"])
    await stage.shop("revokeApiKey", key_id=key["id"])
    await stage.shop("listApiKeys")


async def purchases(stage: Stage) -> None:
    """Record purchases, one, some and many, and look at what they earned."""
    ids = stage.ids
    lines = [{"amount_minor": "9990", "sku": "tea-500", "category": "tea", "quantity": 1}, {"amount_minor": "3000"}]
    tea = {"user_id": ids["anna"], "amount_minor": "12990", **BOUGHT, "reference": "order-1001", "lines": lines}
    made = await stage.shop("createPurchase", tea)
    ids["tea"], ids["tea's"] = made["id"], made["cashback"]["id"]
    some = [{"user_id": ids[who], "amount_minor": "1999", **BOUGHT} for who in ("anna", "bert")]
    await stage.shop(
        "createPurchases", {"purchases": [{**some[0], "reference": "order-1002"}, {**some[1], "user_id": "usr_1"}]}
    )
    many = [{**one, "reference": f"order-{number}"} for number, one in enumerate(some, 1_003)]
    await stage.shop("streamPurchases", "".join(f"{msgspec.json.encode(one).decode()}\n" for one in many))
    await stage.shop("showPurchase", purchase_id=ids["tea"])
    await stage.shop("listPurchases", occurred_from=DAY["from"], expand="cashback", limit=2)
    await stage.shop("showCashback", cashback_id=ids["tea's"])
    await stage.shop("listCashbacks", state="approved", limit=2)
    await stage.op("explainCashback", cashback_id=ids["tea's"])
    await stage.op("listDecisions", cashback_id=ids["tea's"])
    await stage.op("replayDecisions", cashback_id=ids["tea's"])
    await stage.op("listExpiring", within_days=90)
    large = await stage.shop("createPurchase", {**some[1], "amount_minor": "900000"})
    await stage.op("listReviews", programme_id=ids["programme"])
    verdict = {"verdict": "approve", "person": "Grace Hopper", "reason": "Saw the invoice"}
    await stage.op("reviewCashback", verdict, cashback_id=large["cashback"]["id"])


async def refunds(stage: Stage) -> None:
    """Return a part, a line, and something that nobody has told of yet."""
    ids = stage.ids
    sent_back = {"reason": "Sent back", "purchase_id": ids["tea"]}
    made = await stage.shop(
        "createRefund", {**sent_back, "amount_minor": "1000", "reference": "return-17"}, name="amount"
    )
    await stage.shop("createRefund", {**sent_back, "lines": [{"line": 2, "amount_minor": "500"}]}, name="lines")
    early = {"reason": "Cancelled", "purchase_reference": "order-2001", "amount_minor": "500"}
    await stage.shop("createRefund", early, name="parked")
    await stage.shop("showRefund", refund_id=made["id"])
    await stage.shop("listRefunds", purchase_id=ids["tea"], limit=1)
    await stage.shop("listPurchaseRefunds", purchase_id=ids["tea"], limit=1)
    await stage.shop("listParkedRefunds")


async def mints(stage: Stage) -> None:
    """Have cashback minted, and a purchase returned after that: what then is owed, and given up."""
    ids, world = stage.ids, stage.world
    await world.request(ids["tea's"])
    await world.settle(await minted_outcome(world, ids["tea's"]))
    number = (await stage.op("listMints", state="minted"))["items"][0]["number"]
    await stage.op("showMint", number=int(number))
    await stage.shop("createRefund", {"reason": "Never came", "purchase_id": ids["tea"], "amount_minor": "3000"})
    await stage.op("listDebts")
    await stage.op("showDebt", user_id=ids["anna"])
    await stage.op("writeOffDebt", {**WHY, "token_units": "10000"}, user_id=ids["anna"])
    await stage.op("listWriteOffs", user_id=ids["anna"])
    await stage.op("showProgrammeDebts")


async def adjustments(stage: Stage) -> None:
    """Give cashback by hand, and take some of it back."""
    ids = stage.ids
    credit = {"kind": "credit", "user_id": ids["anna"], "programme_id": ids["programme"], "amount_minor": "500", **WHY}
    made = await stage.op("createAdjustment", credit, name="credit")
    debit = {"kind": "debit", "cashback_id": made["cashback_id"], "amount_minor": "200", **WHY}
    await stage.op("createAdjustment", debit, name="debit")
    await stage.op("showAdjustment", adjustment_id=made["id"])
    await stage.op("listAdjustments", user_id=ids["anna"])


async def wallets(stage: Stage) -> None:
    """Set a wallet, have another one proved, and cancel that before its time has come."""
    bert, who = stage.ids["bert"], holder(201)
    await stage.op("setWallet", {"wallet": wallet_number(4_712)}, user_id=bert)
    asked = await stage.op("createWalletChallenge", {"wallet": who.address}, user_id=bert)
    proof = {"nonce": asked["nonce"], "signature": who.sign(asked["message"])}
    change = await stage.op("createWalletProof", proof, user_id=bert)
    await stage.op("listWalletChanges", user_id=bert)
    await stage.op("cancelWalletChange", WHY, user_id=bert, change_id=change["id"])
    await stage.op("listWallets", user_id=bert)


async def what_users_have(stage: Stage) -> None:
    """Look at a user, now and in the past."""
    anna = stage.ids["anna"]
    await stage.op("showUser", user_id=anna)
    await stage.op("listUsers", reference="customer-4711")
    await stage.op("listCashback", user_id=anna, limit=1)
    await stage.op("showBalance", user_id=anna)
    await stage.op("showBalanceAt", user_id=anna, known_at="2026-03-01T12:00:00Z")
    await stage.op("showStatement", user_id=anna, **DAY, limit=4, name="pages")
    await stage.op("showStatement", user_id=anna, **DAY, format="csv", name="csv")
    await stage.op("listDeeds", **DAY, resource=stage.ids["tea"])


async def personal_data(stage: Stage) -> None:
    """Tell all that is known of somebody, and erase it."""
    carla = (await stage.op("createUser", {"reference": "customer-4713", "tier": "gold"}))["id"]
    await stage.shop("createPurchase", {"user_id": carla, "amount_minor": "1999", **BOUGHT})
    await stage.op("exportUser", user_id=carla)
    await stage.op("eraseUser", {"person": "Ada Lovelace", "reason": "Asked for in ticket 4713"}, user_id=carla)


ACTS: Final = (programme, people, keys, purchases, refunds, mints, adjustments, wallets, what_users_have, personal_data)
"""In this order."""
