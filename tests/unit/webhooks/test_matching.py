"""Who hears of what: nobody of another merchant's, whatever else is the case."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cashback.webhooks.model import DisabledReason, Endpoint, EndpointState, Happening
from cashback.webhooks.rules.matching import hears, pairs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_merchants = st.sampled_from([None, "mer_1", "mer_2"])
_types = st.sampled_from(["token.minted", "purchase.created"])
_times = st.integers(-2, 2).map(lambda hours: NOON + timedelta(hours=hours))
_endpoints = st.builds(
    Endpoint,
    id=st.sampled_from(["whe_1", "whe_2"]),
    merchant_id=_merchants,
    url=st.just("https://shop.example"),
    types=st.lists(_types, min_size=1, unique=True).map(tuple),
    state=st.sampled_from(EndpointState),
    disabled_reason=st.none() | st.sampled_from(DisabledReason),
    disabled_at=st.none(),
    failing_since=st.none(),
    created_at=_times,
)
_happenings = st.builds(
    Happening, event_id=st.just("evt_1"), type=_types, merchant_id=_merchants, occurred_at=_times, body=st.just(b"{}")
)


@given(_endpoints, _happenings)
def test_an_endpoint_hears_of_its_own_merchants_events_alone(endpoint: Endpoint, happening: Happening) -> None:
    """Of its types, since it was made, unless a person disabled it; the operator's hears of all."""
    expected = not (
        (endpoint.merchant_id is not None and endpoint.merchant_id != happening.merchant_id)
        or happening.type not in endpoint.types
        or happening.occurred_at < endpoint.created_at
        or endpoint.disabled_reason is DisabledReason.BY_HAND
    )
    assert hears(endpoint, happening) is expected
    assert list(pairs([endpoint], [happening])) == [(endpoint, happening)] * expected
