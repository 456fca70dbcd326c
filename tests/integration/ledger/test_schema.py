"""What the schema itself refuses, whoever asks: illegal states cannot be stored."""

import psycopg
import pytest

from cashback.ledger.model import TRANSITIONS, State
from tests.integration.ledger.world import World, buy, minted_outcome

IMMUTABLE = {
    "ledger.transfers": "amount",
    "ledger.decisions": "document",
    "ledger.cashback_transitions": "actor",
    "ledger.rulesets": "rate_bps",
    "ledger.ruleset_withdrawals": "reason",
    "ledger.budget_changes": "reason",
    "ledger.exchange_rates": "source",
    "purchases.purchases": "amount_minor",
    "purchases.wallets": "address",
}


async def refused(world: World, statement: str, *parameters: object) -> str:
    """Return the name of the constraint, or the message, with which the superuser's statement is refused."""
    with pytest.raises(psycopg.Error) as error:
        await world.rows(statement, *parameters)
    return error.value.diag.constraint_name or str(error.value.diag.message_primary)


@pytest.mark.parametrize(
    "change,constraint",
    [
        pytest.param("state = 'gone'", "cannot go from approved to gone", id="unknown-state"),
        pytest.param("state = 'minted'", "cannot go from approved to minted", id="skipped-request"),
        pytest.param("state = 'mint_requested'", "cashback_request_whole", id="request-without-a-number"),
        pytest.param("mint_number = 7", "cashback_request_whole", id="number-without-a-request"),
        pytest.param("amount_minor = amount_minor - 1", "is frozen", id="another-amount"),
        pytest.param("token_units = token_units + 1", "is frozen", id="other-tokens"),
        pytest.param("user_id = 'usr_thief'", "is frozen", id="another-user"),
        pytest.param("reissues = -1", "cashback_reissues_not_negative", id="negative-count"),
    ],
)
async def test_an_approved_cashback_cannot_become_nonsense(world: World, change: str, constraint: str) -> None:
    """Named constraints and the freeze stand behind every guarded update."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    assert constraint in await refused(world, f"update ledger.cashback_ledger set {change}")


@pytest.mark.parametrize(
    "change,constraint",
    [
        pytest.param("recipient = '0x' || repeat('1', 40)", "is frozen", id="another-recipient"),
        pytest.param("mint_number = mint_number + 1", "is frozen", id="another-number"),
        pytest.param("request = 'x'", "is frozen", id="another-payload"),
        pytest.param("state = 'approved'", "cannot go from minted to approved", id="back-to-approved"),
        pytest.param("transaction_hash = null", "cashback_mint_whole", id="minted-nowhere"),
    ],
)
async def test_what_a_request_froze_stays(world: World, change: str, constraint: str) -> None:
    """Number, recipient and amount are frozen for ever; a minted cashback never goes back."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    await world.request()
    await world.settle(await minted_outcome(world))
    assert constraint in await refused(world, f"update ledger.cashback_ledger set {change}")


async def test_history_cannot_be_rewritten_by_anybody(world: World) -> None:
    """Neither the owner nor a superuser updates, deletes or truncates what is immutable."""
    for table, column in IMMUTABLE.items():
        for statement in (
            f"delete from {table}",
            f"truncate {table} cascade",
            f"update {table} set {column} = {column}",
        ):
            assert "stay as they are" in await refused(world, statement)


async def test_a_cashback_and_whoever_it_is_of_cannot_be_deleted(world: World) -> None:
    """A merchant, a user, a programme and a cashback stay, though some of their fields change."""
    for table in ("ledger.cashback_ledger", "ledger.programmes", "purchases.users", "purchases.merchants"):
        assert "stay as they are" in await refused(world, f"delete from {table}")


