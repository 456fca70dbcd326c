"""What is done about a slot that no block carries yet."""

import msgspec
import pytest

from cashback.chain.model import Address, Fees, Hash, Market, OpenSlot
from cashback.chain.rules.fees import FeeLimits
from cashback.chain.rules.tending import Bump, GiveUp, Patience, Send, Step, Wait, next_step

LIMITS = FeeLimits(tip_floor_wei=2, tip_cap_wei=2, cap_wei=1_000)
PATIENCE = Patience(resend_ms=10_000, bump_ms=45_000)
SLOT = OpenSlot(
    lane=1,
    nonce=7,
    kind="mint",
    target=Address(b"\1" * 20),
    calldata=b"",
    gas=21_000,
    hash=Hash(b"\2" * 32),
    raw=b"raw",
    fees=Fees(202, 2),
    sends=1,
    answer="accepted",
    since_stored_ms=100,
    since_sent_ms=100,
    is_first=True,
)


def step(*, base_fee_wei: int = 100, **changes: object) -> Step:
    """Return the step for the slot with some changes."""
    slot = msgspec.structs.replace(SLOT, **changes)
    return next_step(slot, now=Market(base_fee_wei, 2), limits=LIMITS, patience=PATIENCE)


def test_what_was_never_sent_is_sent() -> None:
    """Stored first, then sent."""
    assert step(answer=None, sends=0) == Send()


def test_what_a_pool_took_is_left_alone() -> None:
    """Until it has waited long."""
    assert step() == Wait()


def test_what_has_waited_long_is_offered_again() -> None:
    """A pool may have dropped it; the same bytes do no harm."""
    assert step(since_sent_ms=10_000, since_stored_ms=10_000) == Send()


def test_a_later_nonce_is_offered_again_less_often() -> None:
    """It waits for the first one anyhow."""
    assert step(since_sent_ms=29_999, is_first=False) == Wait()
    assert step(since_sent_ms=30_000, is_first=False) == Send()


@pytest.mark.parametrize("sends,wait_ms", [(1, 250), (2, 500), (3, 1_000), (6, 5_000), (1_000, 5_000)])
def test_an_unknown_send_is_repeated_ever_more_slowly(sends: int, wait_ms: int) -> None:
    """Doubling, and bounded."""
    assert isinstance(step(answer="unknown", sends=sends, since_sent_ms=wait_ms - 1), Wait)
    assert isinstance(step(answer="unknown", sends=sends, since_sent_ms=wait_ms), Send)


def test_an_unknown_send_is_never_replaced_by_others() -> None:
    """However long it takes: nobody can tell whether it arrived."""
    found = step(answer="unknown", sends=50, since_stored_ms=10**9, since_sent_ms=10**6)
    assert found == Send("send_not_taken")


def test_the_first_nonce_is_bumped_when_it_is_stuck() -> None:
    """At an eighth more."""
    assert step(since_stored_ms=45_000, since_sent_ms=1_000) == Bump(Fees(228, 3), "stuck")


def test_a_later_nonce_is_not_bumped_for_waiting() -> None:
    """It waits for the first one."""
    assert step(since_stored_ms=45_000, since_sent_ms=1_000, is_first=False) == Wait()


def test_whatever_is_priced_out_is_bumped() -> None:
    """A later nonce too: it could never follow the first one into the same block."""
    assert step(base_fee_wei=300, since_stored_ms=10_000, is_first=False) == Bump(Fees(602, 3), "priced_out")


def test_a_bump_above_the_cap_waits_and_says_so_and_the_same_bytes_are_offered_again() -> None:
    """Fees fall again; the lane moves by itself then."""
    assert step(base_fee_wei=999, since_stored_ms=45_000) == Wait("fee_above_cap")
    assert step(base_fee_wei=999, since_stored_ms=45_000, since_sent_ms=10_000) == Send("fee_above_cap")


def test_what_keeps_being_unanswered_makes_the_lane_say_so() -> None:
    """Not the first hiccup; but a provider that refuses every call would else be seen by nobody."""
    assert step(answer="unknown", sends=2, since_sent_ms=499) == Wait()
    assert step(answer="unknown", sends=3, since_sent_ms=999) == Wait("send_not_taken")
    assert step(answer="unknown", sends=3, since_sent_ms=1_000) == Send("send_not_taken")


def test_an_underpriced_send_follows_the_market_and_keeps_its_tip() -> None:
    """No pool holds it, so there is nothing to outbid; once per `resend_ms`, since the market moves with blocks."""
    assert step(answer="underpriced", base_fee_wei=300, since_stored_ms=9_999) == Wait("fee_below_minimum")
    assert step(answer="underpriced", base_fee_wei=300, since_stored_ms=10_000) == Bump(Fees(602, 2), "underpriced")


