"""Questions about cashbacks themselves: their states, their histories and their documents."""

from typing import Final

STATES: Final = """
    select owner || '/' || kind || '/' || currency, coalesce(stands, 0), coalesce(balance, 0)
    from (
        select user_id as owner,
               case state
                   when 'review' then 'pending'
                   when 'mint_requested' then 'in_flight'
                   when 'reversed' then 'minted'
                   else state
               end as kind,
               case when requested_units is null then currency else %(token)s end as currency,
               sum(coalesce(requested_units, payable_minor)) as stands
        from ledger.cashback_ledger
        where state in ('pending', 'review', 'approved', 'mint_requested', 'stuck', 'minted', 'reversed')
        group by 1, 2, 3
    ) as cashbacks
    full join (
        select owner, kind, currency, balance
        from ledger.accounts
        where kind in ('pending', 'approved', 'in_flight', 'stuck', 'minted')
    ) as books using (owner, kind, currency)
    where coalesce(stands, 0) <> coalesce(balance, 0)
"""
"""The cashbacks in a state, beside their users' account of that state."""

HISTORIES: Final = """
    select cashback.id || ' is ' || cashback.state || ', not ' || coalesce(last.to_state, 'nothing'), 1, 0
    from ledger.cashback_ledger as cashback
    left join lateral (
        select to_state
        from ledger.cashback_transitions
        where cashback_id = cashback.id
        order by position desc
        limit 1
    ) as last on true
    where cashback.state is distinct from last.to_state
"""
"""The state of each, beside where its last transition led."""

# Whoever is to have money back is read from the document: one that does not add up stops its cashback's end. A line is
# its base and its shares, or, as it was written before, an object with campaigns and what each paid.
DOCUMENTS: Final = """
    select id, amount_minor, granted
    from (
        select id, amount_minor, coalesce((
            select sum(coalesce(paid ->> 1, paid #>> '{}')::numeric)
            from jsonb_array_elements(convert_from(grants, 'UTF8')::jsonb -> 'lines') as line
            cross join jsonb_array_elements(coalesce(line -> 'grants', line -> 1)) as paid), 0) as granted
        from ledger.cashback_ledger
        where amount_minor > 0
    ) as documents
    where granted <> amount_minor
"""
"""What each was granted, beside what its document says was paid."""
