"""What the engine and the books must come to, told a second time in plain Python: nothing here calls what is tested.

Decisions, holds, verdicts, refunds, nettings and outcomes by the formulas of the design, in fractions, one cashback
after the other. A machine does each step to the real services and to this, and holds the two beside each other.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

DECIMALS = 6
REQUESTED = ("mint_requested", "minted", "stuck", "reversed")
UNPAID = ("declined", "waitlisted", "voided", "expired")


@dataclass
class Fund:
    """A campaign: what its budget holds, at most how much by the day, and what it does when it ends."""

    id: str
    left: int
    day_limit: int | None
    exhaustion: str
    closed_at: datetime | None = None

    def is_closed(self, at: datetime) -> bool:
        """Return whether it pays nothing for what occurs then."""
        return self.closed_at is not None and self.closed_at <= at


@dataclass
class Version:
    """A published ruleset: when it decides, and by campaign the basis points of each line."""

    id: str
    starts_at: datetime
    ends_at: datetime | None
    rates: dict[str, int]
    multipliers: dict[str, int] = field(default_factory=dict)


@dataclass
class Scheme:
    """A programme with everything that decides, and what was granted by each of its counters."""

    id: str
    currency: str
    exponent: int
    rate: Fraction
    hold: timedelta
    review_above: int
    second_above: int
    expires_after: timedelta
    writes_off_after: timedelta | None
    gives_up_at_once: bool
    limits: dict[str, int]
    funds: dict[str, Fund]
    versions: list[Version] = field(default_factory=list)
    is_paused: bool = False
    own: int = 0
    exchanges: dict[str, list[tuple[datetime, Fraction]]] = field(default_factory=dict)
    used: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def tokens(self, minor: int) -> int:
        """Return an amount in base units of the token, rounded down once."""
        return floor(Fraction(minor * 10**DECIMALS, int(10**self.exponent)) * self.rate)

    def version_at(self, at: datetime) -> Version | None:
        """Return the newest version whose window holds this instant."""
        for version in reversed(self.versions):
            if version.starts_at <= at and (version.ends_at is None or at < version.ends_at):
                return version
        return None

    def exchange(self, currency: str, exponent: int, at: datetime) -> Fraction | None:
        """Return what a minor unit of a currency was worth in those of this programme, None where nobody had said."""
        if currency == self.currency:
            return Fraction(1)
        for as_of, rate in reversed(self.exchanges.get(currency, [])):
            if as_of <= at:
                return rate * Fraction(10**self.exponent, 10**exponent)
        return None


@dataclass
class Line:
    """A line of a purchase: its eligible base, and what each campaign granted on it."""

    base: int
    grants: dict[str, int]

    @property
    def granted(self) -> int:
        """Return what all campaigns granted."""
        return sum(self.grants.values())


@dataclass
class Expected:
    """A cashback as it must stand; what a person gave has no purchase, and one line that is worth what it grants."""

    scheme: Scheme
    user: str
    merchant: str
    occurred_at: datetime
    costs: list[int]
    currency: str = ""
    exponent: int = 0
    tier: str | None = None
    state: str = "declined"
    amount: int = 0
    lines: list[Line] = field(default_factory=list)
    payable: int = 0
    units: int = 0
    net: int = 0
    netted: int = 0
    debt: int = 0
    forgiven: int = 0
    requested: int | None = None
    number: int | None = None
    was_requested: bool = False
    hold_until: datetime | None = None
    approved_at: datetime | None = None
    reversals: int = 0
    is_retired: bool = False
    approved_by: set[str] = field(default_factory=set)
    is_rejected: bool = False
    returned: list[int] = field(default_factory=list)
    returned_by_amount: int = 0
    debited: int = 0
    giver: str | None = None
    waits_for: str | None = None
    wants: int = 0
    waits_until: datetime | None = None
    has_returns: bool = False

    @property
    def left(self) -> int:
        """Return what of the purchase was not returned yet."""
        return sum(self.costs) - sum(self.returned) - self.returned_by_amount

    def nets(self) -> list[int]:
        """Return what refunds leave of each line: floor(G (E - R) / E), R = L + a (E - L) / S."""
        rest = [max(line.base - back, 0) for line, back in zip(self.lines, self.returned, strict=True)]
        whole = sum(rest)
        taken = min(self.returned_by_amount, whole)
        found = []
        for line, remains in zip(self.lines, rest, strict=True):
            if line.base == 0 or whole == 0:
                found.append(0)
                continue
            refunded = Fraction(line.base - remains) + Fraction(taken * remains, whole)
            found.append(floor(line.granted * (line.base - refunded) / line.base))
        return found

    def rest(self) -> int:
        """Return what refunds and then debits leave."""
        return max(sum(self.nets()) - self.debited, 0)

    def grants(self) -> dict[str, int]:
        """Return what each campaign granted."""
        found: dict[str, int] = {}
        for line in self.lines:
            for campaign, share in line.grants.items():
                found[campaign] = found.get(campaign, 0) + share
        return found

    def shares(self) -> dict[str, int]:
        """Return what of it each campaign still pays: on each line they give back from the last id to the first.

        Debits come after all lines, from the last id to the first as well.
        """
        found: dict[str, int] = {}
        for line, net in zip(self.lines, self.nets(), strict=True):
            gone = line.granted - net
            for campaign in sorted(line.grants, reverse=True):
                back = min(gone, line.grants[campaign])
                gone -= back
                found[campaign] = found.get(campaign, 0) + line.grants[campaign] - back
        debited = self.debited
        for campaign in sorted(found, reverse=True):
            back = min(debited, found[campaign])
            debited -= back
            found[campaign] -= back
        return found


@dataclass
class Owed:
    """A part of a debt that is open."""

    scheme: Scheme
    units: int
    since: datetime


@dataclass
class Debtor:
    """What one user was ever asked back, and what became of it; open parts, the oldest first."""

    raised: int = 0
    collected: int = 0
    given_up: int = 0
    open: list[Owed] = field(default_factory=list)

    @property
    def owes(self) -> int:
        """Return what is open."""
        return sum(part.units for part in self.open)

    def pay(self, units: int) -> None:
        """End so much of the oldest parts."""
        while units:
            part = min(units, self.open[0].units)
            self.open[0].units -= part
            units -= part
            if not self.open[0].units:
                self.open.pop(0)
