"""Whatever is poison in whichever calls: all of it is found, nothing else, and with no more questions than promised."""

from hypothesis import given
from hypothesis import strategies as st

from cashback.chain.model import Address, Trial, Waiting
from cashback.chain.rules import isolation, reverts
from cashback.chain.rules.fees import Waits
from cashback.chain.rules.isolation import GOES, Search

MINTS_MAX = 256


def mints(first: int, count: int) -> tuple[Waiting, ...]:
    """Return so many waiting mints."""
    return tuple(Waiting(first + place, Address(bytes(20)), 1) for place in range(count))


@given(count=st.integers(1, MINTS_MAX), data=st.data())
def test_every_poison_entry_of_a_call_is_found_and_nothing_else(count: int, data: st.DataObject) -> None:
    """Each mint ends alone in `poison` or in one of the groups that went, and the number of trials keeps its bound."""
    poison = data.draw(st.sets(st.integers(1, count)))
    search = Search(groups=(mints(1, count),))
    rounds, trials = 0, 0
    while not search.is_over:
        rounds, trials = rounds + 1, trials + len(search.groups)
        reasons = ["bad" if any(one.number in poison for one in group) else GOES for group in search.groups]
        search = isolation.step(search, reasons)
    depth = (count - 1).bit_length()
    assert rounds <= 1 + depth
    assert trials <= min(2 * count - 1, 1 + 2 * len(poison) * depth)
    assert sorted(search.poison) == [(number, "bad") for number in sorted(poison)]
    gone = [one.number for part in isolation.parts(mints(1, count), search) for one in part]
    assert gone == [number for number in range(1, count + 1) if number not in poison]


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4), data=st.data())
def test_calls_are_searched_side_by_side(sizes: list[int], data: st.DataObject) -> None:
    """What is poison in one says nothing about the others, and each call's parts are told by call."""
    groups = tuple(mints(1_000 * place, size) for place, size in enumerate(sizes, start=1))
    numbers = [one.number for group in groups for one in group]
    poison = data.draw(st.sets(st.sampled_from(numbers)))
    search = Search(groups=groups)
    while not search.is_over:
        reasons = ["bad" if any(one.number in poison for one in group) else GOES for group in search.groups]
        search = isolation.step(search, reasons)
    assert {number for number, _ in search.poison} == poison
    for group in groups:
        gone = [one.number for part in isolation.parts(group, search) for one in part]
        assert gone == [one.number for one in group if one.number not in poison]


@given(count=st.integers(2, 40), data=st.data())
def test_who_fails_alone_is_tried_once_more_and_goes_if_that_was_the_nodes_fault(
    count: int, data: st.DataObject
) -> None:
    """What went stays as it is; in the end each mint goes or is poison, and only those that failed twice are."""
    whole = mints(1, count)
    failed = data.draw(st.sets(st.integers(1, count), min_size=1))
    poison = data.draw(st.sets(st.sampled_from(sorted(failed))))
    search = Search(groups=(whole,))
    while not search.is_over:
        reasons = ["bad" if any(one.number in failed for one in group) else GOES for group in search.groups]
        search = isolation.step(search, reasons)
    again = isolation.again(search, whole)
    assert [group[0].number for group in again.groups] == sorted(failed)
    search = isolation.step(again, ["bad" if group[0].number in poison else GOES for group in again.groups])
    assert search.is_over
    assert {number for number, _ in search.poison} == poison
    gone = [one.number for part in isolation.parts(whole, search) for one in part]
    assert gone == [number for number in range(1, count + 1) if number not in poison]


def test_mints_that_fail_only_together_are_no_poison() -> None:
    """Each half goes: they are sent apart."""
    whole = mints(1, 5)
    search = isolation.step(Search(groups=(whole,)), [reverts.OUT_OF_GAS])
    search = isolation.step(search, [GOES, GOES])
    assert (search.is_over, search.poison) == (True, ())
    assert isolation.parts(whole, search) == [whole[:2], whole[2:]]


def test_a_trial_tells_its_reason() -> None:
    """A custom error of ours by its name, another one and none as unexplained."""
    pause = bytes.fromhex("d93c0665")
    trials = [Trial("done"), Trial("out_of_gas"), Trial("undone", pause), Trial("undone"), Trial("undone", b"\1\2\3\4")]
    reasons = [isolation.reason(trial) for trial in trials]
    assert reasons == [GOES, "out_of_gas", "minter_paused", "unexplained", "unexplained"]
    assert isolation.passing(reasons) == Waits("minter_paused")
    assert isolation.passing([GOES, "unexplained", "out_of_gas"]) is None
