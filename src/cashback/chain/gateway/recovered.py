"""What the running adapter says that recovering has changed, in our words."""

from typing import Final

from cashback.chain.model import Address, AdoptedLane, Exposed, Hash, Place, Recovered, TakenBack, UnknownMint
from cashback.wire.cashback.chain import v1

_ADDRESS_BYTES: Final = 20
_HASH_BYTES: Final = 32


def to_recovered(answer: v1.RecoverResponse) -> Recovered:
    """Return what was changed.

    Raises:
        ValueError: it says what no answer may say.
    """
    return Recovered(
        reorganised_above=int(answer.reorganised_above) if answer.is_reorganised else None,
        taken_back=[_taken_back(one) for one in answer.taken_back],
        taken_back_count=int(answer.taken_back_count),
        unknown=[_unknown(one) for one in answer.unknown],
        unknown_count=int(answer.unknown_count),
        lanes=[_lane(one) for one in answer.lanes],
        exposed=[_exposed(one) for one in answer.exposed],
        exposed_count=int(answer.exposed_count),
        waiting_again=int(answer.waiting_again),
        epoch_before=str(answer.epoch_before),
        epoch=str(answer.epoch),
    )


def _taken_back(one: v1.RecoverResponseTakenBack) -> TakenBack:
    """Return one outcome that is void."""
    return TakenBack(
        number=int(one.number),
        cashback_id=str(one.cashback_id),
        amount=int(one.amount),
        place=Place(int(one.block_number), _hash(one.block_hash), _hash(one.transaction_hash)),
        reason=str(one.reason),
    )


def _unknown(one: v1.RecoverResponseUnknown) -> UnknownMint:
    """Return one mint that nobody has submitted."""
    return UnknownMint(
        number=int(one.number),
        recipient=_address(one.recipient),
        amount=int(one.amount),
        transaction_hash=_hash(one.transaction_hash),
        block_number=int(one.block_number),
    )


def _exposed(one: v1.RecoverResponseExposed) -> Exposed:
    """Return one number that our old calls could mint."""
    return Exposed(
        number=int(one.number),
        cashback_id=str(one.cashback_id),
        amount=int(one.amount),
        signer=_address(one.signer),
        nonce=int(one.nonce),
    )


def _lane(one: v1.RecoverResponseLane) -> AdoptedLane:
    """Return one signer that goes on from the chain's nonce."""
    return AdoptedLane(
        address=_address(one.address),
        next_nonce_before=int(one.next_nonce_before),
        next_nonce=int(one.next_nonce),
        closed_slots=int(one.closed_slots),
    )


def _address(data: bytes) -> Address:
    """Return an address on the wire.

    Raises:
        ValueError: it is none.
    """
    return Address(_bytes(data, _ADDRESS_BYTES))


def _hash(data: bytes) -> Hash:
    """Return a hash on the wire.

    Raises:
        ValueError: it is none.
    """
    return Hash(_bytes(data, _HASH_BYTES))


def _bytes(data: bytes, length: int) -> bytes:
    """Return `data` when it is `length` bytes long.

    Raises:
        ValueError: it is not.
    """
    if len(data) != length:
        raise ValueError(f"expected {length} bytes, not {len(data)}")
    return data
