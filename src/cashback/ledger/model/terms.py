"""What a batch of purchases is decided under: programmes in force, their rulesets and campaigns, the users' past."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from cashback.kernel.money import Currency, Minor
from cashback.ledger.model.codes import Exhaustion
from cashback.ledger.model.decisions import Conversion


class RulesetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset that decides what occurred in `[starts_at, ends_at)`, where no later version does."""

    id: str
    version: int
    starts_at: datetime
    ends_at: datetime | None

    def is_in_force(self, at: datetime) -> bool:
        """Return whether its window holds this instant."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class CampaignTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign: when it pays until it is closed, at most how much by the day, from how many stripes of its budget."""

    id: str
    starts_at: datetime
    ends_at: datetime | None
    day_limit: Minor | None
    exhaustion: Exhaustion
    stripes: int
    closed_at: datetime | None = None

    def is_open(self, at: datetime) -> bool:
        """Return whether it pays for what occurred at this instant."""
        ends = [end for end in (self.ends_at, self.closed_at) if end is not None]
        return self.starts_at <= at and all(at < end for end in ends)

    def is_over(self, now: datetime) -> bool:
        """Return whether it has ended or was closed by now, its programme's end included."""
        return any(end <= now for end in (self.ends_at, self.closed_at) if end is not None)


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """A programme in force; `versions` are its rulesets, the newest first, `campaigns` all of them by id."""

    programme_id: str
    funding: Currency
    conversion: Conversion
    time_zone: str
    hold: timedelta
    review_above: Minor | None
    is_paused: bool
    versions: tuple[RulesetVersion, ...]
    campaigns: Mapping[str, CampaignTerms]

    def version_at(self, at: datetime) -> RulesetVersion | None:
        """Return the newest ruleset whose window holds this instant."""
        return next((version for version in self.versions if version.is_in_force(at)), None)


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user before a batch: purchases in all and in the last hour, where, and how many were returned.

    `refund_ratio_bps` is of what was granted to them in 90 days, as refunds have left it.
    """

    purchases: int = 0
    in_hour: int = 0
    merchants: frozenset[str] = frozenset()
    users_per_wallet: int = 1
    refund_ratio_bps: int = 0
