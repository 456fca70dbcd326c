"""Questions about users' debts: what was raised, kept and given up."""

from typing import Final

_OF_DEBT: Final = """
    select user_id, coalesce(stands, 0), coalesce(booked, 0)
    from (
        select user_id, sum({units}) as stands
        from ledger.cashback_ledger
        where {units} > 0
        group by user_id
    ) as cashbacks
    full join (
        select account.owner as user_id, sum(transfer.amount) as booked
        from moved as transfer
        join ledger.accounts as account on account.id = transfer.{side}_account
        where transfer.cause = '{cause}'
        group by account.owner
    ) as books using (user_id)
    where coalesce(stands, 0) <> coalesce(booked, 0)
"""
"""What cashbacks say of their users' debts, beside the books."""

NETTED: Final = _OF_DEBT.format(units="netted_units", side="credit", cause="netting")
RAISED: Final = _OF_DEBT.format(units="debt_units", side="debit", cause="debt")

GIVEN_UP: Final = """
    select user_id || '/' || programme_id, coalesce(told, 0), coalesce(booked, 0)
    from (
        select user_id, programme_id, sum(token_units) as told
        from ledger.write_offs
        group by user_id, programme_id
    ) as people
    full join (
        select owing.owner as user_id, giving.owner as programme_id, sum(transfer.amount) as booked
        from moved as transfer
        join ledger.accounts as owing on owing.id = transfer.credit_account
        join ledger.accounts as giving on giving.id = transfer.debit_account
        where transfer.cause = 'write_off'
        group by owing.owner, giving.owner
    ) as books using (user_id, programme_id)
    where coalesce(told, 0) <> coalesce(booked, 0)
"""
"""What was given up in a programme, beside what somebody gave up there, and why."""
