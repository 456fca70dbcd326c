"""Refunds of one cashback: exact, the same in any order, never rising; beside a reference in exact rationals."""

import math
import random
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import INT63_MAX, Minor, TokenRate, TokenUnits, to_token
from cashback.ledger.model import Grants, LineGrant, RefundPolicy, Returned, Reversal, Reversible, State
from cashback.ledger.rules import decode_grants, encode_grants, kept, net, reverse_all, together

Refund: TypeAlias = tuple[int | None, int]
"""A line, or None for the purchase as a whole, and how much of it."""

SEQUENCES = 1_000_000


def reference(grants: Grants, line_refunds: Sequence[int], amount_refunds: int) -> int:
    """Return the net by the words of the design, each value a rational."""
    bases = [Fraction(line.base) for line in grants.lines]
    lines = [min(Fraction(refund), base) for refund, base in zip(line_refunds, bases, strict=True)]
    s = sum((e - r for e, r in zip(bases, lines, strict=True)), start=Fraction(0))
    a = min(Fraction(amount_refunds), s)
    returned = [r + a * (e - r) / s if s else r for e, r in zip(bases, lines, strict=True)]
    return sum(
        math.floor(line.granted * (e - r) / e) if e else 0
        for line, e, r in zip(grants.lines, bases, returned, strict=True)
    )


def totals(grants: Grants, refunds: Sequence[Refund]) -> tuple[list[int], int]:
    """Return what was returned of each line by name, and by amount."""
    lines = [0] * len(grants.lines)
    for place, amount in refunds:
        if place is not None:
            lines[place] += amount
    return lines, sum(amount for place, amount in refunds if place is None)


@st.composite
def granted(draw: st.DrawFn) -> Grants:
    """Draw a purchase of up to five lines with grants of up to three campaigns, everything up to 2^63."""
    sizes = st.one_of(st.integers(0, 50), st.integers(0, INT63_MAX))
    campaigns = st.lists(st.sampled_from(["cmp_1", "cmp_2", "cmp_3"]), unique=True, max_size=3).map(sorted)
    lines = []
    for _ in range(draw(st.integers(1, 5))):
        base = draw(sizes)
        grants = tuple((campaign, Minor(max(1, draw(sizes)))) for campaign in draw(campaigns)) if base else ()
        lines.append(LineGrant(base=Minor(base), grants=grants))
    return Grants(exponent=draw(st.sampled_from([0, 2, 3, 4])), lines=tuple(lines), rate=(1, draw(st.integers(1, 9))))


@st.composite
def returned(draw: st.DrawFn, grants: Grants) -> list[Refund]:
    """Draw refunds of a purchase, in any order, some of them beyond what there is."""
    refunds: list[Refund] = []
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.one_of(st.none(), st.integers(0, len(grants.lines) - 1)))
        most = sum(line.base for line in grants.lines) if place is None else grants.lines[place].base
        refunds.append((place, draw(st.integers(0, most))))
    return refunds


@given(data=st.data())
def test_the_net_is_the_rational_of_the_design_rounded_down_once_a_line(data: st.DataObject) -> None:
    """Whole numbers give what exact rationals give, up to 2^63."""
    grants = data.draw(granted())
    lines, amount = totals(grants, data.draw(returned(grants)))
    assert net(grants, lines, amount) == reference(grants, lines, amount)


