"""The adapter's answers in the ledger's words; whatever they may not say is a `ValueError`."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cashback.kernel.money import TokenUnits
from cashback.ledger.model import (
    ChainColumns,
    ChainLogs,
    ChainStatus,
    ContractStanding,
    EndpointHealth,
    LaneNonces,
    LiveMint,
    MintLog,
)
from cashback.wire.cashback.chain.v1 import (
    GetMintsResponseEntry,
    GetStatusResponse,
    GetStatusResponseStanding,
    ListMintLogsResponse,
    MintState,
)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32
_NUMBER_BYTES: Final = 8
_WORD_BYTES: Final = 32
_DIGITS_MAX: Final = 78
"""Of 2^256 - 1, the most that a contract can answer."""


def logs(answer: ListMintLogsResponse) -> ChainLogs:
    """Return one page of logs in our words.

    Raises:
        ValueError: it says what no page may say.
    """
    return ChainLogs(
        logs=[
            MintLog(
                number=int(log.number),
                recipient=address_of(log.recipient),
                amount=int(digits(log.amount)),
                block_number=int(log.block_number),
                transaction_hash=hash_of(log.transaction_hash),
            )
            for log in answer.logs
        ],
        from_block=int(answer.from_block),
        covered_to_block=int(answer.covered_to_block),
        at_block=int(answer.at_block),
        at_block_hash=hash_of(answer.at_block_hash),
        at_block_mined_at=_EPOCH + timedelta(seconds=answer.at_block_mined_at_s),
        total_supply=int(digits(answer.total_supply)) if answer.total_supply else None,
        burned=int(digits(answer.burned)),
    )


def columns(answer: ListMintLogsResponse) -> ChainColumns:
    """Return one page of logs as columns.

    Raises:
        ValueError: it says what no page may say, or its columns are not of one length.
    """
    told = answer.columns
    if told is None:
        raise ValueError("columns were asked for, and there are none")
    many = len(told.numbers) // _NUMBER_BYTES
    return ChainColumns(
        numbers=octets(told.numbers, many * _NUMBER_BYTES),
        recipients=octets(told.recipients, many * _ADDRESS_BYTES),
        amounts=octets(told.amounts, many * _WORD_BYTES),
        block_numbers=octets(told.block_numbers, many * _NUMBER_BYTES),
        transaction_hashes=octets(told.transaction_hashes, many * HASH_BYTES),
        from_block=int(answer.from_block),
        covered_to_block=int(answer.covered_to_block),
        at_block=int(answer.at_block),
        at_block_hash=hash_of(answer.at_block_hash),
        at_block_mined_at=_EPOCH + timedelta(seconds=answer.at_block_mined_at_s),
        total_supply=int(digits(answer.total_supply)) if answer.total_supply else None,
        burned=int(digits(answer.burned)),
    )


def status(answer: GetStatusResponse) -> ChainStatus:
    """Return the adapter's state in our words.

    Raises:
        ValueError: it says what no state may say.
    """
    return ChainStatus(
        chain_id=int(answer.chain_id),
        head=int(answer.head),
        final=int(answer.final),
        halted_reason=answer.halted_reason,
        accepted_waiting=int(answer.accepted_waiting),
        held=int(answer.held),
        known_number=int(answer.known_number),
        minting_told_ms_ago=int(answer.minting_told_ms_ago) or None,
        limit=None if answer.allowance is None else TokenUnits(int(digits(answer.allowance.capacity))),
        lanes=[
            LaneNonces(
                address=octets(lane.address, _ADDRESS_BYTES),
                next_nonce=int(lane.next_nonce),
                mined_nonce=int(lane.mined_nonce),
                final_nonce=int(lane.final_nonce),
                gas_money_wei=int(digits(lane.gas_money_wei)),
                is_draining=bool(lane.is_draining),
            )
            for lane in answer.lanes
        ],
        endpoints=[
            EndpointHealth(name=one.name, is_healthy=bool(one.is_healthy), problem=one.problem)
            for one in answer.endpoints
        ],
        head_mined_at=_EPOCH + timedelta(seconds=answer.head_mined_at_s) if answer.head_mined_at_s else None,
        final_mined_at=_EPOCH + timedelta(seconds=answer.final_mined_at_s) if answer.final_mined_at_s else None,
        standing=None if answer.standing is None else _standing(answer.standing),
    )


def _standing(told: GetStatusResponseStanding) -> ContractStanding:
    """Return what the contracts say of themselves.

    Raises:
        ValueError: an operator is no address.
    """
    return ContractStanding(
        decimals=int(told.decimals),
        is_paused=bool(told.is_paused),
        is_minter=bool(told.is_minter),
        operators=[octets(operator, _ADDRESS_BYTES) for operator in told.operators],
    )


def live(entry: GetMintsResponseEntry) -> LiveMint:
    """Return one entry of the answer in our words.

    Raises:
        ValueError: it says what no entry may say.
    """
    state = MintState(entry.state)
    if state is MintState.UNSPECIFIED or not state.name:
        raise ValueError(f"{entry.state} is no state")
    return LiveMint(
        number=entry.number,
        state=state.name.lower(),
        transaction_hash=hash_of(entry.transaction_hash) if entry.transaction_hash else None,
        block_number=int(entry.block_number) or None,
        submitted_at=_instant(entry.submitted_at_ms),
        included_at=_instant(entry.included_at_ms),
        final_at=_instant(entry.final_at_ms),
    )


def address_of(data: bytes) -> str:
    """Return an address on the wire as people write it; see `_octets`."""
    return "0x" + octets(data, _ADDRESS_BYTES).hex()


def hash_of(data: bytes) -> str:
    """Return a hash on the wire as people write it; see `_octets`."""
    return "0x" + octets(data, HASH_BYTES).hex()


def octets(data: bytes, length: int) -> bytes:
    """Return bytes on the wire as they are.

    Raises:
        ValueError: they are more or fewer than `length`.
    """
    if len(data) != length:
        raise ValueError(f"{length} bytes were expected, not {len(data)}")
    return data


def digits(text: str) -> str:
    """Return a whole number on the wire as it stands.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise ValueError(f"{text!r:.100} is no whole number")
    return text


def _instant(milliseconds: int) -> datetime | None:
    """Return an instant on the wire as a time; 0 stands for not reached.

    Raises:
        OverflowError: no calendar reaches that far.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds) if milliseconds else None
