"""Who hears of what."""

from collections.abc import Iterator, Sequence

from cashback.webhooks.model import DisabledReason, Endpoint, Happening


def hears(endpoint: Endpoint, happening: Happening) -> bool:
    """Tell whether an endpoint hears of an event: its merchant's or the operator's, of its types, and not from before.

    One that a person disabled hears of nothing. One that we disabled misses it, which is stored, to be replayed.

    A new consumer begins with the oldest event that the stream holds, and a replay brings them again: an endpoint hears
    of nothing that happened before it was there.
    """
    return (
        endpoint.disabled_reason is not DisabledReason.BY_HAND
        and happening.type in endpoint.types
        and endpoint.merchant_id in {None, happening.merchant_id}
        and endpoint.created_at <= happening.occurred_at
    )


def pairs(endpoints: Sequence[Endpoint], happenings: Sequence[Happening]) -> Iterator[tuple[Endpoint, Happening]]:
    """Yield each endpoint with each event that it hears of."""
    yield from (
        (endpoint, happening) for happening in happenings for endpoint in endpoints if hears(endpoint, happening)
    )