def test_an_underpriced_send_at_the_markets_price_is_offered_again_as_it_is() -> None:
    """The pool wants more than the market: that may pass, and the lane says what it waits for."""
    assert step(answer="underpriced", since_stored_ms=44_999) == Wait("fee_below_minimum")
    assert step(answer="underpriced", since_stored_ms=44_999, since_sent_ms=10_000) == Send("fee_below_minimum")


def test_a_lane_stuck_behind_an_underpriced_send_offers_more_than_the_market() -> None:
    """An eighth each `bump_ms`, and only for the first nonce: a pool's own minimum is met in the end."""
    assert step(answer="underpriced", since_stored_ms=45_000) == Bump(Fees(228, 3), "stuck")
    assert step(answer="underpriced", since_stored_ms=45_000, is_first=False) == Wait("fee_below_minimum")


def test_an_underpriced_send_above_the_cap_waits_and_says_so() -> None:
    """Fees fall again."""
    assert step(answer="underpriced", base_fee_wei=999, since_stored_ms=10_000) == Wait("fee_above_cap")
    assert step(answer="underpriced", base_fee_wei=999, since_sent_ms=10_000) == Send("fee_above_cap")


def test_an_outbid_replacement_raises_both_prices_once_per_resend() -> None:
    """The node has said what it wants; the lane turns many times a second, and each turn would pay an eighth more."""
    assert step(answer="outbid", since_stored_ms=9_999) == Wait()
    assert step(answer="outbid", since_stored_ms=10_000) == Bump(Fees(228, 3), "outbid")


@pytest.mark.parametrize("answer", ["underpriced", "outbid", "accepted", "known"])
@pytest.mark.parametrize("base_fee_wei", [0, 100, 300, 900])
def test_nothing_is_priced_anew_within_resend_of_being_stored(answer: str, base_fee_wei: int) -> None:
    """Whatever nodes say: the cap must not be reached in seconds."""
    found = step(answer=answer, base_fee_wei=base_fee_wei, since_stored_ms=9_999, since_sent_ms=9_999)
    assert not isinstance(found, Bump)


def test_a_signer_without_gas_money_waits_and_says_so() -> None:
    """Somebody must pay in; until then the same bytes are offered from time to time."""
    assert step(answer="no_funds") == Wait("no_gas_money")
    assert step(answer="no_funds", since_sent_ms=5_000) == Send("no_gas_money")


def test_a_used_nonce_is_the_followers_business() -> None:
    """Ours was mined, or a stranger has the key: blocks tell which."""
    assert step(answer="nonce_used", since_stored_ms=10**9) == Wait()


def test_a_used_nonce_is_offered_again_in_case_its_block_is_replaced() -> None:
    """Before the follower took it in: pools may have dropped the transaction, and only a send brings it back."""
    assert step(answer="nonce_used", since_sent_ms=29_999) == Wait()
    assert step(answer="nonce_used", since_sent_ms=30_000) == Send()


def test_a_refusal_for_good_is_given_up() -> None:
    """Minting halts: the nonce is taken in our records and no node will ever use it."""
    assert step(answer="refused") == GiveUp("transaction_refused")


CALL = b"mint number 7"


@pytest.mark.parametrize(
    "answer", [None, "accepted", "known", "unknown", "nonce_used", "outbid", "underpriced", "refused"]
)
def test_the_bytes_of_a_void_call_are_replaced_at_once_and_never_sent(answer: str | None) -> None:
    """Whatever was said of them, and however short ago: at a price that takes their place in a pool."""
    assert step(kind="void", calldata=CALL, raw=b"signed: " + CALL, answer=answer) == Bump(Fees(228, 3), "void")


def test_a_void_call_is_not_sent_where_its_replacement_is_too_dear() -> None:
    """Its lane waits, and says for what."""
    void = {"kind": "void", "calldata": CALL, "raw": b"signed: " + CALL, "answer": "unknown", "since_sent_ms": 10**6}
    assert step(base_fee_wei=999, **void) == Wait("fee_above_cap")


def test_the_no_op_of_a_void_slot_is_sent_as_anything_else() -> None:
    """From its first attempt on it is one more slot."""
    assert step(kind="void", calldata=CALL, raw=b"a no-op", answer=None, sends=0) == Send()
    assert step(kind="void", calldata=CALL, raw=b"a no-op") == Wait()
