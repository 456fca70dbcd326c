"""What a refund has to know of a decision, as it is stored: canonical JSON, whole numbers as decimal strings.

What such a document says, `model.grants` tells.
"""

from typing import Final

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model import Decided, Granted
from cashback.ledger.model.grants import Grants, LineGrant

_encoder: Final = msgspec.json.Encoder(order="deterministic")


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line as it is stored."""

    base: str
    grants: list[tuple[str, str]]


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole as it is stored."""

    exponent: str
    lines: list[_Line]
    rate: tuple[str, str]


def encode_grants(grants: Grants) -> bytes:
    """Return the one document of these grants; equal grants have equal bytes."""
    return _encoder.encode(
        _Document(
            exponent=str(grants.exponent),
            lines=[
                _Line(
                    base=str(line.base),
                    grants=[(campaign_id, str(amount)) for campaign_id, amount in sorted(line.grants)],
                )
                for line in grants.lines
            ],
            rate=(str(grants.rate[0]), str(grants.rate[1])),
        )
    )


def decode_grants(document: bytes) -> Grants:
    """Return the grants that `encode_grants` wrote.

    Raises:
        msgspec.ValidationError: it was not written by us.
    """
    stored = msgspec.json.decode(document, type=_Document)
    return Grants(
        exponent=int(stored.exponent),
        lines=tuple(
            LineGrant(
                base=Minor(int(line.base)),
                grants=tuple((campaign_id, Minor(int(amount))) for campaign_id, amount in line.grants),
            )
            for line in stored.lines
        ),
        rate=(int(stored.rate[0]), int(stored.rate[1])),
    )


def single_line(decided: Decided, campaign_id: str) -> bytes | None:
    """Return the grants of a bare percentage: one line, one campaign that pays; None when nothing was granted."""
    granted, ruleset, conversion = decided.decision, decided.ruleset, decided.conversion
    if not isinstance(granted, Granted) or ruleset is None or conversion is None:
        return None
    line = LineGrant(base=decided.facts.amount, grants=((campaign_id, granted.amount),))
    rate = (conversion.rate.numerator, conversion.rate.denominator)
    return encode_grants(Grants(exponent=ruleset.currency.exponent, lines=(line,), rate=rate))
