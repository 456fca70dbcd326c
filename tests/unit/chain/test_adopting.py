"""From which nonce a lane goes on: its own, or the chain's when all of that is final and nothing is under way."""

import pytest

from cashback.chain.model import Address, Lane, NotFinalYet, Seen
from cashback.chain.rules.adopting import next_nonce

LANE = Lane(id=1, address=Address(bytes(20)), next_nonce=7, final_nonce=5, waits_for=None, state="active", open_slots=2)


def seen(mined: int, sent: int, rumoured: int) -> Seen:
    """Return what endpoints tell."""
    return Seen(mined=mined, sent=sent, rumoured=rumoured)


@pytest.mark.parametrize(
    "told,final,expected",
    [
        pytest.param(seen(5, 7, 7), 4, 7, id="the-records-know-all"),
        pytest.param(seen(7, 7, 7), 3, 7, id="mined-and-known"),
        pytest.param(seen(9, 9, 9), 9, 9, id="further-and-final"),
    ],
)
@pytest.mark.invariant("I9")
def test_a_lane_goes_on_from_the_further_of_its_own_and_the_chains_nonce(told: Seen, final: int, expected: int) -> None:
    """What the records know is theirs to finish, however much of it is final (I9)."""
    assert next_nonce(LANE, seen=told, final=final) == expected


@pytest.mark.parametrize(
    "told,final",
    [
        pytest.param(seen(9, 9, 9), 8, id="not-final"),
        pytest.param(seen(8, 9, 9), 8, id="in-a-pool"),
        pytest.param(seen(8, 8, 9), 8, id="in-one-pool-only"),
        pytest.param(seen(7, 7, 8), 7, id="rumoured-alone"),
    ],
)
def test_what_is_under_way_and_unknown_is_not_adopted(told: Seen, final: int) -> None:
    """It may be replaced, or come after the nonce that was adopted."""
    with pytest.raises(NotFinalYet):
        next_nonce(LANE, seen=told, final=final)
