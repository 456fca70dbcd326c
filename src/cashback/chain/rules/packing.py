"""Packing waiting mints into as few calls as possible.

    numbers 5 6 7 9 10        ──▶  mintBatch(5, [5, 6, 7, 0, 9, 10])          a zero word is a gap
    numbers 3 900 41_000      ──▶  mintScattered([3, 900, 41_000], [...])

A word is the recipient in the high 160 bits and the amount in the low 96. Calldata is put together by hand: an ABI
library needs fifty times as long for the same bytes.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.chain.model import BATCH_MINTS_MAX, Call, Waiting

SELECTOR_MINT_BATCH: Final = bytes.fromhex("3ce10d88")
"""Of `mintBatch(uint64,bytes32[])`."""
SELECTOR_MINT_SCATTERED: Final = bytes.fromhex("44201be1")
"""Of `mintScattered(uint64[],bytes32[])`."""

# What a call can use at most, measured against the contracts and kept true by a test on a real chain: every recipient
# is taken for new, every word of the bitmap for untouched.
_GAS_TRANSACTION: Final = 21_000
_GAS_CALL: Final = 75_000
_GAS_MINT: Final = 27_400
_GAS_BITMAP_WORD: Final = 22_400
_GAS_GAP: Final = 220
_GAS_BYTE: Final = 16
_GAS_ZERO_BYTE: Final = 4

_WORD_BYTES: Final = 32
_AMOUNT_BYTES: Final = 12
_GAP: Final = bytes(_WORD_BYTES)
_WORST_MINT: Final = _GAS_MINT + _GAS_BITMAP_WORD + 2 * _WORD_BYTES * _GAS_BYTE


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be packed: calls, mints and gas per call, and base units in all calls together."""

    calls: int
    mints: int
    gas: int
    amount: int


def pack(waiting: Sequence[Waiting], limits: Limits) -> list[Call]:
    """Return the calls that carry `waiting`, which is sorted by number, as far as the limits reach.

    A mint larger than what the limits leave is passed over, so that it never holds up those behind it.
    """
    per_call = min(limits.mints, BATCH_MINTS_MAX, (limits.gas - _GAS_TRANSACTION - _GAS_CALL) // _WORST_MINT)
    fitting = _affordable(waiting, limits.amount)[: limits.calls * max(per_call, 0)]
    return [carrying(fitting[start : start + per_call]) for start in range(0, len(fitting), max(per_call, 1))]


def word(recipient: bytes, amount: int) -> bytes:
    """Return one packed mint: 20 bytes of recipient, 12 bytes of amount."""
    return recipient + amount.to_bytes(_AMOUNT_BYTES)


def numbers_in(calldata: bytes) -> tuple[int, ...]:
    """Return the numbers that a call carries, as `carrying` put them there, in their order.

    >>> numbers_in(carrying([Waiting(7, bytes(19) + b"x", 1), Waiting(9, bytes(19) + b"x", 1)]).calldata)
    (7, 9)
    """
    body = calldata[len(SELECTOR_MINT_BATCH) :]
    words = [body[start : start + _WORD_BYTES] for start in range(0, len(body), _WORD_BYTES)]
    if calldata.startswith(SELECTOR_MINT_BATCH):
        first = int.from_bytes(words[0])
        return tuple(first + place for place, one in enumerate(words[3:]) if one != _GAP)
    many = int.from_bytes(words[2])
    return tuple(int.from_bytes(one) for one in words[3 : 3 + many])


def gas_bound(calldata: bytes, numbers: Sequence[int], *, gaps: int) -> int:
    """Return the most gas that the call can use: not an estimate, so nothing is asked of a node."""
    zeros = calldata.count(0)
    bitmap_words = len({number >> 8 for number in numbers})
    return (
        _GAS_TRANSACTION
        + _GAS_CALL
        + _GAS_BYTE * (len(calldata) - zeros)
        + _GAS_ZERO_BYTE * zeros
        + _GAS_MINT * len(numbers)
        + _GAS_BITMAP_WORD * bitmap_words
        + _GAS_GAP * gaps
    )


def _affordable(waiting: Sequence[Waiting], amount: int) -> list[Waiting]:
    """Return those that fit into `amount` base units one after the other."""
    left = amount
    fitting = []
    for mint in waiting:
        if mint.amount <= left:
            left -= mint.amount
            fitting.append(mint)
    return fitting


def carrying(mints: Sequence[Waiting]) -> Call:
    """Return the call that carries `mints`, which are sorted by number and no more than fit, in its cheaper form.

    That is a window while its gaps are no more than its mints, else the numbers one by one.
    """
    numbers = tuple(mint.number for mint in mints)
    span = numbers[-1] - numbers[0] + 1
    is_window = span <= BATCH_MINTS_MAX and span <= 2 * len(mints)
    calldata = _window(mints, span) if is_window else _scattered(mints)
    gaps = span - len(mints) if is_window else 0
    return Call(
        calldata=calldata,
        numbers=numbers,
        amount=sum(mint.amount for mint in mints),
        gas=gas_bound(calldata, numbers, gaps=gaps),
    )


def _window(mints: Sequence[Waiting], span: int) -> bytes:
    """Return the calldata of `mintBatch` over `span` consecutive numbers."""
    first = mints[0].number
    words = [_GAP] * span
    for mint in mints:
        words[mint.number - first] = word(mint.recipient, mint.amount)
    head = _uint(first) + _uint(2 * _WORD_BYTES)
    return SELECTOR_MINT_BATCH + head + _uint(span) + b"".join(words)


def _scattered(mints: Sequence[Waiting]) -> bytes:
    """Return the calldata of `mintScattered`."""
    numbers = _uint(len(mints)) + b"".join([_uint(mint.number) for mint in mints])
    words = _uint(len(mints)) + b"".join([word(mint.recipient, mint.amount) for mint in mints])
    head = _uint(2 * _WORD_BYTES) + _uint(2 * _WORD_BYTES + len(numbers))
    return SELECTOR_MINT_SCATTERED + head + numbers + words


def _uint(value: int) -> bytes:
    """Return one ABI word."""
    return value.to_bytes(_WORD_BYTES)
