"""The verdict on what was published sees a loss, a stranger and a wrong order where they are planted."""

from tests.chaos.verdict import Place, disordered, missing

PLACES = {f"evt_{number}": Place("ledger", f"cb_{number % 2}", number) for number in range(1, 7)}


def test_an_event_that_was_skipped_is_missing() -> None:
    """In the middle or at the end; whole it is not."""
    ids = list(PLACES)
    assert missing(PLACES, ids, gone={}) == set()
    assert missing(PLACES, [*ids[:2], *ids[3:]], gone={}) == {"evt_3"}
    assert missing(PLACES, ids[:-1], gone={}) == {"evt_6"}


def test_what_a_wiped_broker_held_may_be_gone_and_nothing_later() -> None:
    """By the outbox that it came from."""
    assert missing(PLACES, ["evt_5"], gone={"ledger": 4}) == {"evt_6"}
    assert missing(PLACES, ["evt_5", "evt_6"], gone={"purchases": 4}) == {"evt_1", "evt_2", "evt_3", "evt_4"}


def test_a_key_whose_events_changed_places_is_told() -> None:
    """Others' places do not matter."""
    first, second, third, fourth, *_ = PLACES.values()
    assert disordered([second, first, fourth, third], gone={}) == {}
    assert disordered([third, first], gone={}) == {("ledger", "cb_1"): [3, 1]}


def test_what_a_replay_brought_again_after_a_wipe_is_in_no_wrong_order() -> None:
    """It was published in its place, and lost; whatever came later is in order still."""
    first, _, third, _, fifth, _ = PLACES.values()
    assert disordered([third, first], gone={"ledger": 2}) == {}
    assert disordered([fifth, third], gone={"ledger": 2}) == {("ledger", "cb_1"): [5, 3]}
