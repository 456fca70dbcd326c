"""What is read under a lock is read by a statement that begins once it is held; what is not says why it may (I1)."""

import re
from typing import Final

import pytest

from cashback.kernel import arrays
from tests.architecture.statements import beside, statements

# Each may read beside what it waits for, because ...
HELD: Final = "an earlier statement of its transaction has locked what it changes: it waits for nobody."
ALONE: Final = "it runs under the follower's lease, or under every lock that a recovery has taken before."
SLOTS: Final = (
    "a slot and what it carries are stored by one transaction, and only the lane and the follower change them."
)
FOUND: Final = "it names one table twice, finds and locks rows by one part, and takes nothing but those from it."
STAYS: Final = "what is read beside never changes and never goes: names, numbers, currencies, and that there is a row."
FIRST: Final = "whoever changes what is read beside asks nothing of what is locked: it is as if this had come first."
AGAIN: Final = "it only chooses by that; what counts is read by the next statement, or locked by it."
SLIPS: Final = (
    "what slips past a failure that is noted meanwhile is applied before it, and handlers mind no order (I6)."
)
LATER: Final = "an answer from before the wait is the careful one: it is asked again, and nothing else becomes wrong."

REASONS: Final = {
    "chain/store/adoption.py:adopt": ALONE,
    "chain/store/adoption.py:close_slots": ALONE,
    "chain/store/adoption.py:repeat_retirements": ALONE,
    "chain/store/anchor_logs.py:unwind": ALONE,
    "chain/store/anchor_logs.py:void_left": ALONE,
    "chain/store/anchor_slots.py:leave": ALONE,
    # And under `anchors.lock`: whoever accepts another one needs no lease.
    "chain/store/anchor_slots.py:release_reverted": ALONE,
    # That none is under way is kept by the announcement, under the locks of all lanes; what a block says comes anyway.
    "chain/store/anchors.py:assign": FIRST,
    # Under `anchors.lock`, which whoever takes logs of anchors in holds as well.
    "chain/store/anchors.py:accept_seen": HELD,
    "chain/store/blocks.py:_unwind_slots": ALONE,
    "chain/store/blocks.py:forget": ALONE,
    "chain/store/booking.py:reopen_slots": ALONE,
    "chain/store/booking.py:take_back": ALONE,
    "chain/store/cancellations.py:order": FOUND,
    "chain/store/cancellations.py:release_reverted": ALONE,
    "chain/store/halts.py:halt_by_hand": FOUND,
    "chain/store/halts.py:resume": FOUND,
    # `raise_heads` has locked the row before, in the same transaction.
    "chain/store/network.py:know_mints": HELD,
    "chain/store/outcomes.py:finalise_mints": ALONE,
    "chain/store/outcomes.py:finalise_slots": ALONE,
    "chain/store/sightings.py:fail": SLOTS,
    "chain/store/sightings.py:mined": SLOTS,
    # A mint that is accepted meanwhile is found by its call, which skips the number: `settle_used`, or a halt.
    "chain/store/sightings.py:remember": LATER,
    # `rely` keeps what was seen from being taken back.
    "chain/store/sightings.py:settle_used": STAYS,
    "chain/store/slots.py:doubt": SLOTS,
    "chain/store/slots.py:store": SLOTS,
    "chain/store/slots.py:supersede": SLOTS,
    "chain/store/voiding.py:void": ALONE,
    "kernel/inbox.py:claim": SLIPS,
    "kernel/outbox/lanes.py:_ask": FOUND,
    "kernel/outbox/lanes.py:_take": FOUND,
    "ledger/store/books.py:lock": STAYS,
    "ledger/store/books.py:post_at_once": STAYS,
    "ledger/store/campaigns.py:lock_stripes": STAYS,
    "ledger/store/counters.py:_lock": STAYS,
    # The fence of one server is only ever opened.
    "ledger/store/fence.py:is_open": LATER,
    # Who links a wallet or pauses a programme does not ask where its cashbacks stand. Who erases a user does: what is
    # requested in that instant counts as requested before (ADR 0082).
    "ledger/store/life.py:lock_unclaimed": FIRST,
    "ledger/store/life.py:release": FIRST,
    "ledger/store/mints.py:lock_approved": FIRST,
    "ledger/store/life.py:lock_reviewed": AGAIN,
    "ledger/store/waitlist.py:take": AGAIN,
    "ledger/store/mints.py:mark_minted": HELD,
    "ledger/store/mints.py:mark_reopened": HELD,
    "ledger/store/waiting.py:pause": FOUND,
    "ledger/store/waitlist.py:decide": HELD,
    "ledger/store/waitlist.py:decline": HELD,
    "minting/store/mints.py:accept": FOUND,
    "minting/store/mints.py:claim_due": FOUND,
    "minting/store/mints.py:give_back": FOUND,
    "minting/store/mints.py:hold": FOUND,
    "minting/store/mints.py:stick": FOUND,
    "minting/store/mints.py:submit_accepted_again": FOUND,
    # Who parks refunds changes neither users nor merchants nor purchases; what is parked is read by a later statement.
    "purchases/store/screening.py:meet": FIRST,
    "purchases/store/standing.py:put": FOUND,
    "webhooks/store/due.py:claim_due": FOUND,
    "webhooks/store/deliveries.py:end_open": FOUND,
    "webhooks/store/due.py:hold": FOUND,
    "webhooks/store/due.py:mend": FOUND,
    "webhooks/store/endpoints.py:locked_with_rest": AGAIN,
}

