"""Rows of ledger and minting for so many minted cashbacks, by the formulas of `reconcile_chain`.

The books of their 1,000 users are whole: four transfers for each cashback, as recording, requesting and settling post
them, with the balances after each.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from cashback.kernel.money import TOKEN_SYMBOL, Minor
from cashback.ledger.model import Grants, LineGrant
from cashback.ledger.rules.grants import encode_grants
from tests.benchmarks.reconcile_chain import AMOUNT, AMOUNTS, PER_BLOCK, PER_TRANSACTION

USERS = 1_000
MINOR = 100
PROGRAMME = "prg_bench"
CAMPAIGN = "cmp_bench"
GRANTS = encode_grants(
    Grants(exponent=2, lines=(LineGrant(base=Minor(10_000), grants=((CAMPAIGN, Minor(MINOR)),)),), rate=(100, 1))
)

_PLACES = f"""
    select number,
           'cb_' || lpad(number::text, 26, '0') as id,
           lpad(to_hex(number), 40, '0') as recipient,
           {AMOUNT} + number % {AMOUNTS} as amount,
           1 + (number - 1) / {PER_BLOCK} as block_number,
           lpad(to_hex(1 + (number - 1) / {PER_BLOCK}), 32, '0')
               || lpad(to_hex((number - 1) %% {PER_BLOCK} / {PER_TRANSACTION}), 32, '0') as transaction_hash
    from generate_series(%(first)s::bigint, %(last)s::bigint) as number
"""


def fill_ledger(dsn: str, *, first: int, last: int) -> None:
    """Insert cashbacks that are minted, with the grants of one line and their last transition."""
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        numbers = {"first": first, "last": last, "grants": GRANTS}
        connection.execute(
            f"""
            insert into ledger.cashback_ledger (id, purchase_id, user_id, merchant_id, programme_id, currency,
                desired_minor, amount_minor, token_units, net_minor, payable_minor, payable_units, requested_units,
                grants, state, reason, created_at, approved_at, mint_number, recipient, request,
                requested_at, reissue_after, transaction_hash, block_number, block_hash, minted_at)
            select id, 'pur_' || number, 'usr_' || number %% {USERS}, 'mer_bench', '{PROGRAMME}', 'EUR',
                   {MINOR}, {MINOR}, amount, {MINOR}, {MINOR}, amount, amount,
                   %(grants)s, 'minted', 'granted', now(), now(), number, '0x' || recipient, '\\x00',
                   now(), now(), '0x' || transaction_hash, block_number, '0x' || repeat('0', 64), now()
            from ({_PLACES.replace(" % ", " %% ")}) as mint
            """.encode(),
            numbers,
        )
        connection.execute(
            f"""
            insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)
            select id, 'mint_requested', 'minted', 'bench', 'bench', now()
            from ({_PLACES.replace(" % ", " %% ")}) as mint
            """.encode(),
            numbers,
        )


def fill_minting(dsn: str, *, first: int, last: int) -> None:
    """Insert records that are minted."""
    with psycopg.connect(dsn) as connection:
        connection.execute(
            f"""
            insert into minting.mints (number, cashback_id, recipient, amount, fingerprint, state, requested_at,
                accepted_at, decided_at, transaction_hash, block_number, block_hash)
            select number, id, decode(recipient, 'hex'), amount, sha256(id::bytea), 'minted', now(), now(), now(),
                   decode(transaction_hash, 'hex'), block_number, decode(repeat('00', 32), 'hex')
            from ({_PLACES.replace(" % ", " %% ")}) as mint
            """.encode(),
            {"first": first, "last": last},
        )


def keep_books(dsn: str) -> None:
    """Have the books say what the cashbacks do: the budget funded, and four transfers for each, in their order.

    Of the token's supply nothing is booked then; the worker books it anew from the runs that are written down.
    """
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            """
            truncate ledger.transfers, ledger.accounts, ledger.supply_bookings, ledger.programmes, ledger.campaigns
                cascade
            """
        )
        names = {"id": PROGRAMME, "campaign": CAMPAIGN, "token": TOKEN_SYMBOL, "minor": MINOR}
        for statement in (_PROGRAMME, _CAMPAIGN, _ACCOUNTS, _FUNDING):
            connection.execute(statement.encode(), names)
        with _without_indexes(connection):
            connection.execute(_TRANSFERS.encode(), names)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze ledger.transfers, ledger.cashback_ledger, ledger.cashback_transitions")
        connection.execute("checkpoint")


@contextmanager
def _without_indexes(connection: psycopg.Connection) -> Iterator[None]:
    """Have the transfers' indexes, but those of their constraints, built once the block has filled the table."""
    indexes = connection.execute(
        """
        select quote_ident(schemaname) || '.' || quote_ident(indexname), indexdef
        from pg_indexes
        where (schemaname, tablename) = ('ledger', 'transfers')
          and indexname not in (select conname from pg_constraint)
        """
    ).fetchall()
    connection.execute("set maintenance_work_mem = '256MB'; set work_mem = '256MB'")
    for name, _ in indexes:
        connection.execute(f"drop index {name}".encode())
    yield
    for _, definition in indexes:
        connection.execute(definition.encode())


