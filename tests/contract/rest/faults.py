"""A fault of the kind that each item of the OWASP API Security Top 10 is about, to see that its test turns red."""

import hmac
from typing import Any, Final, NamedTuple

import msgspec
from litestar import get

import cashback.webhooks.http
from cashback.kernel.http.rate import Allowances, Standing
from cashback.kernel.principal import Principal, Rate
from cashback.kernel.safety import Safety
from cashback.ledger.gateway import answers
from cashback.purchases.http import bulk
from cashback.purchases.model import Merchant
from cashback.purchases.service import People
from cashback.webhooks.rules import addresses


class Fault(NamedTuple):
    """What is taken away, what stands in its place, and in which words a test sees that."""

    owner: object
    name: str
    planted: object
    seen: str


class _Told(Merchant, frozen=True, kw_only=True):
    """A merchant with a member that nobody documented."""

    pepper: str = "of a test"


async def _more(people: People, merchant_id: str, *, known: Any = People.merchant) -> _Told:  # noqa: ANN401  # a method
    """Return a merchant with that member."""
    return _Told(**msgspec.structs.asdict(await known(people, merchant_id)))


@get("/v1/hidden", operation_id="showUser", include_in_schema=False)
async def _hidden() -> str:
    """Answer what the document does not tell of."""
    return "here"


def _whole(_: Allowances, __: str, rate: Rate, *, now_s: float, count: int = 1) -> Standing:
    """Return an allowance of which nothing is ever taken."""
    del now_s, count
    return Standing(rate, rate.burst, 0.0, 0.0)


FAULTS: Final = {
    "api1": Fault(Principal, "may_see", lambda _, __: True, "showMerchant tells of another shop"),
    "api2": Fault(hmac, "compare_digest", lambda _, __: True, "usr_"),
    "api3": Fault(People, "merchant", _more, "showMerchant.*pepper"),
    "api4": Fault(Allowances, "take", _whole, "429"),
    "api5": Fault(Principal, "require", lambda *_, **__: None, '{"merchant_id":.*"is_active":true'),
    "api6": Fault(bulk, "charge", lambda _, __: None, "prg_"),
    "api7": Fault(addresses, "is_public", lambda _: True, "https://127.0.0.1/"),
    "api8": Fault(Safety, "of", lambda *_: (), "x-content-type-options"),
    "api9": Fault(cashback.webhooks.http, "ROUTES", [*cashback.webhooks.http.ROUTES, _hidden], "/v1/hidden"),
    "api10": Fault(answers, "digits", lambda text: text, "-1"),
}
