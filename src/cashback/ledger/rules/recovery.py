"""What a number means that minting knows, beside what a restored ledger knows of its cashback."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model import Accounted, AccountedKind, Adoption, Mintable, MintRecord, Standing, State

_LOST: Final = (
    "its purchase was lost with the ledger's last commits; sent again it earns another cashback under another number,"
    " beside these units, which minting calls {state}"
)


def account_for_all(
    records: Sequence[MintRecord], *, standings: Sequence[Standing], given_up: Mapping[int, str]
) -> list[Adoption | Accounted | None]:
    """Return what becomes of each of these numbers, in their order: a cashback that gets one has it for those after it.

    `given_up` names the cashbacks that had one of the numbers and have it no more.
    """
    by_id = {one.id: one for one in standings}
    owners = dict(given_up) | {one.mint_number: one.id for one in standings if one.mint_number is not None}
    judged: list[Adoption | Accounted | None] = []
    for record in records:
        holder = by_id.get(record.cashback_id)
        owner = owners.get(record.number)
        one = account_for(record, holder=holder, owner=owner, is_given_up=record.number in given_up)
        if isinstance(one, Adoption) and holder is not None:
            by_id[holder.id] = adopted(holder, record.number)
        judged.append(one)
    return judged


def adopted(standing: Standing, number: int) -> Standing:
    """Return a cashback as it stands once it has a number."""
    return msgspec.structs.replace(standing, state=State.MINT_REQUESTED, mint_number=number)


def account_for(
    record: MintRecord, *, holder: Standing | None, owner: str | None, is_given_up: bool = False
) -> Adoption | Accounted | None:
    """Return what becomes of a number of minting, None when the ledger knows it as minting does.

    `holder` is the ledger's cashback of the record, `owner` the id of the one to which the ledger gave its number; with
    `is_given_up` that one has it no more, and never gets it again.
    """
    difference = _difference(record, holder, owner, is_given_up=is_given_up)
    if difference is not None:
        return _listed(record, *difference)
    if is_given_up or holder is None or holder.programme_id is None or holder.mint_number is not None:
        return None
    cashback = Mintable(
        id=holder.id,
        user_id=holder.user_id,
        programme_id=holder.programme_id,
        currency=holder.currency,
        amount=Minor(holder.amount_minor),
        token_units=holder.token_units,
        traceparent=holder.traceparent,
        recipient=record.recipient,
        mint_number=record.number,
    )
    return Adoption(cashback, _listed(record, AccountedKind.ADOPTED, "it was approved, and is requested again"))


def _difference(
    record: MintRecord, holder: Standing | None, owner: str | None, *, is_given_up: bool
) -> tuple[AccountedKind, str] | None:
    """Return what keeps the ledger from having the number for the cashback, and how it is told."""
    if owner not in (None, record.cashback_id):
        return AccountedKind.NUMBER_TAKEN, f"the ledger gave the number to {owner}"
    if holder is None:
        return AccountedKind.LEDGER_LOST, _LOST.format(state=record.state)
    if holder.token_units != record.token_units:
        return AccountedKind.AMOUNT_DIFFERS, f"the ledger has {holder.token_units} units for it"
    is_known = is_given_up or holder.mint_number == record.number
    return None if is_known else _hindrance(record, holder)


def _hindrance(record: MintRecord, holder: Standing) -> tuple[AccountedKind, str] | None:
    """Return what keeps a cashback from getting a number that the ledger never gave to it, and how it is told."""
    if holder.mint_number is None and (holder.state is not State.APPROVED or holder.programme_id is None):
        return AccountedKind.NOT_APPROVED, f"in the ledger it is {holder.state.value}"
    if record.is_retired:
        # Adopted it would be stuck at once, and in the way of the number that its cashback got instead.
        return AccountedKind.RETIRED, "nothing is minted under it; its cashback has or gets another number"
    if holder.mint_number is not None:
        return AccountedKind.NUMBER_DIFFERS, f"the ledger requested it under {holder.mint_number}"
    return None


def _listed(record: MintRecord, kind: AccountedKind, detail: str) -> Accounted:
    """Return a record as it is told."""
    return Accounted(
        kind=kind,
        number=record.number,
        cashback_id=record.cashback_id,
        recipient=record.recipient,
        token_units=record.token_units,
        detail=detail,
    )
