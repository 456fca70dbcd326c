"""Minting's decisions, case by case: what is known, what comes, and what follows."""

from datetime import UTC, datetime

import msgspec
import pytest

from cashback.kernel.money import INT63_MAX, TokenUnits
from cashback.minting.model import HaltKind, Inclusion, Mint, MintRequest, MintState, Outcome
from cashback.minting.rules import (
    NUMBER_USED_OTHERWISE,
    Admit,
    Contradiction,
    Hasten,
    Refuse,
    Republish,
    Settle,
    TakeBack,
    Unchanged,
    fingerprint,
    fingerprint_of,
    impossibility,
    judge,
    settle,
    settle_all,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ALICE = bytes.fromhex("11" * 20)
BOB = bytes.fromhex("22" * 20)
REQUEST = MintRequest(number=7, cashback_id="cb_one", recipient=ALICE, amount=TokenUnits(290_000), requested_at=NOON)
HERE = Inclusion(b"\x01" * 32, 12, b"\x02" * 32)
ELSEWHERE = Inclusion(b"\x03" * 32, 13, b"\x04" * 32)


def a_mint(state: MintState = MintState.ACCEPTED, *, inclusion: Inclusion | None = None) -> Mint:
    """Return the mint of `REQUEST` in some state."""
    return Mint(
        number=REQUEST.number,
        cashback_id=REQUEST.cashback_id,
        recipient=REQUEST.recipient,
        amount=REQUEST.amount,
        fingerprint=fingerprint_of(REQUEST),
        state=state,
        submit_attempts=1,
        requested_at=NOON,
        inclusion=inclusion,
        reason="unlucky" if state is MintState.STUCK else None,
    )


def an_outcome(inclusion: Inclusion | None = HERE, **changes: object) -> Outcome:
    """Return the outcome of `REQUEST`, changed as asked."""
    outcome = Outcome(
        sequence=1,
        number=REQUEST.number,
        cashback_id=REQUEST.cashback_id,
        recipient=REQUEST.recipient,
        amount=REQUEST.amount,
        inclusion=inclusion,
        reason="" if inclusion else "skipped",
    )
    return msgspec.structs.replace(outcome, **changes)


def test_the_fingerprint_is_the_same_for_ever() -> None:
    """Golden bytes: numbers already stored must be recognised by every later release."""
    stored = fingerprint(cashback_id="cb_one", recipient=ALICE, amount=290_000)
    assert stored.hex() == "5db3b656a67b4faa8d17fd943654091bf78dade91b197cef84c9df32e00dcc05"


@pytest.mark.parametrize(
    "other",
    [{"cashback_id": "cb_two"}, {"recipient": BOB}, {"amount": TokenUnits(290_001)}],
    ids=["cashback", "recipient", "amount"],
)
def test_the_fingerprint_differs_when_any_part_does(other: dict[str, object]) -> None:
    """Whose, to whom and how much are all frozen under a number."""
    assert fingerprint_of(msgspec.structs.replace(REQUEST, **other)) != fingerprint_of(REQUEST)


def test_the_fingerprint_does_not_depend_on_when_or_in_which_trace_it_was_asked() -> None:
    """A request issued again is the same request."""
    again = msgspec.structs.replace(REQUEST, requested_at=NOON.replace(hour=13), traceparent="00-a-b-01")
    assert fingerprint_of(again) == fingerprint_of(REQUEST)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({}, None),
        ({"number": INT63_MAX, "amount": TokenUnits(INT63_MAX)}, None),
        ({"number": 0}, "number_out_of_range"),
        ({"number": INT63_MAX + 1}, "number_out_of_range"),
        ({"amount": TokenUnits(0)}, "amount_out_of_range"),
        ({"amount": TokenUnits(INT63_MAX + 1)}, "amount_out_of_range"),
        ({"recipient": bytes(20)}, "recipient_zero"),
    ],
)
def test_what_can_never_be_minted_is_refused_with_a_stable_code(change: dict[str, object], reason: str | None) -> None:
    """Nothing that a column, the wire or the token refuses is stored first."""
    assert impossibility(msgspec.structs.replace(REQUEST, **change)) == reason


@pytest.mark.parametrize("state", [MintState.REQUESTED, MintState.ACCEPTED])
def test_a_known_request_without_an_outcome_is_hastened(state: MintState) -> None:
    """Whoever asks again may know that the adapter forgot."""
    mint = a_mint(state)
    assert judge(REQUEST, by_number=mint, of_cashback=[mint]) == Hasten(mint)


@pytest.mark.parametrize("mint", [a_mint(MintState.MINTED, inclusion=HERE), a_mint(MintState.STUCK)])
def test_a_known_request_with_an_outcome_has_it_told_again(mint: Mint) -> None:
    """A ledger that asks again has missed the answer."""
    assert judge(REQUEST, by_number=mint, of_cashback=[mint]) == Republish(mint)


