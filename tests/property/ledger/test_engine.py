"""Decision engine 2 over all inputs: total, exact, within every limit, and replayable byte for byte."""

from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashback.kernel.money import INT63_MAX, Minor
from cashback.ledger.model.codes import Exhaustion, Limit, Outcome
from cashback.ledger.model.engine import CounterKey, Earned, Judgement, Paying, Running
from cashback.ledger.rules.engine import (
    Claimed,
    document_in_full,
    earn,
    fold,
    judgement_of,
    kept,
    keys_of,
    published,
    replay_in_full,
)
from cashback.ledger.rules.engine.spreading import reduce_to, spread
from tests.support.engine import Case, anything

cases = st.randoms(use_true_random=False).map(anything)


@given(cases)
def test_whatever_comes_in_is_decided_and_never_above_what_was_desired(case: Case) -> None:
    """A decision is total, and what it grants is whole, positive and payable, or nothing at all."""
    verdict = case.judged().verdict
    assert 0 <= verdict.amount <= verdict.desired
    if verdict.outcome in {Outcome.GRANTED, Outcome.REVIEW}:
        assert 1 <= verdict.amount <= INT63_MAX
        assert 1 <= verdict.token_units <= INT63_MAX
    else:
        assert (verdict.amount, verdict.token_units, verdict.lines) == (0, 0, ())


@given(cases)
def test_lines_sum_to_the_total_and_campaigns_to_their_line(case: Case) -> None:
    """No unit is lost or made by spreading, and nothing is granted on a line that no rule is about."""
    verdict = case.judged().verdict
    assert sum(line.grant for line in verdict.lines) == verdict.amount
    for line in verdict.lines:
        assert sum(line.shares) == line.grant
        assert len(line.shares) == len(verdict.campaigns)
        assert line.base > 0 or line.grant == 0
    if verdict.lines:
        assert len(verdict.lines) == (len(case.facts.lines) or 1)


@given(cases)
def test_every_limit_passes_on_what_the_one_before_it_left_and_no_more_than_it_has(case: Case) -> None:
    """The record of the clamps is a chain from the desired amount to the granted one, in the fixed order."""
    judgement = case.judged()
    verdict, left = judgement.verdict, case.left
    order = [clamp.limit for clamp in verdict.trace.clamps]
    assert order == sorted(order, key=list(Limit).index)
    total = verdict.desired
    for clamp in verdict.trace.clamps:
        assert 0 <= clamp.granted <= clamp.desired <= total
        total = Minor(total - clamp.desired + clamp.granted)
        if clamp.limit is Limit.USER_DAY:
            assert left.user_day is not None
            assert clamp.granted <= left.user_day
    if verdict.amount:
        assert verdict.amount == total


@given(cases)
def test_every_rule_is_counted_or_skipped_once(case: Case) -> None:
    """The trace leaves no rule out, once the gates are passed."""
    trace = case.judged().verdict.trace
    told = [each.rule for each in trace.counted] + [name for names in trace.skipped.values() for name in names]
    assert case.rules is not None
    assert sorted(told) == sorted(rule.id for rule in case.rules.rules) or told == []


@given(cases, st.randoms(use_true_random=False))
def test_the_order_of_rules_in_the_document_means_nothing(case: Case, chance: Random) -> None:
    """Rules are known by their ids."""
    assert case.rules is not None
    shuffled = list(case.rules.rules)
    chance.shuffle(shuffled)
    other = msgspec.structs.replace(case, rules=msgspec.structs.replace(case.rules, rules=tuple(shuffled)))
    assert other.judged().verdict == case.judged().verdict


@given(cases)
def test_a_stored_judgement_replays_byte_for_byte(case: Case) -> None:
    """The document holds everything that the decision saw, save the ruleset that it names."""
    judgement = case.judged()
    document = document_in_full(judgement)
    assert judgement_of(document) == judgement
    ruleset = published(case.rules, id="rul_1", version=1) if case.rules is not None else None
    assert replay_in_full(document, ruleset) == document


