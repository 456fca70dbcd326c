"""What others are served: webhooks to merchants, and the REST API."""

from http import HTTPStatus

import httpx

from cashback.kernel.config import Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError
from cashback.processes.doctor.asking import ANSWER_WITHIN_S, OVERDUE
from cashback.processes.unanswered import why_no_answer
from cashback.webhooks.service.standing import neglected


class WebhooksNeglected(CashbackError):
    """Something is to be delivered, and nobody tries."""

    code = "webhooks_neglected"


class ApiUnwell(CashbackError):
    """The API does not answer, or says that it is not ready."""

    code = "api_unwell"


async def webhooks(dsn: Secret) -> str:
    """Return that whatever is due to an endpoint is tried.

    Raises:
        WebhooksNeglected: nobody tries.
    """
    async with Database.open(dsn.value, name="doctor", connections_max=1) as database, database.transaction() as tx:
        count = await neglected(tx, for_s=OVERDUE.seconds)
    if count:
        raise WebhooksNeglected(
            f"{count} endpoints wait for what was due over {OVERDUE.seconds} s ago: no worker-webhooks is at work"
        )
    return "whatever is due to an endpoint is tried"


async def api(url: str) -> str:
    """Return that the API is ready.

    Raises:
        ApiUnwell: it is not, or does not answer.
    """
    try:
        async with httpx.AsyncClient(base_url=url, timeout=ANSWER_WITHIN_S) as http:
            response = await http.get("/readyz")
    except httpx.HTTPError as cause:
        raise ApiUnwell(f"{url} does not answer: {why_no_answer(cause)}") from cause
    if response.status_code != HTTPStatus.OK:
        raise ApiUnwell(f"{url} is not ready: {response.text[:200]}")
    return f"{url} is ready"