def test_a_number_with_another_fingerprint_is_refused_and_the_second_cashback_is_stuck() -> None:
    """The first one goes on: it is the second that may not be minted."""
    foreign = msgspec.structs.replace(REQUEST, cashback_id="cb_two")
    judged = judge(foreign, by_number=a_mint(), of_cashback=[])
    assert isinstance(judged, Refuse)
    assert judged.is_cashback_stuck
    assert (judged.halt.kind, judged.halt.number, judged.halt.cashback_id) == (
        HaltKind.FOREIGN_FINGERPRINT,
        7,
        "cb_two",
    )


def test_a_request_whose_terms_changed_is_refused_and_its_cashback_goes_on_as_first_asked() -> None:
    """The frozen terms are in flight under the same number; calling the cashback stuck would be untrue."""
    judged = judge(msgspec.structs.replace(REQUEST, recipient=BOB), by_number=a_mint(), of_cashback=[a_mint()])
    assert isinstance(judged, Refuse)
    assert not judged.is_cashback_stuck


@pytest.mark.invariant("I2")
def test_a_cashback_under_a_second_number_is_refused() -> None:
    """I2: two numbers would be two mints, and the token could not know."""
    second = msgspec.structs.replace(REQUEST, number=8)
    judged = judge(second, by_number=None, of_cashback=[a_mint()])
    assert isinstance(judged, Refuse)
    assert not judged.is_cashback_stuck
    assert judged.halt.kind is HaltKind.SECOND_NUMBER
    assert "number 7" in judged.halt.detail


RETIRED = msgspec.structs.replace(a_mint(MintState.STUCK), reason="number_retired")


@pytest.mark.invariant("I2")
def test_a_cashback_whose_number_was_retired_may_have_another() -> None:
    """Nothing can be minted under the first one any more; a live one beside it refuses the third."""
    second = msgspec.structs.replace(REQUEST, number=8)
    assert judge(second, by_number=None, of_cashback=[RETIRED]) == Admit()
    live = msgspec.structs.replace(a_mint(), number=6)
    judged = judge(second, by_number=None, of_cashback=[RETIRED, live])
    assert isinstance(judged, Refuse)
    assert "number 6" in judged.halt.detail


def test_a_foreign_number_leaves_a_cashback_stuck_whose_own_numbers_are_all_retired() -> None:
    """Nobody serves it: calling it in flight would be untrue."""
    foreign = msgspec.structs.replace(REQUEST, cashback_id="cb_two", number=9)
    holder = msgspec.structs.replace(a_mint(), number=9)
    judged = judge(foreign, by_number=holder, of_cashback=[RETIRED])
    assert isinstance(judged, Refuse)
    assert judged.is_cashback_stuck


def test_a_retirement_outdoes_whatever_a_mint_was_stuck_for() -> None:
    """Only then may its cashback get another number; told again it changes nothing."""
    settled = settle(a_mint(MintState.STUCK), an_outcome(None, reason="number_retired"))
    assert isinstance(settled, Settle)
    assert (settled.mint.state, settled.mint.reason) == (MintState.STUCK, "number_retired")
    assert settle(settled.mint, an_outcome(None, reason="number_retired")) == Unchanged()
    assert settle(settled.mint, an_outcome(None, reason="skipped")) == Unchanged()


@pytest.mark.invariant("I2")
def test_a_log_of_a_retired_number_halts_and_changes_nothing() -> None:
    """Its cashback may have been minted under another number since: this is for a person."""
    settled = settle(RETIRED, an_outcome())
    assert isinstance(settled, Contradiction)
    assert (settled.halt.kind, settled.mint) == (HaltKind.CONTRADICTED_OUTCOME, None)


@pytest.mark.parametrize("state", [MintState.REQUESTED, MintState.ACCEPTED, MintState.STUCK])
def test_a_final_log_makes_any_open_or_stuck_mint_minted(state: MintState) -> None:
    """The chain is the truth, also about a mint that was given up."""
    settled = settle(a_mint(state), an_outcome())
    assert isinstance(settled, Settle)
    assert (settled.mint.state, settled.mint.inclusion, settled.mint.reason) == (MintState.MINTED, HERE, None)


@pytest.mark.parametrize("state", [MintState.REQUESTED, MintState.ACCEPTED])
def test_a_failure_makes_an_open_mint_stuck(state: MintState) -> None:
    """A person must act, and reads why."""
    settled = settle(a_mint(state), an_outcome(None))
    assert isinstance(settled, Settle)
    assert (settled.mint.state, settled.mint.reason) == (MintState.STUCK, "skipped")


@pytest.mark.parametrize(
    "mint, outcome",
    [
        (a_mint(MintState.MINTED, inclusion=HERE), an_outcome(sequence=99)),
        (a_mint(MintState.STUCK), an_outcome(None, reason="skipped again")),
    ],
)
def test_an_outcome_told_again_changes_nothing(mint: Mint, outcome: Outcome) -> None:
    """In a new epoch everything is told again."""
    assert settle(mint, outcome) == Unchanged()


