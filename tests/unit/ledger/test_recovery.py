"""What a number of minting means beside a restored ledger: adopted, known, or listed, and never guessed."""

import msgspec
import pytest

from cashback.kernel.money import TokenUnits
from cashback.ledger.model import Accounted, AccountedKind, Adoption, MintRecord, Standing, State
from cashback.ledger.rules import account_for

RECORD = MintRecord(
    number=7, cashback_id="cb_1", recipient="0x" + "11" * 20, token_units=TokenUnits(900), state="minted"
)
APPROVED = Standing(
    id="cb_1",
    user_id="usr_1",
    programme_id="prg_1",
    currency="USD",
    amount_minor=150,
    token_units=TokenUnits(900),
    traceparent="00-1-2-01",
    state=State.APPROVED,
    mint_number=None,
)
OTHER = "cb_2"


def changed(**changes: object) -> Standing:
    """Return the approved cashback with changes."""
    return msgspec.structs.replace(APPROVED, **changes)


def test_an_approved_cashback_gets_the_number_and_the_recipient_that_minting_has() -> None:
    """Its wallet may be another one by now: what was asked for is frozen."""
    found = account_for(RECORD, holder=APPROVED, owner=None)
    assert isinstance(found, Adoption)
    assert (found.cashback.mint_number, found.cashback.recipient) == (7, RECORD.recipient)
    assert (found.cashback.amount, found.cashback.token_units, found.cashback.traceparent) == (150, 900, "00-1-2-01")
    assert found.accounted.kind is AccountedKind.ADOPTED


@pytest.mark.parametrize("state", [State.MINT_REQUESTED, State.MINTED, State.STUCK])
def test_a_number_that_the_ledger_knows_as_minting_does_is_nothing_to_tell(state: State) -> None:
    """However far the ledger has heard of it."""
    known = changed(state=state, mint_number=7)
    assert account_for(RECORD, holder=known, owner=known.id) is None


@pytest.mark.parametrize("state, number", [(State.APPROVED, None), (State.MINT_REQUESTED, 8), (State.MINTED, 8)])
def test_a_number_that_its_cashback_gave_up_is_never_its_again_and_nothing_to_tell(
    state: State, number: int | None
) -> None:
    """Whether it has another one by now or waits for it."""
    holder = changed(state=state, mint_number=number)
    assert account_for(RECORD, holder=holder, owner=holder.id, is_given_up=True) is None


def test_a_number_that_another_cashback_gave_up_is_listed() -> None:
    """Giving it up made it nobody else's."""
    found = account_for(RECORD, holder=APPROVED, owner=OTHER, is_given_up=True)
    assert isinstance(found, Accounted)
    assert found.kind is AccountedKind.NUMBER_TAKEN


@pytest.mark.parametrize(
    "kind, holder, owner",
    [
        (AccountedKind.LEDGER_LOST, None, None),
        (AccountedKind.NUMBER_DIFFERS, changed(state=State.MINT_REQUESTED, mint_number=8), None),
        (AccountedKind.NUMBER_TAKEN, APPROVED, OTHER),
        (AccountedKind.NUMBER_TAKEN, None, OTHER),
        (AccountedKind.AMOUNT_DIFFERS, changed(token_units=TokenUnits(901)), None),
        (AccountedKind.NOT_APPROVED, changed(state=State.DECLINED, programme_id=None), None),
    ],
)
def test_whatever_contradicts_is_listed_and_not_adopted(
    kind: AccountedKind, holder: Standing | None, owner: str | None
) -> None:
    """With the number, the cashback, the wallet and the amount that minting has."""
    found = account_for(RECORD, holder=holder, owner=owner)
    assert isinstance(found, Accounted)
    assert (found.kind, found.number, found.cashback_id, found.token_units) == (kind, 7, "cb_1", 900)
    assert found.recipient == RECORD.recipient


def test_who_reads_of_a_lost_cashback_learns_what_sending_the_purchase_again_would_do() -> None:
    """It earns anew, beside what minting has done or will do."""
    found = account_for(RECORD, holder=None, owner=None)
    assert isinstance(found, Accounted)
    assert "another number" in found.detail
    assert "minting calls minted" in found.detail
