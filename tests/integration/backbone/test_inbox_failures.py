"""Where failures are noted: one per consumer and key, whatever a message said, and nothing that cannot be."""

import psycopg
import pytest

from cashback.kernel.bus.message import NAME_BYTES_MAX
from cashback.kernel.db import Database
from tests.integration.backbone.world import SCHEMA, rows

NOTE = f"""
insert into {SCHEMA}.inbox_failures (consumer, key, event_id, attempts, retry_at, history)
select %s, %s, %s, %s, now(), %s::jsonb
"""
ONE = '[{"error": "Retry"}]'


@pytest.mark.parametrize(
    "consumer,key,attempts,history,constraint",
    [
        ("c" * 256, "k", 1, ONE, "failure_consumer_bounded"),
        ("c", "k" * (NAME_BYTES_MAX + 1), 1, ONE, "failure_key_bounded"),
        ("c", "k", 0, ONE, "failure_attempts_positive"),
        ("c", "k", 1, '{"error": "Retry"}', "failure_history_is_list"),
        ("c", "k", 1, "[]", "failure_history_is_list"),
        ("c", "k", 1, f"[{', '.join(['1'] * 17)}]", "failure_history_is_list"),
        ("c", "k", 1, f'["{"x" * 16_384}"]', "failure_history_bounded"),
    ],
)
async def test_a_failure_that_cannot_be_cannot_be_noted(
    shop: Database, *, consumer: str, key: str, attempts: int, history: str, constraint: str
) -> None:
    """Each illegal row is refused by a constraint that has a name."""
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        await rows(shop, NOTE, consumer, key, "evt_1", attempts, history)
    assert caught.value.diag.constraint_name == constraint


async def test_the_longest_names_that_a_message_may_have_can_be_noted(shop: Database) -> None:
    """An index takes them, even where nothing can be compressed."""
    name = "".join(chr(0x4E00 + number * 53 % 20_000) for number in range(NAME_BYTES_MAX // 3))
    await rows(shop, NOTE, name[:85], name, name[::-1], 1, ONE)
    assert await rows(shop, f"select count(*) from {SCHEMA}.inbox_failures") == [(1,)]


async def test_a_key_has_one_failing_event_at_a_time(shop: Database) -> None:
    """Of two workers that fail at once the second notes nothing; another consumer is no matter of theirs."""
    await rows(shop, NOTE, "ledger", "pur_1", "evt_1", 1, ONE)
    await rows(shop, NOTE, "other", "pur_1", "evt_1", 1, ONE)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await rows(shop, NOTE, "ledger", "pur_1", "evt_2", 1, ONE)
