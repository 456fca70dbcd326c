"""The grants of a decision by line and campaign: taken out of it, written canonically, and read back."""

from typing import Final

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model import Grants, LineGrant
from cashback.ledger.model.engine import Judgement

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class _Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line as it is written."""

    base: str
    grants: list[tuple[str, str]]


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Grants as they are written."""

    exponent: str
    lines: list[_Line]
    rate: tuple[str, str]


_decoder: Final = msgspec.json.Decoder(_Document)


def encode_grants(grants: Grants) -> bytes:
    """Return the one document of some grants, as `model.grants` shows it; equal grants have equal bytes."""
    lines = [
        _Line(base=str(line.base), grants=[(campaign, str(amount)) for campaign, amount in sorted(line.grants)])
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


def grants_of(judgement: Judgement) -> bytes | None:
    """Return the canonical JSON of `model.grants.Grants`, or None where nothing was granted."""
    verdict, programme, conversion = judgement.verdict, judgement.programme, judgement.conversion
    if not verdict.amount or programme is None or conversion is None:
        return None
    return _encoder.encode(
        {
            "exponent": str(programme.funding.exponent),
            "lines": [
                {
                    "base": str(line.base),
                    "grants": [
                        [campaign, str(share)]
                        for campaign, share in zip(verdict.campaigns, line.shares, strict=True)
                        if share
                    ],
                }
                for line in verdict.lines
            ],
            "rate": [str(conversion.rate.numerator), str(conversion.rate.denominator)],
        }
    )
