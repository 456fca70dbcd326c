"""Audit log, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, query


def list_deeds(
    *,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
    key_id: str | None = None,
    resource: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.DeedPage]:
    """Who did what, the last first.

    Return commands that were done; a merchant sees those in its own name alone.

    A page looks at 10,000 commands at most. So where little of them is asked for it may have few items, or none, and
    the next one goes on. It is as much work as 25 other requests, and counts as so many against the key's rate.
    """
    return Call(
        method="GET",
        path="/v1/audit-log",
        answer=structs.DeedPage,
        query=query(
            ("from", from_),
            ("to", to),
            ("key_id", key_id),
            ("resource", resource),
            ("limit", limit),
            ("cursor", cursor),
        ),
    )
