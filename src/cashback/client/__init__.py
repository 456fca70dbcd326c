"""The REST API as a program calls it: a function for each operation, a struct for each document.

    from cashback.client import Client
    from cashback.client.api import purchases, structs

    body = structs.PurchaseBody(user_id=user, amount_minor="1999", currency="USD", occurred_at="2026-11-22T10:00:00Z")
    with Client("https://api.example.com", api_key) as client:
        answer = client.send(purchases.create_purchase(body, idempotency_key="order-7"))
    print(answer.cashback.state)

`api` is generated from docs/openapi.json, and knows neither threads nor event loops: its functions give calls. `Client`
and `AsyncClient` send them, and send them again under the same key while the API has no time for them. It stands alone:
no part of the service is behind it (docs/adr/0081).
"""

from cashback.client.calls import Call
from cashback.client.failures import ApiProblem, CallFailed, NoAnswer, Unchanged, Unsendable
from cashback.client.patience import IMPATIENT, Patience
from cashback.client.sending import Answer, AsyncClient, Client

__all__ = [
    "IMPATIENT",
    "Answer",
    "ApiProblem",
    "AsyncClient",
    "Call",
    "CallFailed",
    "Client",
    "NoAnswer",
    "Patience",
    "Unchanged",
    "Unsendable",
]
