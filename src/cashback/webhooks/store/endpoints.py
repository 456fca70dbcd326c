"""Endpoints, their secrets, and the journal of what people did to them. Whoever locks both locks endpoints first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cashback.kernel.db import Tx
from cashback.webhooks.model import DisabledReason, Endpoint, EndpointState, SealedSecret

_COLUMNS: Final = "id, merchant_id, url, types, state, disabled_reason, disabled_at, failing_since, created_at"


async def insert(tx: Tx, endpoint: Endpoint) -> None:
    """Store a new endpoint."""
    await tx.execute(
        """
        insert into webhooks.endpoints (id, merchant_id, url, types, created_at)
        values (%(id)s, %(merchant_id)s, %(url)s, %(types)s, %(created_at)s)
        """,
        {
            "id": endpoint.id,
            "merchant_id": endpoint.merchant_id,
            "url": endpoint.url,
            "types": list(endpoint.types),
            "created_at": endpoint.created_at,
        },
    )


async def listening(tx: Tx, *, merchant_ids: Sequence[str], types: Sequence[str], missed_days: int) -> list[Endpoint]:
    """Return the endpoints of these merchants and of the operator that hear of one of the types, or miss it.

    Those are enabled, or were disabled by us within `missed_days`. Until `tx` ends none of them is disabled: whoever
    ends an endpoint's deliveries ends these as well.
    """
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from webhooks.endpoints
        where (
              state = 'enabled'
              or disabled_reason in ('gone', 'failing')
                  and coalesce(disabled_at, now()) > now() - make_interval(days => %(missed_days)s)
          )
          and types && %(types)s::text[]
          and (merchant_id is null or merchant_id = any(%(merchant_ids)s::text[]))
        order by id
        for share
        """,
        {"types": list(types), "merchant_ids": list(merchant_ids), "missed_days": missed_days},
    )
    return [_to_endpoint(row) for row in await cursor.fetchall()]