_CAMPAIGN = """
    insert into ledger.campaigns (id, programme_id, name, starts_at, created_at)
    values (%(campaign)s, %(id)s, 'bench', now(), now())
"""

_PROGRAMME = """
    insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator, token_rate_denominator,
        created_at)
    values (%(id)s, 'bench', 'EUR', 2, 100, 1, now())
"""

_ACCOUNTS = """
    with sums as (
        select count(*) * %(minor)s as minor, sum(token_units)::bigint as units
        from ledger.cashback_ledger
    )
    insert into ledger.accounts (owner, kind, currency, balance)
    select %(campaign)s, 'funding', 'EUR', -2 * minor from sums
    union all
    select %(campaign)s, 'budget', 'EUR', minor from sums
    union all
    select %(id)s, 'fx', 'EUR', minor from sums
    union all
    select %(id)s, 'fx', %(token)s, -units from sums
    union all
    select distinct user_id, 'approved', 'EUR', 0 from ledger.cashback_ledger
    union all
    select distinct user_id, 'in_flight', %(token)s, 0 from ledger.cashback_ledger
    union all
    select user_id, 'minted', %(token)s, sum(token_units)::bigint from ledger.cashback_ledger group by user_id
"""

_FUNDING = """
    insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
        credit_balance_after, cause, at)
    select funding.id, budget.id, 'EUR', -funding.balance, funding.balance, -funding.balance, 'funding', now()
    from ledger.accounts as funding
    join ledger.accounts as budget on budget.owner = funding.owner and budget.kind = 'budget'
    where funding.owner = %(campaign)s
      and funding.kind = 'funding'
"""

_TRANSFERS = """
    insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,
        credit_balance_after, cause, cashback_id, at)
    select debit, credit, step.currency, amount, debit_after, credit_after, cause, mint.id, now()
    from (
        select cashback.id, mint_number, token_units as units,
               sum(token_units) over (order by mint_number)::bigint as all_units,
               sum(token_units) over (partition by user_id order by mint_number)::bigint as own_units,
               approved.id as approved, in_flight.id as in_flight, minted.id as minted,
               budget.id as budget, -funding.balance as funded, cost.id as cost, tokens.id as tokens
        from ledger.cashback_ledger as cashback
        join ledger.accounts as approved on approved.owner = user_id and approved.kind = 'approved'
        join ledger.accounts as in_flight on in_flight.owner = user_id and in_flight.kind = 'in_flight'
        join ledger.accounts as minted on minted.owner = user_id and minted.kind = 'minted'
        join ledger.accounts as budget on budget.owner = %(campaign)s and budget.kind = 'budget'
        join ledger.accounts as funding on funding.owner = %(campaign)s and funding.kind = 'funding'
        join ledger.accounts as cost on cost.owner = %(id)s and cost.kind = 'fx' and cost.currency = 'EUR'
        join ledger.accounts as tokens on tokens.owner = %(id)s and tokens.kind = 'fx' and tokens.currency = %(token)s
    ) as mint
    cross join lateral (
        values (1, 'accrual', budget, approved, 'EUR', %(minor)s::bigint,
                funded - mint_number * %(minor)s, %(minor)s::bigint),
               (2, 'conversion', approved, cost, 'EUR', %(minor)s, 0, mint_number * %(minor)s),
               (3, 'request', tokens, in_flight, %(token)s, units, -all_units, units),
               (4, 'mint', in_flight, minted, %(token)s, units, 0, own_units)
    ) as step (nth, cause, debit, credit, currency, amount, debit_after, credit_after)
    order by mint_number, nth
"""
