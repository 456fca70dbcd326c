"""What the API must be told to have wallets proved: in whose name, for which chain, and how long a change waits."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from cashback.kernel.addresses import address_text
from cashback.kernel.config import Shape
from cashback.kernel.ids import new_id
from cashback.kernel.money import INT63_MAX
from cashback.kernel.siwe import DOMAIN, URI
from cashback.purchases.model.ownership import OwnershipPolicy
from cashback.purchases.rules.ownership import challenge_of

COOLDOWN_MAX_S: Final = 30 * 86_400
DOMAIN_LENGTH_MAX: Final = 300

SiweChainId: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=INT63_MAX)]
SiweDomain: TypeAlias = Annotated[str, Shape(DOMAIN.pattern, "the host that people know you by, app.example.com")]
SiweUri: TypeAlias = Annotated[str, Shape(URI.pattern, "what people sign in for, https://app.example.com/wallet")]
CooldownS: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=COOLDOWN_MAX_S)]


def contradictions_of_ownership(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what keeps challenges from being made, where a domain or a URI says that they are; without both none is."""
    told = {name: settings.get(name) for name in ("siwe_domain", "siwe_uri", "chain_id")}
    if None in told.values() or not (told["siwe_domain"] or told["siwe_uri"]):
        return
    if missing := [f"CASHBACK_{name.upper()}" for name, value in told.items() if not value]:
        yield f"{', '.join(missing)}: required, since what a wallet signs names domain, URI and chain"
    elif len(str(told["siwe_domain"])) > DOMAIN_LENGTH_MAX:
        yield f"CASHBACK_SIWE_DOMAIN is wrong: it has at most {DOMAIN_LENGTH_MAX} characters"
    else:
        yield from _unwritable(str(told["siwe_domain"]), str(told["siwe_uri"]), int(str(told["chain_id"])))


def _unwritable(domain: str, uri: str, chain_id: int) -> Iterator[str]:
    """Yield why no message could be written with them."""
    policy = OwnershipPolicy(domain=domain, uri=uri, chain_id=chain_id)
    wallet, now = address_text(b"\1" * 20), datetime(2026, 1, 1, tzinfo=UTC)
    try:
        challenge_of(policy, user_id=new_id("usr"), wallet=wallet, nonce="0" * 32, now=now)
    except ValueError as cause:
        yield f"CASHBACK_SIWE_DOMAIN, CASHBACK_SIWE_URI: no message can be written with them: {cause}"