async def urls(tx: Tx, endpoint_ids: Sequence[str]) -> dict[str, str]:
    """Return where the endpoints are."""
    cursor = await tx.execute(
        """
        select id, url
        from webhooks.endpoints
        where id = any(%(endpoint_ids)s::text[])
        """,
        {"endpoint_ids": list(endpoint_ids)},
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def page(tx: Tx, *, merchant_id: str | None, after: str, limit: int) -> list[Endpoint]:
    """Return endpoints by id, those of one merchant if one is named."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from webhooks.endpoints
        where (%(merchant_id)s::text is null or merchant_id = %(merchant_id)s)
          and id > %(after)s
        order by id
        limit %(limit)s
        """,
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [_to_endpoint(row) for row in await cursor.fetchall()]


async def read(tx: Tx, endpoint_id: str) -> Endpoint | None:
    """Return an endpoint as it stands, without keeping anybody from changing it."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from webhooks.endpoints
        where id = %(endpoint_id)s
        """,
        {"endpoint_id": endpoint_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _to_endpoint(row)


async def locked(tx: Tx, endpoint_id: str) -> Endpoint | None:
    """Return an endpoint, which nobody else changes until `tx` ends."""
    cursor = await tx.execute(
        f"""
        select {_COLUMNS}
        from webhooks.endpoints
        where id = %(endpoint_id)s
        for no key update
        """,
        {"endpoint_id": endpoint_id},
    )
    row = await cursor.fetchone()
    return None if row is None else _to_endpoint(row)


async def lock_owner(tx: Tx, merchant_id: str | None) -> None:
    """Keep everybody else from adding or enabling endpoints of a merchant, or of the operator, until `tx` ends."""
    await tx.execute(
        """
        select pg_advisory_xact_lock(hashtext('webhooks:endpoints'), hashtext(%(merchant_id)s))
        """,
        {"merchant_id": merchant_id or ""},
    )


async def count(tx: Tx, *, merchant_id: str | None) -> tuple[int, int]:
    """Return how many endpoints a merchant has that are enabled, and in all; `lock_owner` has locked them."""
    cursor = await tx.execute(
        """
        select count(*) filter (where state = 'enabled'), count(*)
        from webhooks.endpoints
        where merchant_id is not distinct from %(merchant_id)s
        """,
        {"merchant_id": merchant_id},
    )
    ((enabled, all_),) = await cursor.fetchall()
    return int(enabled), int(all_)


async def locked_with_rest(tx: Tx, *, limit: int) -> list[str]:
    """Return disabled endpoints that still have something open, locked by `tx`; those that others lock are left out."""
    cursor = await tx.execute(
        """
        select endpoint.id
        from webhooks.endpoints as endpoint
        where endpoint.state = 'disabled'
          and exists (
              select 1
              from webhooks.deliveries as open
              where open.endpoint_id = endpoint.id
                and open.state in ('due', 'claimed')
          )
        order by endpoint.id
        limit %(limit)s
        for no key update skip locked
        """,
        {"limit": limit},
    )
    return [row[0] for row in await cursor.fetchall()]


async def enable(tx: Tx, endpoint_id: str) -> None:
    """Have an endpoint hear of what happens from now on."""
    await tx.execute(
        """
        update webhooks.endpoints
        set state = 'enabled',
            disabled_reason = null,
            disabled_at = null,
            failing_since = null
        where id = %(endpoint_id)s
        """,
        {"endpoint_id": endpoint_id},
    )


async def disable(tx: Tx, endpoint_id: str, reason: DisabledReason) -> bool:
    """Have an endpoint hear of nothing any more; tell whether it did until now. Its deliveries are not touched."""
    cursor = await tx.execute(
        """
        update webhooks.endpoints
        set state = 'disabled',
            disabled_reason = %(reason)s,
            disabled_at = now()
        where id = %(endpoint_id)s
          and state = 'enabled'
        """,
        {"endpoint_id": endpoint_id, "reason": reason.value},
    )
    return cursor.rowcount == 1


async def note_success(tx: Tx, endpoint_id: str) -> None:
    """Note that an endpoint fails no longer; of one that did not, nothing is written or locked."""
    await tx.execute(
        """
        update webhooks.endpoints
        set failing_since = null
        where id = %(endpoint_id)s
          and failing_since is not null
        """,
        {"endpoint_id": endpoint_id},
    )


async def note_failure(tx: Tx, endpoint_id: str, *, url: str) -> None:
    """Note that an endpoint at `url` fails from now on; of one that did before, nothing is written or locked."""
    await tx.execute(
        """
        update webhooks.endpoints
        set failing_since = clock_timestamp()
        where id = %(endpoint_id)s
          and failing_since is null
          and url = %(url)s
        """,
        {"endpoint_id": endpoint_id, "url": url},
    )


async def is_failing(tx: Tx, endpoint_id: str, *, for_s: int) -> bool:
    """Tell whether an enabled endpoint has had no success for so long."""
    cursor = await tx.execute(
        """
        select 1
        from webhooks.endpoints
        where id = %(endpoint_id)s
          and state = 'enabled'
          and failing_since <= clock_timestamp() - make_interval(secs => %(for_s)s)
        """,
        {"endpoint_id": endpoint_id, "for_s": for_s},
    )
    return await cursor.fetchone() is not None


async def insert_secret(tx: Tx, secret: SealedSecret, *, created_at: datetime) -> None:
    """Store a secret that signs until it is given an end."""
    await tx.execute(
        """
        insert into webhooks.secrets (endpoint_id, number, sealed, created_at)
        values (%(endpoint_id)s, %(number)s, %(sealed)s, %(created_at)s)
        """,
        {"endpoint_id": secret.endpoint_id, "number": secret.number, "sealed": secret.sealed, "created_at": created_at},
    )


async def end_secrets(tx: Tx, endpoint_id: str, *, newest_for_s: int) -> int:
    """Let the newest secret sign for so long yet, older ones no more, and return the newest one's number."""
    cursor = await tx.execute(
        """
        update webhooks.secrets
        set ends_at = case when ends_at is null then now() + make_interval(secs => %(newest_for_s)s)
                           else least(ends_at, now()) end
        where endpoint_id = %(endpoint_id)s
        returning number
        """,
        {"endpoint_id": endpoint_id, "newest_for_s": newest_for_s},
    )
    return max(int(row[0]) for row in await cursor.fetchall())


async def living_secrets(tx: Tx, endpoint_ids: Sequence[str]) -> list[SealedSecret]:
    """Return the secrets that sign now, of each endpoint the newest first; two at most, as rotation leaves them."""
    cursor = await tx.execute(
        """
        select endpoint_id, number, sealed
        from webhooks.secrets
        where endpoint_id = any(%(endpoint_ids)s::text[])
          and (ends_at is null or ends_at > now())
        order by endpoint_id, number desc
        """,
        {"endpoint_ids": list(endpoint_ids)},
    )
    return [SealedSecret(*row) for row in await cursor.fetchall()]


async def journal(tx: Tx, endpoint_id: str, *, what: str, by: str, detail: str = "") -> None:
    """Write down who did what to an endpoint."""
    await tx.execute(
        """
        insert into webhooks.endpoint_journal (endpoint_id, what, done_by, detail)
        values (%(endpoint_id)s, %(what)s, %(by)s, %(detail)s)
        """,
        {"endpoint_id": endpoint_id, "what": what, "by": by, "detail": detail},
    )


def _to_endpoint(row: tuple[Any, ...]) -> Endpoint:
    """Return a row as an endpoint."""
    return Endpoint(
        id=row[0],
        merchant_id=row[1],
        url=row[2],
        types=tuple(row[3]),
        state=EndpointState(row[4]),
        disabled_reason=None if row[5] is None else DisabledReason(row[5]),
        disabled_at=row[6],
        failing_since=row[7],
        created_at=row[8],
    )
