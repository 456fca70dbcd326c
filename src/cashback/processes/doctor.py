"""`cashback doctor`: every dependency asked once, by the operator's reading roles, and what is wrong with it."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import httpx
import msgspec
import psycopg

from cashback.kernel.bus.declare import compare, fills
from cashback.kernel.clock import SystemClock, business_clock
from cashback.kernel.config import Dsn, HostPort, HttpUrl, Secret
from cashback.kernel.db import Database
from cashback.kernel.errors import CashbackError
from cashback.kernel.migrations import head
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import LedgerBehind, NumbersFenced
from cashback.ledger.service import Readings
from cashback.processes import granted, reconciled
from cashback.processes.broker import BrokerAndAdapterSettings, broker_of
from cashback.processes.durables import DURABLES
from cashback.processes.migrate import SERVICES
from cashback.processes.minting_standing import LIFTED, concerns, look, silence
from cashback.processes.reconciled import StaleSeconds
from cashback.webhooks.service.standing import neglected

_ANSWER_WITHIN_S: Final = 3.0
_CONNECTED_WITHIN_S: Final = 2.0
"""Less than for the whole answer: then there is time to say why the broker lets nobody in."""

_OVERDUE: Final = timedelta(minutes=1)
"""A worker looks each second: what was due so long ago, nobody does."""

_FULL_PERCENT: Final = 90
_NAMED_MAX: Final = 5
"""So many of them are named."""


class Settings(BrokerAndAdapterSettings, frozen=True, kw_only=True):
    """Where everything is; the API is asked when it is named. A reconciliation older than that is too old."""

    ledger_audit_dsn: Dsn
    minting_audit_dsn: Dsn
    chain_audit_dsn: Dsn
    adapter_address: HostPort
    api_url: HttpUrl = ""
    reconcile_stale_s: StaleSeconds = 10_800


class Examined(msgspec.Struct, frozen=True):
    """One dependency: whether it is well, and what it said."""

    what: str
    is_well: bool
    detail: str


async def examine(settings: Settings) -> list[Examined]:
    """Return the state of every dependency; nothing is changed anywhere."""
    dsns = (settings.ledger_audit_dsn, settings.minting_audit_dsn, settings.chain_audit_dsn)
    examinations = [
        _examine(f"database {service.database}", _schemas(dsn, service.schemas))
        for dsn, service in zip(dsns, SERVICES, strict=True)
    ]
    examinations += [
        _examine("broker", _broker(settings)),
        _examine("adapter and chain", _adapter(settings)),
        _examine(
            "programme and mint limit",
            granted.fits(settings.ledger_audit_dsn, settings.adapter_address, tls=settings.client_tls),
        ),
        _examine("minting", _minting(settings.minting_audit_dsn)),
        _examine("mint worker", _mint_worker(settings)),
        _examine("mint numbers", _numbers(settings)),
        _examine("reconciliation", _reconciliation(settings)),
        _examine("steps that are due", _due(settings)),
        _examine("webhooks", _webhooks(settings.ledger_audit_dsn)),
    ]
    if settings.api_url:
        examinations.append(_examine("REST API", _api(settings.api_url)))
    return await asyncio.gather(*examinations)


async def _examine(what: str, answer: Awaitable[str]) -> Examined:
    """Wait for one answer; an answer is well, a failure is told."""
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return Examined(what, is_well=True, detail=await answer)
    except CashbackError as error:
        return Examined(what, is_well=False, detail=error.detail)
    except psycopg.Error as error:
        # No table, no right to read it, no such database: a person has to see the server's own words.
        return Examined(what, is_well=False, detail=str(error).strip().splitlines()[0])
    except TimeoutError:
        return Examined(what, is_well=False, detail=f"no answer within {_ANSWER_WITHIN_S:g} s")


class SchemaBehind(CashbackError):
    """A schema is not at the revision that this release needs."""

    code = "schema_behind"


async def _schemas(dsn: Secret, schemas: tuple[str, ...]) -> str:
    """Return the revisions of a database's schemas, all at their heads."""
    said: list[str] = []
    # Not through a pool, which tries again instead of telling why it could not connect.
    async with await psycopg.AsyncConnection.connect(dsn.value, application_name="doctor") as connection:
        for schema in schemas:
            cursor = await connection.execute(
                f"""
                select version_num
                from {schema}.schema_history
                """.encode()
            )
            row = await cursor.fetchone()
            found = None if row is None else str(row[0])
            if found != head(schema):
                raise SchemaBehind(f"{schema} is at {found}, this release needs {head(schema)}: run cashback migrate")
            said.append(f"{schema} at {found}")
    return ", ".join(said)


