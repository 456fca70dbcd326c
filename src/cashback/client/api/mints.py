"""Mints, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from cashback.client.api import structs
from cashback.client.calls import Call, path, query


def list_mints(
    *,
    state: structs.MintStanding | None = None,
    merchant_id: str | None = None,
    expand: structs.Expandable | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.MintPage]:
    """Mints, the highest number first.

    Return one page of mints; a merchant sees those of its own purchases alone.

    10,000 mints are looked through for a page of one state: it may have fewer items than there are, and `next_cursor`
    goes on.
    """
    return Call(
        method="GET",
        path="/v1/mints",
        answer=structs.MintPage,
        query=query(
            ("state", state), ("merchant_id", merchant_id), ("expand", expand), ("limit", limit), ("cursor", cursor)
        ),
    )


def show_mint(number: int, *, expand: structs.Expandable | None = None) -> Call[structs.Mint]:
    """One mint.

    Return what was frozen at a mint's request, and what became of it.
    """
    return Call(
        method="GET",
        path=path("/v1/mints/{number}", number=number),
        answer=structs.Mint,
        query=query(("expand", expand)),
    )
