"""What others may read of campaigns: the terms, what became of the budget, and when it ends if that goes on."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database
from cashback.ledger.model.campaigns import BudgetStory, Campaign, CampaignAnswer, CampaignUnknown, Day, DayAnswer
from cashback.ledger.rules.forecast import DAYS_SEEN_MAX, forecast
from cashback.ledger.service.campaigns import campaign_answer
from cashback.ledger.service.programmes import within_programme
from cashback.ledger.store import campaigns as store

LIST_MAX: Final = 200
DAYS_MAX: Final = 366


class CampaignReadings:
    """The reading desk for campaigns: any role that may select may ask."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Read from `database`; `clock` says which day is today."""
        self._database = database
        self._clock = clock

    async def campaign(self, campaign_id: str) -> CampaignAnswer:
        """Return a campaign.

        Raises:
            CampaignUnknown: there is none.
        """
        async with self._database.transaction() as tx:
            return campaign_answer(_known(await store.read(tx, campaign_id)))

    async def campaigns(
        self, programme_id: str, *, after: str | None, limit: int, is_open: bool | None = None
    ) -> tuple[list[CampaignAnswer], str | None]:
        """Return a page of a programme's campaigns, the oldest first, and the place of the next one.

        Of open ones, of closed ones, or of all.

        Raises:
            ProgrammeUnknown: there is no such programme.
        """
        most = min(limit, LIST_MAX)
        async with within_programme(self._database, programme_id) as tx:
            found = await store.page(tx, programme_id, after=after or "", is_open=is_open, limit=most + 1)
        kept = found[:most]
        return [campaign_answer(one) for one in kept], kept[-1].id if len(found) > most else None

    async def budget(self, campaign_id: str, *, days: int) -> BudgetStory:
        """Return what became of a campaign's budget, with its last `days` days (at most `DAYS_MAX`), and a forecast.

        Every transfer of the campaign is read, which takes as long as there are many.

        Raises:
            CampaignUnknown: there is none.
            DatabaseUnavailable: there are too many transfers to read within the time of a statement.
        """
        now = self._clock.now()
        async with self._database.transaction() as tx:
            # One picture of books and cashbacks: what is granted meanwhile is in both or in neither.
            await store.as_of_one_instant(tx)
            campaign = _known(await store.read(tx, campaign_id))
            zone = ZoneInfo(campaign.time_zone)
            today = now.astimezone(zone).date()
            back = max(min(days, DAYS_MAX), DAYS_SEEN_MAX)
            since = datetime.combine(today - timedelta(days=back), time.min, tzinfo=zone)
            spending = await store.spending(tx, campaign_id)
            known = await store.days(tx, campaign_id, time_zone=campaign.time_zone, since=since)
        first = max(
            max(campaign.starts_at, campaign.created_at).astimezone(zone).date(), today - timedelta(days=DAYS_SEEN_MAX)
        )
        shown = [one for one in known if one.day > today - timedelta(days=min(days, DAYS_MAX))]
        return BudgetStory(
            campaign_id=campaign.id,
            currency=campaign.currency,
            funded_minor=str(campaign.budget),
            left_minor=str(campaign.budget_left),
            reserved_minor=str(spending.reserved),
            spent_minor=str(spending.spent),
            given_back_minor=str(spending.given_back),
            days=[
                DayAnswer(day=one.day, granted_minor=str(one.granted), given_back_minor=str(one.given_back))
                for one in shown
            ],
            forecast=forecast(campaign.budget_left, _whole_days(known, first=first, today=today), today=today),
        )


def _whole_days(known: Sequence[Day], *, first: date, today: date) -> list[int]:
    """Return what each day from `first` until yesterday spent, nothing included; today is not over yet."""
    spent = {one.day: one.granted - one.given_back for one in known}
    return [spent.get(first + timedelta(days=number), 0) for number in range((today - first).days)]


def _known(campaign: Campaign | None) -> Campaign:
    """Return a campaign that there is.

    Raises:
        CampaignUnknown: there is none.
    """
    if campaign is None:
        raise CampaignUnknown("there is no such campaign", parameter="campaign_id")
    return campaign