DIGESTS: Final = {"digest", "hash", "head", "previous", "root"}
"""What is sent in binary and is no array."""

PLANTED: Final = [
    "select id, exists (select from ledger.retired_numbers) from ledger.cashback_ledger for no key update",
    "select id from ledger.cashback_ledger join ledger.programmes using (programme_id) for update of cashback_ledger",
    "with said as (select from ledger.reviews) select from ledger.cashback_ledger join said using (id) for share",
    "update ledger.anchors set state = case when up_to < (select max(up_to) from ledger.anchors) then 'old' end",
    "delete from purchases.wallets using purchases.users where user_id = users.id",
    "insert into chain.used_numbers select 1 where not exists (select from chain.mints) on conflict do nothing",
    "select pg_advisory_xact_lock(1), exists (select from ledger.number_fence)",
    "update {schema}.outbox_cursors set position = 1 from {schema}.leases",
    "update purchases.{journal.table} set is_set = true from purchases.{journal.journal}",
]

PERMITTED: Final = [
    "select id from ledger.cashback_ledger where id = any(%(ids)b) order by position for update",
    "select id, exists (select from ledger.retired_numbers) from ledger.cashback_ledger",
    "update ledger.accounts set balance = given.after from unnest(%(ids)b::bigint[]) as given (id, after)",
    "insert into ledger.counters select from unnest(%(ids)b::text[]) on conflict (id) do update set used = 1",
    "select pg_advisory_xact_lock(key) from unnest(%(keys)b::bigint[]) as key",
]


def test_a_statement_that_may_wait_reads_nothing_else_or_is_named_with_its_reason() -> None:
    """And the list names no other: what was mended is taken off it."""
    assert {name for name, sql in statements().items() if beside(sql)} == REASONS.keys()


@pytest.mark.parametrize("sql", PLANTED)
def test_a_planted_reading_beside_a_lock_is_seen(sql: str) -> None:
    """However it is read: by a sub-select, a join, or another part of the statement."""
    assert beside(sql)


@pytest.mark.parametrize("sql", PERMITTED)
def test_what_waits_and_reads_nothing_else_and_what_never_waits_is_permitted(sql: str) -> None:
    """Parameters are no rows."""
    assert beside(sql) == []


def test_the_statements_are_found_with_what_they_are_written_of() -> None:
    """A constant that is written into one is looked at with it, from whichever module it comes."""
    found = statements()
    assert "ledger.campaigns" in found["ledger/store/waitlist.py:take"]
    assert "between_them" in found["ledger/store/retirements.py:_locked"]
    assert "{schema}.leases" in found["kernel/lease.py:is_held"]
    assert len(found) > 400


def test_every_array_of_a_statement_says_its_type() -> None:
    """One that does not is written by psycopg, item by item, after a look at each: it works, and is slow (ADR 0087)."""
    sent = [
        (name, *found) for name, sql in statements().items() for found in re.findall(r"%\((\w+)\)b(::\w+\[\])?", sql)
    ]
    assert {name for _, name, kind in sent if not kind} == DIGESTS
    assert {kind for _, _, kind in sent if kind} == {f"::{kind}[]" for kind in arrays.KINDS}