class StreamDiffers(CashbackError):
    """A stream or a durable consumer is missing, not as it is declared, or soon full."""

    code = "stream_differs"


async def _broker(settings: Settings) -> str:
    """Return the streams and durable consumers of the broker, all as declared."""
    async with broker_of(settings, "doctor") as bus:
        await bus.wait_connected(at_most_s=_CONNECTED_WITHIN_S)
        compared, filled = await compare(bus, DURABLES), await fills(bus)
    wrong = [f"{one.name} is missing" for one in compared if one.state == "missing"]
    wrong += [f"{one.name}: {each}" for one in compared for each in one.unlike]
    if wrong:
        raise StreamDiffers(f"{'; '.join(wrong)}; see cashback streams diff")
    if full := [f"{one.name} is full to {one.percent} %" for one in filled if one.percent >= _FULL_PERCENT]:
        raise StreamDiffers(f"{'; '.join(full)}, and refuses events when it is full; see the runbook `broker_down`")
    share = {one.name: f" ({one.percent} % full)" for one in filled}
    return ", ".join(f"{one.name}{share.get(one.name, '')}" for one in compared if one.state == "as declared")


class MintingHalted(CashbackError):
    """The adapter mints nothing until a person has looked."""

    code = "minting_halted"


class MintsHeld(CashbackError):
    """The contracts refuse mints, which wait for a person now."""

    code = "mints_held"


class ChainUnwell(CashbackError):
    """Nodes of the chain do not answer the adapter as they should, or have lost blocks that were final."""

    code = "chain_unwell"


async def _adapter(settings: Settings) -> str:
    """Return what the adapter serves, minting, with every node well and no mint held."""
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        status = await adapter.status()
    if status.halted_reason:
        raise MintingHalted(f"minting is halted: {status.halted_reason}; {LIFTED}")
    if unwell := [f"{one.name}: {one.problem}" for one in status.endpoints if not one.is_healthy]:
        alive = len(status.endpoints) - len(unwell)
        which = f"{alive} of {len(status.endpoints)} nodes answer" if alive else "no node of the chain answers"
        raise ChainUnwell(f"the adapter is up, but {which}; {'; '.join(unwell)}")
    if status.head < status.final:
        raise ChainUnwell(
            f"the chain's head is block {status.head}, below block {status.final} that was final: its nodes have lost"
            " blocks, and nothing is followed until they have more; see the runbook `recover`"
        )
    if status.held:
        raise MintsHeld(f"the contracts refuse {status.held} mints, which are held; see `cashback chain status`")
    return f"chain {status.chain_id} at block {status.head}, final {status.final}, {status.accepted_waiting} waiting"


class MintingConcerns(CashbackError):
    """Minting is halted by its own switch, or mints of it are stuck."""

    code = "minting_concerns"


async def _minting(dsn: Secret) -> str:
    """Return that minting hands over what it is asked for, and that no mint waits for a person."""
    if found := concerns(await look(dsn, name="doctor")):
        raise MintingConcerns("; ".join(found))
    return "its switch is on, and no mint is stuck"


class MintWorkerSilent(CashbackError):
    """No mint worker is at work, so nothing that is requested reaches the adapter."""

    code = "mint_worker_silent"