@pytest.mark.parametrize(
    "statement,constraint",
    [
        pytest.param(
            "update ledger.accounts set balance = -1 where kind = 'budget'", "account_not_overdrawn", id="overdrawn"
        ),
        pytest.param(
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, at) select id, id, currency, 1, 0, 0, 'funding', now() from ledger.accounts"
            " limit 1",
            "transfer_between_two",
            id="to-itself",
        ),
        pytest.param(
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, at) select a.id, b.id, 'EUR', 1, 0, 0, 'funding', now()"
            " from ledger.accounts a, ledger.accounts b where a.id < b.id limit 1",
            "transfer_debit_same_currency",
            id="another-currency",
        ),
        pytest.param(
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, at) select id, 0, currency, 1, 0, 0, 'funding', now() from ledger.accounts"
            " limit 1",
            "transfer_credit_same_currency",
            id="to-nowhere",
        ),
        pytest.param(
            "with tokens as (insert into ledger.accounts (owner, kind, currency) values ('usr_1', 'minted', 'CBK')"
            " returning id) insert into ledger.transfers (debit_account, credit_account, currency, amount,"
            " debit_balance_after, credit_balance_after, cause, at) select debit.id, credit.id, 'USD', 1, 0, 0,"
            " 'funding', now() from ledger.accounts as debit join (select id from ledger.accounts where kind ="
            " 'approved' union all select id from tokens) as credit on debit.kind = 'funding'",
            "transfer_credit_same_currency",
            id="one-bad-row-among-good-ones",
        ),
        pytest.param(
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, at) select a.id, b.id, a.currency, 0, 0, 0, 'funding', now()"
            " from ledger.accounts a, ledger.accounts b where a.id < b.id limit 1",
            "transfer_moves_something",
            id="nothing-moved",
        ),
        pytest.param(
            "with second as (insert into ledger.programmes (id, name, currency, exponent, token_rate_numerator,"
            " token_rate_denominator, created_at) values ('prg_2', 'second', 'USD', 2, 1, 1, now()))"
            " insert into ledger.programme_currencies values ('prg_2', 'USD', now(), null)",
            "accepted_by_one_programme",
            id="two-programmes-of-one-currency",
        ),
        pytest.param(
            "insert into ledger.cashback_transitions (cashback_id, from_state, to_state, actor, cause, at)"
            " values ('cb_1', 'minted', 'approved', 'me', 'because', now())",
            "transition_known",
            id="impossible-step",
        ),
        pytest.param(
            "insert into ledger.recipients (user_id, wallet, linked_at)"
            " values ('usr_1', '0x' || repeat('0', 40), now())",
            "recipient_wallet_not_zero",
            id="wallet-of-nobody",
        ),
    ],
)
async def test_the_books_cannot_hold_nonsense(world: World, statement: str, constraint: str) -> None:
    """Each illegal row has a constraint with a name (I8)."""
    await world.programme()
    await world.record(buy(await world.user(), await world.merchant()))
    assert await refused(world, statement) == constraint


@pytest.mark.parametrize(
    "statement,constraint",
    [
        pytest.param(
            "insert into ledger.rulesets (id, programme_id, version, document, digest, published_at, starts_at)"
            " select 'rul_2', id, 2, '{}', sha256('{}'), now(), now() from ledger.programmes",
            "ruleset_windows_apart",
            id="beside-an-open-end",
        ),
        pytest.param(
            "update ledger.rulesets set ends_at = starts_at + interval '2 days'", "stay as they are", id="closed-twice"
        ),
        pytest.param("update ledger.rulesets set ends_at = null", "stay as they are", id="opened-again"),
        pytest.param(
            "update ledger.rulesets set ends_at = starts_at + interval '1 day', rate_bps = 1",
            "stay as they are",
            id="changed-while-closed",
        ),
        pytest.param(
            "insert into ledger.ruleset_withdrawals values ((select id from ledger.rulesets), 'why', 'me', now())",
            "withdrawal_before_start",
            id="withdrawn-after-its-start",
        ),
    ],
)
async def test_windows_of_rulesets_are_kept_by_the_schema(world: World, statement: str, constraint: str) -> None:
    """Whoever inserts past the code: one window at a time, one change of an open end, no late withdrawal."""
    await world.programme()
    if constraint == "stay as they are" and "rate_bps" not in statement:
        await world.rows("update ledger.rulesets set ends_at = starts_at + interval '1 day'")
    assert constraint in await refused(world, statement)


async def test_the_schema_and_the_model_know_the_same_steps(world: World) -> None:
    """Every pair of states is asked about: what the model allows the schema takes, and nothing else."""
    states = [None, *State]
    known = {
        (before, after)
        for before, after, is_step in await world.rows(
            "select before, after, ledger.is_step(before, after) from unnest(%s::text[]) as before,"
            " unnest(%s::text[]) as after",
            states,
            list(State),
        )
        if is_step
    }
    assert known == {(before, after) for before in states for after in TRANSITIONS[before]}


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ledger.accounts",
        "truncate ledger.accounts cascade",
        "update ledger.accounts set currency = 'EUR'",
        "update ledger.accounts set id = default",
    ],
)
async def test_an_account_that_transfers_may_name_stays(world: World, statement: str) -> None:
    """Whether a transfer is between accounts of its currency is looked up once; nothing can make it untrue later."""
    await world.programme()
    assert "stay as they are" in await refused(world, statement)


async def test_an_account_that_nobody_has_committed_yet_is_not_there_for_others(world: World) -> None:
    """As with a foreign key, a transfer cannot rest on what may be rolled back."""
    await world.programme()
    async with await psycopg.AsyncConnection.connect(world.dsns.superuser) as opener:
        cursor = await opener.execute(
            "insert into ledger.accounts (owner, kind, currency) values ('usr_1', 'approved', 'USD') returning id"
        )
        row = await cursor.fetchone()
        assert row is not None
        statement = (
            "insert into ledger.transfers (debit_account, credit_account, currency, amount, debit_balance_after,"
            " credit_balance_after, cause, at) select id, %s, 'USD', 1, 0, 0, 'funding', now() from ledger.accounts"
            " where kind = 'budget'"
        )
        assert await refused(world, statement, row[0]) == "transfer_credit_same_currency"
        await opener.rollback()


async def test_a_balance_changes_in_place(world: World) -> None:
    """No index of the accounts names the balance, not even in its predicate: posting writes no entry into any."""
    indexed = await world.rows(
        """
        select indexrelid::regclass::text
        from pg_index
        where indrelid = 'ledger.accounts'::regclass
          and pg_get_indexdef(indexrelid) like '%%balance%%'
        """
    )
    assert indexed == []
