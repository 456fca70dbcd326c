"""The grants of a decision by line and campaign: taken out of it, written canonically, and read back."""

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from cashback.kernel.money import Minor
from cashback.ledger.model import Grants, LineGrant
from cashback.ledger.model.engine import Judgement

_encoder: Final = msgspec.json.Encoder(order="deterministic")

Written: TypeAlias = tuple[str, tuple[str, ...]]
"""A line as it is written: its base, and a share for each campaign by place."""


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Grants as they are written."""

    campaigns: tuple[str, ...]
    exponent: str
    lines: tuple[Written, ...]
    rate: tuple[str, str]


class _OldLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line as it was written before: its campaigns by name."""

    base: str
    grants: tuple[tuple[str, str], ...]


class _OldDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Grants as they were written before."""

    exponent: str
    lines: tuple[_OldLine, ...]
    rate: tuple[str, str]


_decoder: Final = msgspec.json.Decoder(_Document)
_old_decoder: Final = msgspec.json.Decoder(_OldDocument)
_OLD_BEGINS: Final = b'{"exponent":'
"""Members are written in the order of their names: what begins with its exponent names no campaigns first."""


def encode_grants(grants: Grants) -> bytes:
    """Return the one document of some grants, as `model.grants` shows it; equal grants have equal bytes."""
    campaigns = sorted({campaign for line in grants.lines for campaign, amount in line.grants if amount})
    lines = []
    for line in grants.lines:
        paid = dict(line.grants)
        lines.append((line.base, [paid.get(campaign, 0) for campaign in campaigns]))
    return _written(campaigns, lines, exponent=grants.exponent, rate=grants.rate)


def decode_grants(document: bytes) -> Grants:
    """Return the grants that `encode_grants` wrote, now or in the form it had before.

    Raises:
        msgspec.ValidationError: it was not written by us.
    """
    if document.startswith(_OLD_BEGINS):
        return _of_old(_old_decoder.decode(document))
    read = _decoder.decode(document)
    if any(len(shares) != len(read.campaigns) for _, shares in read.lines):
        raise msgspec.ValidationError("a line of grants has a share for each campaign")
    return Grants(
        exponent=int(read.exponent),
        lines=tuple(
            LineGrant(
                base=Minor(int(base)),
                grants=tuple(
                    (campaign, Minor(int(share)))
                    for campaign, share in zip(read.campaigns, shares, strict=True)
                    if share != "0"
                ),
            )
            for base, shares in read.lines
        ),
        rate=(int(read.rate[0]), int(read.rate[1])),
    )


def grants_of(judgement: Judgement) -> bytes | None:
    """Return the document of what a judgement granted, as `encode_grants` writes it; None where nothing was."""
    verdict, programme, conversion = judgement.verdict, judgement.programme, judgement.conversion
    if not verdict.amount or programme is None or conversion is None:
        return None
    campaigns: Sequence[str] = verdict.campaigns
    lines: list[tuple[int, Sequence[int]]] = [(line.base, line.shares) for line in verdict.lines]
    # Where something is granted, the only campaign has paid it: the usual purchase is looked at no further.
    if len(campaigns) > 1:
        paying = [place for place, paid in enumerate(verdict.paid_by().values()) if paid]
        campaigns = [campaigns[place] for place in paying]
        lines = [(base, [shares[place] for place in paying]) for base, shares in lines]
    rate = (conversion.rate.numerator, conversion.rate.denominator)
    return _written(campaigns, lines, exponent=programme.funding.exponent, rate=rate)


def _written(
    campaigns: Sequence[str], lines: Sequence[tuple[int, Sequence[int]]], *, exponent: int, rate: tuple[int, int]
) -> bytes:
    """Return the document of lines' bases and shares, each campaign of which paid something; by ascending id."""
    return _encoder.encode(
        {
            "campaigns": campaigns,
            "exponent": str(exponent),
            "lines": [(str(base), list(map(str, shares))) for base, shares in lines],
            "rate": (str(rate[0]), str(rate[1])),
        }
    )


def _of_old(read: _OldDocument) -> Grants:
    """Return the grants of a document whose lines name their campaigns."""
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
