"""`cashback webhook reseal`: the secrets of all endpoints under another key, by an operator's hand."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cashback.kernel.config import Dsn
from cashback.kernel.db import Database
from cashback.processes.webhook_settings import WebhookKey, sealing_keys
from cashback.webhooks import Resealed, reseal


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Who may replace what is sealed, the key to seal under, and the one that opens what is sealed yet."""

    ledger_operator_dsn: Dsn
    webhook_key: WebhookKey
    webhook_key_before: WebhookKey

    @staticmethod
    def contradictions(settings: Mapping[str, Any]) -> Iterator[str]:
        """Yield that the two keys are one: nothing would be sealed anew."""
        newest = settings.get("webhook_key")
        if newest is not None and newest == settings.get("webhook_key_before"):
            yield "CASHBACK_WEBHOOK_KEY_BEFORE is wrong: it is CASHBACK_WEBHOOK_KEY itself"


async def run(settings: Settings, *, dry_run: bool) -> Resealed:
    """Seal every living secret anew that is not under the newest key, or count them alone.

    Raises:
        Unavailable: the database does not answer; run it again.
    """
    async with Database.open(
        settings.ledger_operator_dsn.value, name="cashback webhook", connections_max=1
    ) as database:
        keys = sealing_keys(settings.webhook_key, settings.webhook_key_before)
        return await reseal(database, keys, dry_run=dry_run)
