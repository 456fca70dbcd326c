"""The words of decision engine 3: what it sees of a purchase, what it says, and every step in between.

    PurchaseFacts, ProgrammeFacts, Exchange, a published ruleset ── earn ──▶ Earned        before any limit
    Earned, Left (what each limit has left), Conversion ─────────── settle ─▶ Verdict      after every limit
    all of them together ────────────────────────────────────────────────────▶ Judgement   what is stored and replayed

Bases are in minor units of the purchase's currency, grants in those of the programme's funding currency. Small
structs are arrays in JSON: a decision is stored for as long as the books are kept.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, TypeAlias

import msgspec

from cashback.kernel.money import BPS_IN_WHOLE, Bps, Currency, Minor, TokenUnits
from cashback.ledger.model.codes import Exhaustion, Limit, Outcome, Skip, Waited
from cashback.ledger.model.decisions import Conversion, Reason
from cashback.ledger.model.rulesets import Action, Rules


class Term(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of what a decision sees and says: defaults are left out when it is written."""


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One line of a purchase, in minor units of its currency; refunds of the line name it by its place."""

    amount: Minor
    sku: str | None = None
    category: str | None = None


class Velocity(Term, frozen=True, kw_only=True):
    """How a user behaved up to this purchase, itself included; the ratio is of what they bought in 90 days."""

    purchases_per_hour: int = 1
    users_per_wallet: int = 1
    refund_ratio_bps: int = 0
    is_self_dealing: bool = False


class PurchaseFacts(Term, frozen=True, kw_only=True):
    """What a decision knows of a purchase: nothing that identifies a person.

    `amount` is the sum of `lines`; without lines the purchase is one line that has neither SKU nor category.
    """

    merchant_id: str
    currency: str
    amount: Minor
    occurred_at: datetime
    received_at: datetime
    mcc: str | None = None
    lines: tuple[Line, ...] = ()
    user_tier: str | None = None
    is_first_purchase: bool = False
    is_first_at_merchant: bool = False
    is_user_blocked: bool = False
    is_merchant_active: bool = True
    velocity: Velocity = Velocity()


class ProgrammeFacts(Term, frozen=True, kw_only=True):
    """What a decision knows of its programme; `closed` are those campaigns of the ruleset that pay nothing by then.

    `waited` says why waiting for one of them has ended, where a purchase is decided a second time without it.
    """

    id: str
    funding: Currency
    time_zone: str = "UTC"
    is_paused: bool = False
    closed: tuple[str, ...] = ()
    waited: Waited | None = None


class Exchange(Term, frozen=True, kw_only=True):
    """Whole units of `quote` for one whole unit of `base`, exactly; where that is from and of when."""

    base: Currency
    quote: Currency
    numerator: int
    denominator: int
    source: str
    as_of: datetime


class Published(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One version of a ruleset; `digest` is the SHA-256 of its canonical bytes, by which it is known."""

    id: str
    version: int
    digest: str
    rules: Rules

    @property
    def identity(self) -> "RulesetIdentity":
        """Return what a decision stores of it."""
        return RulesetIdentity(id=self.id, version=self.version, digest=self.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Published) and self.identity == other.identity


class RulesetIdentity(Term, frozen=True, kw_only=True):
    """Which ruleset decided, to the byte."""

    id: str
    version: int
    digest: str


class CampaignLeft(msgspec.Struct, frozen=True, array_like=True):
    """What a campaign had left, in total and for the day, which may have no limit; and what it does when that ends."""

    campaign: str
    total: Minor
    exhaustion: Exhaustion = Exhaustion.PARTIAL_FILL
    day: Minor | None = None


class Left(Term, frozen=True, kw_only=True):
    """What every limit had left before a decision, None where none is set; campaigns by id, those concerned alone."""

    user_day: Minor | None = None
    user_month: Minor | None = None
    user_lifetime: Minor | None = None
    merchant_day: Minor | None = None
    campaigns: tuple[CampaignLeft, ...] = ()


