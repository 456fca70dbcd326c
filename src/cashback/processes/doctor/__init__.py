"""`cashback doctor`: every dependency asked once, by the operator's reading roles, and what is wrong with it.

| asked                                             | in          |
|---------------------------------------------------|-------------|
| revisions of the schemas, what waits in outboxes  | `databases` |
| streams, durable consumers, who works them off    | `broker`    |
| adapter, chain, both switches, the mint worker    | `minting`   |
| numbers, steps, mint requests, reconciliation     | `ledger`    |
| what others are served: webhooks, the REST API    | `served`    |

Each answer is a sentence about what is well, or an error about what is not; nothing is changed anywhere.
"""

import asyncio
from collections.abc import Awaitable, Iterator

from cashback.processes import granted
from cashback.processes.doctor import broker, databases, ledger, minting, served
from cashback.processes.doctor.asking import Examined, ask
from cashback.processes.doctor.settings import Settings
from cashback.processes.migrate import SERVICES
from cashback.processes.relay import SCHEMAS

__all__ = ["Examined", "Settings", "examine"]


async def examine(settings: Settings) -> list[Examined]:
    """Return the state of every dependency; nothing is changed anywhere."""
    questions = [*_of_databases(settings), *_of_the_rest(settings)]
    return await asyncio.gather(*(ask(what, answer) for what, answer in questions))


def _of_databases(settings: Settings) -> Iterator[tuple[str, Awaitable[str]]]:
    """Yield what each database is asked, those with outboxes what waits in them as well."""
    dsns = {service.database: dsn for service, dsn in zip(SERVICES, settings.audit_dsns, strict=True)}
    for service in SERVICES:
        yield f"database {service.database}", databases.schemas(dsns[service.database], service.schemas)
    for service_name, schemas in SCHEMAS.items():
        yield f"outboxes of {service_name}", databases.outboxes(dsns[service_name], service_name, schemas)


def _of_the_rest(settings: Settings) -> Iterator[tuple[str, Awaitable[str]]]:
    """Yield what everybody else is asked."""
    ledger_dsn = settings.ledger_audit_dsn
    yield "broker", broker.streams(settings)
    yield "workers", broker.workers(settings)
    yield "adapter and chain", minting.adapter(settings)
    limit = granted.fits(ledger_dsn, settings.adapter_address, tls=settings.client_tls)
    yield "programme and mint limit", limit
    yield "minting", minting.switch(settings.minting_audit_dsn)
    yield "mint worker", minting.worker(settings)
    yield "mint numbers", ledger.numbers(settings)
    yield "reconciliation", ledger.reconciliation(settings)
    yield "steps that are due", ledger.steps(ledger_dsn)
    yield "mint requests", ledger.requests(ledger_dsn)
    yield "webhooks", served.webhooks(ledger_dsn)
    if settings.api_url:
        yield "REST API", served.api(settings.api_url)
