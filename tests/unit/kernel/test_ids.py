"""Ids carry their kind, are unique, and are recognised only in their exact shape."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cashback.kernel.ids import is_id, new_id
from tests.support.forked import said_by_fork


def test_a_new_id_is_recognised_by_its_own_kind_only() -> None:
    """The prefix is part of the identity: a purchase's id is no user's id."""
    made = new_id("pur")
    assert is_id(made, "pur")
    assert not is_id(made, "usr")


def test_ids_made_together_differ_and_carry_version_seven() -> None:
    """Within one millisecond 74 random bits tell ids apart; version and variant stand where RFC 9562 wants them."""
    made = {new_id("evt") for _ in range(10_000)}
    assert len(made) == 10_000
    numbers = [_number_of(id_) for id_ in made]
    assert {number >> 76 & 0xF for number in numbers} == {7}
    assert {number >> 62 & 0b11 for number in numbers} == {0b10}


def test_every_bit_that_is_left_to_chance_is_set_in_about_half_of_the_ids() -> None:
    """74 of them; in 10,000 ids a fair bit is a tenth away from half once in 10^88 runs; none copies another."""
    numbers = [_number_of(new_id("evt")) for _ in range(10_000)]
    bits = [*range(62), *range(64, 76)]
    assert all(4_000 < sum(number >> bit & 1 for number in numbers) < 6_000 for bit in bits)
    columns = {sum((number >> bit & 1) << place for place, number in enumerate(numbers)) for bit in bits}
    assert len(columns) == len(bits)


def test_an_id_begins_with_the_millisecond_it_was_made_in() -> None:
    """The first 48 of its 128 bits, as RFC 9562 has it."""
    before = time.time_ns() // 1_000_000
    made = _number_of(new_id("evt")) >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def _number_of(id_: str) -> int:
    """Return the 128 bits of an id."""
    number = 0
    for letter in id_.partition("_")[2]:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(letter)
    return number


def test_threads_share_no_id() -> None:
    """What is drawn ahead is given to one of them each."""
    with ThreadPoolExecutor(8) as threads:
        made = [
            each for some in threads.map(lambda _: [new_id("evt") for _ in range(2_000)], range(8)) for each in some
        ]
    assert len(set(made)) == len(made)


def test_a_forked_process_does_not_use_what_was_drawn_before() -> None:
    """Both would give out the same random bits."""
    new_id("evt")
    theirs = said_by_fork(lambda: new_id("evt"))
    assert is_id(theirs, "evt")
    assert theirs[-16:] != new_id("evt")[-16:]


@pytest.mark.parametrize(
    "text", ["", "pur_", "pur", "pur_01", "PUR_01k9z3v6q8e2r9xw5t4c7m1n0p", "pur_81k9z3v6q8e2r9xw5t4c7m1n0p"]
)
def test_what_is_no_id_is_not_taken_for_one(text: str) -> None:
    """Too short, wrong case, and 130 bits that overflow 128 are all refused."""
    assert not is_id(text, "pur")
