"""Sealing anew: every living secret comes under the newest key, a batch after the other.

    under the key before ──opened, sealed──▶ under the newest          under neither ──▶ told, and left as it is

What is under the newest key already is passed over, so that it may be broken off and run again at any time. Deliveries
go on meanwhile: whoever opens secrets knows both keys.
"""

from typing import Final

import msgspec

from cashback.kernel.db import Database
from cashback.kernel.ids import random_bytes
from cashback.kernel.telemetry import logger
from cashback.webhooks.model import SealedSecret, SealingKeys, SecretUnreadable
from cashback.webhooks.rules import signing
from cashback.webhooks.store import sealing as store

BATCH: Final = 500
NAMED_MAX: Final = 100
"""So many secrets that cannot be read are named; all are counted in `left`."""

log = logger(__name__)


class Unreadable(msgspec.Struct, frozen=True):
    """A secret that neither key opens, and why."""

    endpoint_id: str
    number: int
    reason: str


class Resealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many secrets were sealed anew, and how many living ones are not under the newest key after that."""

    resealed: int
    left: int
    unreadable: tuple[Unreadable, ...] = ()


async def reseal(database: Database, keys: SealingKeys, *, dry_run: bool = False) -> Resealed:
    """Bring every living secret under the newest key, or count alone what is not; twice does no more than once.

    `left` is more than 0 where neither key opens a secret, or one was made or changed meanwhile: run it again.

    Raises:
        Unavailable: the database does not answer; what is done stays done.
    """
    mark, count, place = signing.mark_of(keys.newest), 0, ("", 0)
    unreadable: list[Unreadable] = []
    while not dry_run:
        async with database.transaction() as tx:
            found = await store.of_other_keys(tx, mark=mark, after=place, limit=BATCH)
            anew = [one for each in found if (one := _anew(each, keys, unreadable)) is not None]
            count += await store.replace(tx, anew)
        if not found:
            break
        place = (found[-1].endpoint_id, found[-1].number)
    async with database.transaction() as tx:
        left = await store.count_of_other_keys(tx, mark=mark)
    log.info("secrets.resealed", resealed=count, left=left)
    return Resealed(resealed=count, left=left, unreadable=tuple(unreadable))


def _anew(stored: SealedSecret, keys: SealingKeys, unreadable: list[Unreadable]) -> SealedSecret | None:
    """Return a secret under the newest key; None when no key opens it, which `unreadable` tells while it has room."""
    try:
        secret = signing.unseal(stored, keys=keys)
    except SecretUnreadable as cause:
        if len(unreadable) < NAMED_MAX:
            unreadable.append(Unreadable(stored.endpoint_id, stored.number, cause.detail))
        return None
    nonce = random_bytes(signing.NONCE_BYTES)
    return signing.seal(secret, keys=keys, nonce=nonce, endpoint_id=stored.endpoint_id, number=stored.number)