@pytest.mark.parametrize(
    "mint, outcome, kind",
    [
        (None, an_outcome(), HaltKind.UNREQUESTED_OUTCOME),
        (a_mint(MintState.MINTED, inclusion=HERE), an_outcome(ELSEWHERE), HaltKind.CONTRADICTED_OUTCOME),
        (a_mint(MintState.MINTED, inclusion=HERE), an_outcome(None), HaltKind.CONTRADICTED_OUTCOME),
        (a_mint(MintState.MINTED, inclusion=HERE), an_outcome(recipient=BOB), HaltKind.FOREIGN_OUTCOME),
        (a_mint(MintState.STUCK), an_outcome(cashback_id="cb_two"), HaltKind.FOREIGN_OUTCOME),
    ],
    ids=["never requested", "another block", "taken back", "another recipient", "another cashback"],
)
def test_what_cannot_be_true_halts_and_decides_nothing(mint: Mint | None, outcome: Outcome, kind: HaltKind) -> None:
    """Nothing is guessed: a decided mint stays, and a person reads what was told."""
    settled = settle(mint, outcome)
    assert isinstance(settled, Contradiction)
    assert (settled.halt.kind, settled.mint) == (kind, None)


def test_a_number_that_was_minted_otherwise_can_never_be_minted_as_requested() -> None:
    """The token takes a number once, so the open mint is stuck, beside the halt."""
    settled = settle(a_mint(), an_outcome(amount=TokenUnits(1)))
    assert isinstance(settled, Contradiction)
    assert settled.mint is not None
    assert (settled.mint.state, settled.mint.reason) == (MintState.STUCK, NUMBER_USED_OTHERWISE)


def test_outcomes_of_one_batch_are_judged_one_after_the_other() -> None:
    """Given up, minted after all, told twice: the last state counts, and nothing halts."""
    settled = settle_all({7: a_mint()}, [an_outcome(None), an_outcome(sequence=2), an_outcome(sequence=3)])
    assert [mint.state for mint in settled.mints] == [MintState.MINTED]
    assert (settled.halts, settled.unchanged) == ((), 1)


def a_reversal(place: Inclusion = HERE, *, reason: str = "", reversals: int = 1) -> Outcome:
    """Return that the outcome at `place` is void; it had failed when there is a reason."""
    return an_outcome(place, is_reverted=True, reason=reason, reversals=reversals)


@pytest.mark.parametrize(
    "mint,void",
    [
        pytest.param(a_mint(MintState.MINTED, inclusion=HERE), a_reversal(), id="minted"),
        pytest.param(a_mint(MintState.STUCK), a_reversal(reason="unlucky"), id="failed"),
    ],
)
def test_a_mint_whose_outcome_is_void_is_open_again(mint: Mint, void: Outcome) -> None:
    """It keeps no place and no reason, and what follows counts as later than all before."""
    reopened = msgspec.structs.replace(a_mint(MintState.ACCEPTED), reversals=1)
    assert settle(mint, void) == TakeBack(reopened, HERE)


@pytest.mark.parametrize(
    "mint,void",
    [
        pytest.param(a_mint(MintState.MINTED, inclusion=ELSEWHERE), a_reversal(), id="minted-elsewhere-since"),
        pytest.param(a_mint(MintState.STUCK), a_reversal(), id="stuck-for-another-reason"),
        pytest.param(msgspec.structs.replace(a_mint(), reversals=1), a_reversal(), id="taken-back-already"),
        pytest.param(RETIRED, a_reversal(reason="number_retired"), id="retired-and-to-be-retired-again"),
    ],
)
def test_that_another_outcome_is_void_changes_nothing(mint: Mint, void: Outcome) -> None:
    """A stream that is read again tells old reversals beside newer outcomes."""
    assert settle(mint, void) == Unchanged()


def test_a_mint_that_was_never_heard_of_as_minted_counts_the_reversal() -> None:
    """Others may have heard of the outcome that is void: what is told of the next one must come after it."""
    assert settle(a_mint(), a_reversal(reversals=3)) == TakeBack(msgspec.structs.replace(a_mint(), reversals=3), HERE)


def test_a_chain_that_comes_back_to_the_block_that_was_void_is_believed() -> None:
    """The same place after one more reversal: the mint ends there, told as later than the reversal."""
    story = [an_outcome(), a_reversal(), an_outcome(reversals=1)]
    settled = settle_all({REQUEST.number: a_mint()}, story)
    assert settled.mints == (msgspec.structs.replace(a_mint(MintState.MINTED, inclusion=HERE), reversals=1),)
    assert (settled.halts, settled.voids) == ((), {})
