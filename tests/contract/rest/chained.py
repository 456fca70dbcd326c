"""What chains of requests say beside the document: bodies that are taken, ids that belong into bodies, and ends.

The document's links fill paths, since OpenAPI has no expression for a part of a body. schemathesis has: what a link of
ours says of a body is laid over the one that is drawn, so that chains go on with what names something else in its body.
"""

from typing import Any, Final

from tests.contract.rest.world import a_purchase
from tests.integration.ledger.world import wallet_number

_MADE: Final = "$response.body#/id"
_PROGRAMME: Final = {"programme_id": _MADE}
_MERCHANT: Final = {"merchant_id": _MADE}

FILLED: Final[dict[str, dict[str, Any]]] = {
    "createUser": {"createPurchase": {"user_id": _MADE}, "createAdjustment": {"user_id": _MADE}},
    "createMerchant": {"createPurchase": _MERCHANT, "createApiKey": _MERCHANT, "createWebhookEndpoint": _MERCHANT},
    "createProgramme": {"createCampaign": _PROGRAMME, "createDraft": _PROGRAMME, "createAdjustment": _PROGRAMME},
    "createCampaign": {
        "createDraft": {
            "programme_id": "$response.body#/programme_id",
            # A ruleset grants from campaigns of its own programme alone, or it is drafted and never published.
            "document": {"rules": [{"campaign": _MADE}]},
        }
    },
    "createPurchase": {"createRefund": {"purchase_id": _MADE}},
}
"""Which operations name what an operation made, and where in their bodies, by `operationId`."""

ENDED: Final[dict[str, dict[str, Any]]] = {
    "POST /v1/api-keys": {"path": "/v1/api-keys/{id}/revoke", "body": {}},
    "POST /v1/api-keys/{key_id}/rotate": {"path": "/v1/api-keys/{id}/revoke", "body": {}},
    "POST /v1/programmes": {"path": "/v1/programmes/{id}/end", "body": {"reason": "its chain has ended"}},
    "POST /v1/webhooks/endpoints": {"path": "/v1/webhooks/endpoints/{id}/disable", "body": {}},
}
"""How what a command made is ended, where only so many may be: 100 keys, 20 endpoints, a programme of a currency."""

CURRENCIES: Final = (
    *("AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND"),
    *("BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CVE"),
)
"""Those of programmes that chains start, more than live at the same time; USD is taken."""


def worked(
    *, user_id: str, merchant_id: str, programme_id: str, campaign_id: str, purchase_ids: list[str], shops: list[str]
) -> dict[str, Any]:
    """Return bodies of commands that are taken, again and again, for chains to begin with what makes something.

    `shops` are those that get endpoints of webhooks, of which each has 200 for ever.
    """
    rule = {"id": "base", "campaign": campaign_id, "earns": {"kind": "percent", "rate_bps": 100}}
    why = {"person": "alice", "reason": "the parcel came late"}
    credit = {"kind": "credit", "user_id": user_id, "programme_id": programme_id, "amount_minor": "1"}
    programme = {"name": "of chains <turn>", "currency": {"one_of": CURRENCIES}}
    return {
        "POST /v1/users": {},
        "POST /v1/users/{user_id}/wallet-challenges": {"wallet": {"one_of": [wallet_number(n) for n in range(2, 100)]}},
        "POST /v1/merchants": {"name": "shop <turn>"},
        "POST /v1/programmes": programme | {"rate_bps": 100, "budget_minor": "1000000"},
        "POST /v1/campaigns": {"programme_id": programme_id, "name": "campaign <turn>", "budget_minor": "1"},
        "POST /v1/ruleset-drafts": {"programme_id": programme_id, "name": "<turn>", "document": {"rules": [rule]}},
        "POST /v1/ruleset-drafts/{draft_id}/publish": {},
        "POST /v1/purchases": a_purchase(user_id) | {"merchant_id": merchant_id},
        "POST /v1/refunds": {"purchase_id": {"one_of": purchase_ids}, "amount_minor": "1", "reason": "it did not fit"},
        "POST /v1/adjustments": credit | why,
        "POST /v1/api-keys": {"label": "key <turn>"},
        "POST /v1/api-keys/{key_id}/rotate": {},
        "POST /v1/webhooks/endpoints": {
            "merchant_id": {"one_of": shops},
            "url": "https://example.org/<turn>",
            "types": ["token.minted"],
        },
    }