class Counted(msgspec.Struct, frozen=True, array_like=True):
    """A rule that counted: what it earned, and what was left of that by its own `at_most`; before any tier."""

    rule: str
    desired: Minor
    granted: Minor


class Flag(msgspec.Struct, frozen=True, array_like=True):
    """Something that looked like abuse: which figure, and what the ruleset does then."""

    kind: str
    figure: int
    action: Action


class Clamped(msgspec.Struct, frozen=True, array_like=True):
    """A limit that a grant passed: what was desired of it and what it let through; the campaign where it has one."""

    limit: Limit
    desired: Minor
    granted: Minor
    campaign: str | None = None


class GrantedLine(msgspec.Struct, frozen=True, array_like=True):
    """What one line was granted and on which base, which is 0 where no rule counted; a share for each campaign.

    That is what a refund needs: net = floor(grant (base - refunded) / base). Campaigns are those of the verdict.
    """

    base: Minor
    grant: Minor
    shares: tuple[Minor, ...] = ()


class Trace(Term, frozen=True, kw_only=True):
    """How a decision came about: every rule counted or skipped with its reason, every flag and every limit."""

    counted: tuple[Counted, ...] = ()
    skipped: Mapping[Skip, tuple[str, ...]] = {}
    multiplier_bps: Bps = Bps(BPS_IN_WHOLE)
    flags: tuple[Flag, ...] = ()
    clamps: tuple[Clamped, ...] = ()


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase earns before any limit, with all that this was calculated from.

    `reason` is set where nothing can be granted whatever the limits; `grants` holds, for each campaign in the order of
    their ids, what it pays for each line. `day` and `month` are the purchase's in the programme's time zone.
    """

    facts: PurchaseFacts
    programme: ProgrammeFacts | None
    ruleset: Published | None
    exchange: Exchange | None
    offsets: Mapping[str, int]
    day: str
    bases: tuple[Minor, ...] = ()
    grants: Mapping[str, tuple[Minor, ...]] = {}
    trace: Trace = Trace()
    reason: Reason | None = None
    review: Reason | None = None

    @property
    def month(self) -> str:
        """Return the month that the purchase belongs to, as `2026-11`."""
        return self.day[:7]


class Verdict(Term, frozen=True, kw_only=True):
    """What was decided: `amount` of the `desired` money, which is `token_units`, line by line, and how that came about.

    Where nothing is granted, amount and tokens are 0 and there are neither campaigns nor lines; what is in review holds
    what it would be. Campaigns are in the order of their ids.
    """

    outcome: Outcome
    reason: Reason
    desired: Minor = Minor(0)
    amount: Minor = Minor(0)
    token_units: TokenUnits = TokenUnits(0)
    campaigns: tuple[str, ...] = ()
    lines: tuple[GrantedLine, ...] = ()
    trace: Trace = Trace()

    def paid_by(self) -> dict[str, Minor]:
        """Return what each campaign pays in all, those that pay nothing included."""
        columns = zip(*(line.shares for line in self.lines), strict=True)
        return {campaign: Minor(sum(column)) for campaign, column in zip(self.campaigns, columns, strict=True)}


class Judgement(Term, frozen=True, kw_only=True):
    """A verdict with everything that it saw; `offsets` are the seconds that each zone was ahead of UTC."""

    engine: int
    facts: PurchaseFacts
    verdict: Verdict
    programme: ProgrammeFacts | None = None
    ruleset: RulesetIdentity | None = None
    exchange: Exchange | None = None
    conversion: Conversion | None = None
    offsets: Mapping[str, int] = {}
    left: Left = Left()


class CounterKey(NamedTuple):
    """One running counter: which limit, whose, and of which day or month; its programme, or its campaign, owns it."""

    limit: Limit
    owner: str
    subject: str
    period: str


Running: TypeAlias = dict[CounterKey, Minor]
"""What was granted by each counter so far; one that is not in it began at nothing."""


class Paying(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign can pay: all that its budget holds, at most so much by the day, and what it does at the end."""

    budget: Minor
    day: Minor | None = None
    exhaustion: Exhaustion = Exhaustion.PARTIAL_FILL