@pytest.mark.invariant("I1")
@given(st.lists(cases, max_size=8), st.integers(0, 6_000), st.integers(0, 6_000))
def test_no_counter_is_passed_by_a_batch(many: list[Case], used: int, budget: int) -> None:
    """Whatever a batch holds, all of its grants together stay within every counter that its decisions share."""
    claims = [Claimed(user_id=f"usr_{place % 2}", earned=_earned(case)) for place, case in enumerate(many)]
    keys = {key for claimed in claims for key in keys_of(claimed)}
    before: Running = {key: Minor(used) for key in keys if key.limit in _COUNTED}
    running = dict(before)
    paying = {
        "cmp_a": Paying(budget=Minor(budget), exhaustion=Exhaustion.DECLINE),
        "cmp_b": Paying(budget=Minor(budget), day=Minor(budget // 2)),
    }
    judged = fold(claims, running, paying, many[0].conversion if many else None)
    for key in keys:
        spent = sum(_spent(key, each) for claimed, each in zip(claims, judged, strict=True) if key in keys_of(claimed))
        assert running.get(key, 0) - before.get(key, 0) == spent
        assert spent <= max(0, _most(key, paying) - before.get(key, 0))


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=8), st.integers(0, 10**20))
def test_an_amount_is_spread_whole(weights: list[int], amount: int) -> None:
    """Parts sum to the amount, and what has no weight gets nothing."""
    parts = spread(amount, weights)
    assert sum(parts) == (amount if any(weights) else 0)
    assert all(part >= 0 for part in parts)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if not weight)


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=8), st.integers(0, 10**20))
def test_what_a_limit_takes_makes_no_part_grow_or_fall_below_nothing(parts: list[int], amount: int) -> None:
    """Even where the remainder is more than the lowest has."""
    wanted = min(amount, sum(parts))
    left = reduce_to(wanted, parts)
    assert sum(left) == wanted
    assert all(0 <= after <= before for after, before in zip(left, parts, strict=True))


@given(st.lists(st.integers(0, 1_000).map(Minor)), st.integers(0, 99))
def test_each_share_of_a_line_only_falls_while_its_net_falls(shares: list[Minor], step: int) -> None:
    """Refunds give back to campaigns in one fixed order, so no later one takes what an earlier one gave."""
    whole = sum(shares)
    nets = [max(0, whole - taken) for taken in range(0, whole + 1, step + 1)]
    stages = [kept(shares, net) for net in nets]
    assert [sum(stage) for stage in stages] == nets
    for before, after in pairwise(stages):
        assert all(one <= other for one, other in zip(after, before, strict=True))


def _earned(case: Case) -> Earned:
    """Return what a case earns before any limit."""
    ruleset = published(case.rules, id="rul_1", version=1) if case.rules is not None else None
    return earn(case.facts, case.programme, ruleset, case.exchange)


_COUNTED = (Limit.USER_DAY, Limit.USER_MONTH, Limit.USER_LIFETIME)


def _most(key: CounterKey, paying: dict[str, Paying]) -> int:
    """Return how far a counter may go: the limits of `tests.support.engine.anything`, or what a campaign can pay."""
    if key.limit in _COUNTED:
        return {Limit.USER_DAY: 5_000, Limit.USER_MONTH: 9_000, Limit.USER_LIFETIME: 9_999}[key.limit]
    pays = paying.get(key.owner, Paying(budget=Minor(0)))
    return pays.budget if key.limit is Limit.CAMPAIGN_TOTAL or pays.day is None else pays.day


def _spent(key: CounterKey, judgement: Judgement) -> int:
    """Return what a decision took from a counter."""
    if key.limit in {Limit.CAMPAIGN_DAY, Limit.CAMPAIGN_TOTAL}:
        return judgement.verdict.paid_by().get(key.owner, 0)
    return judgement.verdict.amount
