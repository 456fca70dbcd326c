"""What a refund has to know of a decision: the base and the grants of each line, and the rate that was frozen.

Stored with the cashback as canonical JSON (`cashback_ledger.grants`), whole numbers as decimal strings: each campaign
once, by ascending id, and for each line its base and a share for each campaign by place:

    {"campaigns":["cmp_1"],"exponent":"2","lines":[["1999",["29"]]],"rate":["1","1"]}

What was stored before, each line with its campaigns' names, is read for as long as the books are kept:

    {"exponent":"2","lines":[{"base":"1999","grants":[["cmp_1","29"]]}],"rate":["1","1"]}
"""

import msgspec

from cashback.kernel.money import Minor


class LineGrant(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a purchase: its eligible base in the purchase's minor units, and what each campaign granted on it.

    Grants are in minor units of the funding currency, by ascending campaign id; a campaign that granted nothing on the
    line is not among them.
    """

    base: Minor
    grants: tuple[tuple[str, Minor], ...]

    @property
    def granted(self) -> Minor:
        """Return what all campaigns granted on the line together."""
        return Minor(sum(amount for _, amount in self.grants))


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of a purchase in their order, the exponent of the funding currency, and tokens per unit of it."""

    exponent: int
    lines: tuple[LineGrant, ...]
    rate: tuple[int, int]