@given(data=st.data())
def test_the_net_and_each_share_never_rise_with_another_refund(data: st.DataObject) -> None:
    """After each refund: no more in money, in tokens, or of any campaign, and the campaigns' shares are the net."""
    grants = data.draw(granted())
    refunds = data.draw(returned(grants))
    rate = TokenRate(*grants.rate)
    before = {
        campaign: sum(dict(line.grants).get(campaign, 0) for line in grants.lines)
        for campaign in kept(grants, [0] * len(grants.lines), 0)
    }
    whole = sum(line.granted for line in grants.lines)
    assert net(grants, [0] * len(grants.lines), 0) == whole
    for count in range(len(refunds) + 1):
        shares = kept(grants, *totals(grants, refunds[:count]))
        left = net(grants, *totals(grants, refunds[:count]))
        assert sum(shares.values()) == left <= whole
        assert all(0 <= shares[campaign] <= before[campaign] for campaign in shares)
        assert to_token(left, exponent=grants.exponent, rate=rate) <= to_token(
            Minor(whole), exponent=grants.exponent, rate=rate
        )
        whole, before = left, {**before, **shares}


@given(data=st.data())
def test_the_net_does_not_depend_on_the_order_of_refunds(data: st.DataObject) -> None:
    """Any order posts the same differences in sum, and the same to each campaign."""
    grants = data.draw(granted())
    refunds = data.draw(returned(grants))
    other = data.draw(st.permutations(refunds))
    assert kept(grants, *totals(grants, other)) == kept(grants, *totals(grants, refunds))


@given(data=st.data())
def test_a_full_refund_leaves_exactly_nothing(data: st.DataObject) -> None:
    """Whatever part was returned by line, and the rest by amount: nothing is left of any campaign's grants."""
    grants = data.draw(granted())
    by_line = [data.draw(st.integers(0, line.base)) for line in grants.lines]
    rest = sum(line.base for line in grants.lines) - sum(by_line)
    assert net(grants, by_line, rest) == 0
    assert not any(kept(grants, by_line, rest).values())


@given(data=st.data())
def test_grants_are_read_back_as_they_were_written(data: st.DataObject) -> None:
    """The document holds everything, in whole numbers as strings."""
    grants = data.draw(granted())
    assert decode_grants(encode_grants(grants)) == grants


def test_the_document_of_grants_is_the_one_of_the_model() -> None:
    """Its bytes are those that `model.grants` shows."""
    line = LineGrant(base=Minor(1_999), grants=(("cmp_1", Minor(29)),))
    document = b'{"campaigns":["cmp_1"],"exponent":"2","lines":[["1999",["29"]]],"rate":["1","1"]}'
    assert encode_grants(Grants(exponent=2, lines=(line,), rate=(1, 1))) == document


@given(data=st.data())
def test_debts_add_up_to_the_tokens_that_are_gone_however_they_were_made(data: st.DataObject) -> None:
    """Whatever the rate rounds away: each refund owes its own part, together what was requested less what is left."""
    grants = data.draw(granted())
    refunds = data.draw(returned(grants))
    whole = Minor(sum(line.granted for line in grants.lines))
    rate = TokenRate(*grants.rate)
    units = to_token(whole, exponent=grants.exponent, rate=rate)
    cashback = Reversible(
        id="cb_1",
        purchase_id="pur_1",
        user_id="usr_1",
        programme_id="prg_1",
        currency="USD",
        net=whole,
        payable=whole,
        payable_units=units,
        state=data.draw(st.sampled_from([State.MINT_REQUESTED, State.MINTED, State.STUCK, State.NETTED])),
        grants=encode_grants(grants),
        returned=None,
        was_requested=True,
        policy=RefundPolicy.NET_FUTURE,
        traceparent=None,
    )
    steps = []
    for count in range(1, len(refunds) + 1):
        lines, amount = totals(grants, refunds[:count])
        steps.append(Reversal(purchase_id="pur_1", returned=Returned(lines=tuple(lines), amount=amount)))
    changes = reverse_all({"pur_1": cashback}, steps)
    left = to_token(net(grants, *totals(grants, refunds)), exponent=grants.exponent, rate=rate)
    assert all(change.debt >= 0 and change.payable_units == units for change in changes)
    assert sum(change.debt for change in changes) == units - left
    assert [change.debt for change in together(changes)] == ([units - left] if refunds else [])


