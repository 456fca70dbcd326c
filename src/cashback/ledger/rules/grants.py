"""What a refund will have to know of a decision, taken out of it while it is made."""

from typing import Final

import msgspec

from cashback.ledger.model.engine import Judgement

_encoder: Final = msgspec.json.Encoder(order="deterministic")


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
