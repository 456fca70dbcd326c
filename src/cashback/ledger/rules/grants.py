"""The grants of a decision by line and campaign: written canonically, read back, and spread over a purchase's lines."""

from collections.abc import Sequence
from typing import Final

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model import Grants, LineGrant

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it is written."""

    base: str
    grants: list[tuple[str, str]]


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """Grants as they are written."""

    exponent: str
    lines: list[_Line]
    rate: tuple[str, str]


_decoder: Final = msgspec.json.Decoder(_Document)


def encode_grants(grants: Grants) -> bytes:
    """Return the one document of some grants, as `model.grants` shows it; equal grants have equal bytes."""
    lines = [
        _Line(base=str(line.base), grants=[(campaign, str(amount)) for campaign, amount in line.grants])
        for line in grants.lines
    ]
    rate = (str(grants.rate[0]), str(grants.rate[1]))
    return _encoder.encode(_Document(exponent=str(grants.exponent), lines=lines, rate=rate))


def decode_grants(document: bytes) -> Grants:
    """Return the grants that `encode_grants` wrote.

    Raises:
        msgspec.ValidationError: it was not written by us.
    """
    read = _decoder.decode(document)
    return Grants(
        exponent=int(read.exponent),
        lines=tuple(
            LineGrant(
                base=Minor(int(line.base)),
                grants=tuple((campaign, Minor(int(amount))) for campaign, amount in line.grants),
            )
            for line in read.lines
        ),
        rate=(int(read.rate[0]), int(read.rate[1])),
    )


def spread(granted: Minor, *, over: Sequence[Minor], campaign_id: str) -> tuple[LineGrant, ...]:
    """Return what one campaign granted on a whole purchase as grants of its lines, which cost `over`, in their order.

    By amount, each rounded down; what that leaves over is the first line's. Lines that cost nothing earn nothing,
    unless that is all of them.

    >>> [line.granted for line in spread(Minor(10), over=[Minor(1), Minor(1), Minor(1)], campaign_id="cmp_1")]
    [4, 3, 3]
    """
    total = sum(over)
    shares = [granted * amount // total if total else 0 for amount in over]
    # The lowest line that cost something: a grant on a base of nothing would be lost with the first refund.
    lowest = next((place for place, amount in enumerate(over) if amount), 0)
    shares[lowest] += granted - sum(shares)
    return tuple(
        LineGrant(base=amount, grants=((campaign_id, Minor(share)),) if share else ())
        for amount, share in zip(over, shares, strict=True)
    )