async def _mint_worker(settings: Settings) -> str:
    """Return that a mint worker has told the adapter something lately."""
    async with Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter:
        told_ms_ago = (await adapter.status()).minting_told_ms_ago
    if wrong := silence(told_ms_ago):
        raise MintWorkerSilent(wrong)
    return "one has told the adapter what it knows within the last ten seconds"


async def _numbers(settings: Settings) -> str:
    """Return that the ledger knows every number that was minted or is to be, and gives out more."""
    async with (
        Adapter.open(settings.adapter_address, tls=settings.client_tls) as adapter,
        Database.open(settings.ledger_audit_dsn.value, name="doctor", connections_max=1) as database,
    ):
        known = (await adapter.status()).known_number
        accounted_to, is_open = await Readings(database).numbers()
    if known > accounted_to:
        raise LedgerBehind(
            f"the ledger knows numbers up to {accounted_to}, and {known} was minted or is to be: its database is older"
        )
    if not is_open:
        raise NumbersFenced("no numbers are given out before worker-ledger has compared them since the last restart")
    return f"up to {accounted_to} accounted for, {known} known to adapter and minting"


class ReconciliationConcerns(CashbackError):
    """The last reconciliation is too old or found something, or the books hold supply that nobody can explain."""

    code = "reconciliation_concerns"


async def _reconciliation(settings: Settings) -> str:
    """Return when everything was reconciled last, without a difference, and at which block it is booked."""
    standing, now = await reconciled.look(settings.ledger_audit_dsn, name="doctor"), SystemClock().now()
    stale = timedelta(seconds=settings.reconcile_stale_s)
    if found := reconciled.concerns(standing, now=now, stale=stale):
        raise ReconciliationConcerns("; ".join(found))
    return reconciled.summary(standing, now=now)


class StepsOverdue(CashbackError):
    """Cashbacks have not taken a step that was due."""

    code = "steps_overdue"


async def _due(settings: Settings) -> str:
    """Return that whatever time or people have decided is done."""
    async with Database.open(settings.ledger_audit_dsn.value, name="doctor", connections_max=1) as database:
        found = await Readings(database).overdue(due_by=business_clock().now() - _OVERDUE, limit=_NAMED_MAX + 1)
    if found:
        more = ", and more" if len(found) > _NAMED_MAX else ""
        raise StepsOverdue(
            f"a hold, a verdict or the time for a wallet was over {_OVERDUE.seconds} s ago, and nothing has moved"
            f" {', '.join(found[:_NAMED_MAX])}{more}: no worker-ledger is at work, or it has left them out (log"
            " `life.skipped` says why)"
        )
    return "holds, verdicts and waits for a wallet that are over were acted on"


class WebhooksNeglected(CashbackError):
    """Something is to be delivered, and nobody tries."""

    code = "webhooks_neglected"


async def _webhooks(dsn: Secret) -> str:
    """Return that whatever is due to an endpoint is tried."""
    async with Database.open(dsn.value, name="doctor", connections_max=1) as database, database.transaction() as tx:
        count = await neglected(tx, for_s=_OVERDUE.seconds)
    if count:
        raise WebhooksNeglected(
            f"{count} endpoints wait for what was due over {_OVERDUE.seconds} s ago: no worker-webhooks is at work"
        )
    return "whatever is due to an endpoint is tried"


class ApiUnwell(CashbackError):
    """The API does not answer, or says that it is not ready."""

    code = "api_unwell"


async def _api(url: str) -> str:
    """Return that the API is ready."""
    try:
        async with httpx.AsyncClient(base_url=url, timeout=_ANSWER_WITHIN_S) as http:
            response = await http.get("/readyz")
    except httpx.HTTPError as cause:
        raise ApiUnwell(f"{url} does not answer: {cause}") from cause
    if response.status_code != HTTPStatus.OK:
        raise ApiUnwell(f"{url} is not ready: {response.text[:200]}")
    return f"{url} is ready"