def cashback_of(grants: Grants, state: State) -> Reversible:
    """Return the cashback of a purchase with these grants, of which nothing was returned yet."""
    whole = net(grants, [0] * len(grants.lines), 0)
    return Reversible(
        id="cb_1",
        purchase_id="pur_1",
        user_id="usr_1",
        programme_id="prg_1",
        currency="USD",
        net=whole,
        payable=whole,
        payable_units=to_token(whole, exponent=grants.exponent, rate=TokenRate(*grants.rate)),
        state=state,
        grants=encode_grants(grants),
        returned=None,
        was_requested=state is not State.APPROVED,
        policy=RefundPolicy.NET_FUTURE,
        traceparent=None,
    )


def drift_of(cashback: Reversible, grants: Grants, told: Sequence[tuple[int, Refund]]) -> tuple[int, Minor, TokenUnits]:
    """Fold refunds, as (number, refund) with some numbers told twice; return what is wrong, what is left, and the debt.

    A number that is known already leaves the totals as they are, as its key does for the API. Whatever is posted, debt
    or money back, is what is gone; what was told again posts nothing.
    """
    known: set[int] = set()
    steps, is_new = [], []
    by_line, by_amount = [0] * len(grants.lines), 0
    for number, (place, amount) in told:
        is_new.append(number not in known)
        if number not in known:
            known.add(number)
            by_amount += amount if place is None else 0
            if place is not None:
                by_line[place] += amount
        steps.append(Reversal(purchase_id="pur_1", returned=Returned(lines=tuple(by_line), amount=by_amount)))
    changes = reverse_all({"pur_1": cashback}, steps)
    wrong, left = 0, cashback.net
    for change, fresh in zip(changes, is_new, strict=True):
        gone = change.debt + sum(int(amount) for _, amount in change.given_back)
        wrong += (change.net > left) + (not fresh and (gone != 0 or change.net != left))
        left = change.net
    debt = TokenUnits(sum(change.debt for change in changes))
    back = sum(int(amount) for change in changes for _, amount in change.given_back)
    units = to_token(left, exponent=grants.exponent, rate=TokenRate(*grants.rate))
    if cashback.was_requested:
        wrong += (cashback.payable_units - debt != units) + (back != 0)
    else:
        wrong += (cashback.payable - back != changes[-1].payable) + (debt != 0) + (changes[-1].payable_units != units)
    return wrong, left, debt


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_million_sequences_of_refunds_drift_by_nothing() -> None:
    """Each is folded in two orders, some refunds told twice, before the mint or after it, and ends in a full refund."""
    chance = random.Random(20_260_301)  # noqa: S311  # the same sequences in every run
    drift = 0
    for _ in range(SEQUENCES):
        top = chance.choice((9, 9_999, 10**9, INT63_MAX // 4))
        lines = tuple(
            LineGrant(
                base=Minor(chance.randint(1, top)),
                grants=(("cmp_1", Minor(chance.randint(0, top))), ("cmp_2", Minor(chance.randint(0, 9)))),
            )
            for _ in range(chance.randint(1, 3))
        )
        grants = Grants(exponent=2, lines=lines, rate=(1, chance.choice((1, 3))))
        places = chance.choices([None, *range(len(lines))], k=chance.randint(1, 3))
        refunds = list(enumerate((place, chance.randint(0, lines[place or 0].base)) for place in places))
        cashback = cashback_of(grants, chance.choice((State.APPROVED, State.MINTED)))
        whole = (len(refunds), (None, sum(line.base for line in lines)))
        ends = []
        for order in (refunds, chance.sample(refunds, len(refunds))):
            wrong, left, debt = drift_of(cashback, grants, [*order, chance.choice(order)])
            drift += wrong
            ends.append((left, debt))
        wrong, left, _ = drift_of(cashback, grants, [*refunds, whole, whole])
        drift += wrong + (ends[0] != ends[1]) + (left != 0)
    assert drift == 0
