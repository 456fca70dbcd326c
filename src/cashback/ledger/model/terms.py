"""What a batch of purchases is decided under: programmes in force, their rulesets and campaigns, the users' past."""

from collections.abc import Mapping, Sequence
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


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """A programme that takes a currency in `[starts_at, ends_at)`; without an end it is the one in force."""

    starts_at: datetime | None
    ends_at: datetime | None
    terms: Terms


class Takers(msgspec.Struct, frozen=True):
    """Which programme takes a purchase: by its currency and when it occurred, not when it is told of."""

    by_currency: Mapping[str, Sequence[Taking]]

    def at(self, currency: str, instant: datetime) -> Terms | None:
        """Return the programme whose window holds an instant; windows of one currency never overlap."""
        for taking in self.by_currency.get(currency, ()):
            has_begun = taking.starts_at is None or taking.starts_at <= instant
            if has_begun and (taking.ends_at is None or instant < taking.ends_at):
                return taking.terms
        return None

    @property
    def programmes(self) -> list[Terms]:
        """Return all of them, each once."""
        found = (taking.terms for takings in self.by_currency.values() for taking in takings)
        return list({terms.programme_id: terms for terms in found}.values())


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a user before a batch: did they buy, how often in the last hour, where, what was returned.

    `refund_ratio_bps` is of what was granted to them in 90 days, as refunds have left it.
    """

    has_bought: bool = False
    in_hour: int = 0
    merchants: frozenset[str] = frozenset()
    users_per_wallet: int = 1
    refund_ratio_bps: int = 0
