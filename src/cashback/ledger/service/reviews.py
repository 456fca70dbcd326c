"""What people decide before the mint request: verdicts on what is in review, and pauses of programmes.

A verdict is written down, and the ledger's worker does what was said: whoever may speak here can move no money.
"""

from datetime import datetime, timedelta
from typing import Final

from cashback.kernel.clock import Clock
from cashback.kernel.db import Database, Tx
from cashback.kernel.money import INT63_MAX
from cashback.kernel.page import number_of
from cashback.ledger.model import CashbackUnknown, ProgrammeUnknown
from cashback.ledger.model.campaigns import CampaignUnknown
from cashback.ledger.model.life import (
    ExpiringStory,
    NewReview,
    NotInReview,
    Pause,
    PauseAnswer,
    PauseStory,
    ReviewAnswer,
    ReviewItem,
    ReviewStory,
    SecondPersonRequired,
    Verdict,
    WaitingStory,
)
from cashback.ledger.rules.life import is_same_person, name_digest
from cashback.ledger.service.programmes import within_programme
from cashback.ledger.store import adjustments, campaigns, readings, reviews, waiting

LIST_MAX: Final = 200


async def say(tx: Tx, review: NewReview, *, now: datetime) -> ReviewAnswer:
    """Write down a person's verdict and return what is still needed.

    Raises:
        CashbackUnknown: there is no such cashback.
        NotInReview: it waits for nobody, or enough was said.
        SecondPersonRequired: this person has approved, and another one must; they may not take it back either.
    """
    item = await reviews.waiting(tx, review.cashback_id)
    if item is None and await readings.by_id(tx, review.cashback_id) is None:
        raise CashbackUnknown("there is no such cashback", parameter="cashback_id")
    if item is None or _is_decided(item):
        raise NotInReview("this cashback does not wait for a person", parameter="cashback_id")
    giver = await adjustments.giver(tx, review.cashback_id) if review.verdict is Verdict.APPROVE else None
    if giver is not None and is_same_person(giver, review.person):
        raise SecondPersonRequired(f"{review.person} gave this: another person must approve it", pointer="/person")
    has_spoken = any(is_same_person(said.person, review.person) for said in item.reviews)
    # Of two at once under one name the database lets one in, by what is compared here.
    if has_spoken or not await reviews.insert(tx, review, digest=name_digest(review.person), at=now):
        raise SecondPersonRequired(f"{review.person} has had their say: another person must", pointer="/person")
    said = await reviews.waiting(tx, review.cashback_id)
    if said is None:
        raise NotInReview("this cashback does not wait for a person", parameter="cashback_id")
    return ReviewAnswer(
        cashback_id=review.cashback_id,
        verdict=review.verdict,
        approvals=_approvals(said),
        approvals_needed=said.approvals_needed,
        is_decided=_is_decided(said),
    )


async def set_pause(tx: Tx, programme_id: str, pause: Pause) -> PauseAnswer:
    """Pause or resume a programme in a person's name; what stood so before stays, with who had said so.

    Raises:
        ProgrammeUnknown: there is no such programme.
    """
    is_news = await waiting.pause(tx, programme_id, is_paused=pause.is_paused, at=pause.at)
    if is_news is None:
        raise ProgrammeUnknown("there is no such programme", parameter="programme_id")
    if is_news:
        await waiting.note_pause(tx, programme_id, pause)
    last = await waiting.last_pause(tx, programme_id) or pause
    return PauseAnswer(
        programme_id=programme_id,
        is_paused=pause.is_paused,
        is_news=is_news,
        person=last.person,
        reason=last.reason,
        at=last.at,
    )


class Queues:
    """What waits for people: verdicts to be said, users to be reminded of their wallet."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        """Read from `database`."""
        self._database = database
        self._clock = clock

    async def reviews(
        self, *, limit: int, place: str | None, programme_id: str | None = None
    ) -> tuple[list[ReviewStory], str | None]:
        """Return a page of what waits for verdicts, oldest first, and the place that the next one starts after.

        Of one programme, or of all of them.

        Raises:
            ProgrammeUnknown: there is no such programme.
            CursorInvalid: `place` is none of ours.
        """
        after, most = number_of(place, first=0), min(limit, LIST_MAX)
        of_all = self._database.transaction()
        async with of_all if programme_id is None else within_programme(self._database, programme_id) as tx:
            found = await reviews.page(tx, after_position=after, programme_id=programme_id, limit=most + 1)
        kept = found[:most]
        return [_story(item) for item in kept], str(kept[-1].position) if len(found) > most else None

    async def pauses(self, programme_id: str, *, limit: int, place: str | None) -> tuple[list[PauseStory], str | None]:
        """Return a page of a programme's pauses and their ends, the last first, and the place of the next one.

        Raises:
            ProgrammeUnknown: there is no such programme.
            CursorInvalid: `place` is none of ours.
        """
        below, most = number_of(place, first=INT63_MAX), min(limit, LIST_MAX)
        async with within_programme(self._database, programme_id) as tx:
            found = await waiting.pauses(tx, programme_id, numbers_below=below, limit=most + 1)
        return found[:most], found[most - 1].number if len(found) > most else None

    async def line(self, campaign_id: str, *, limit: int, place: str | None) -> tuple[list[WaitingStory], str | None]:
        """Return a page of who waits for a campaign's budget, in their order, and the place of the next one.

        Raises:
            CampaignUnknown: there is no such campaign.
            CursorInvalid: `place` is none of ours.
        """
        after, most = number_of(place, first=0), min(limit, LIST_MAX)
        async with self._database.transaction() as tx:
            if await campaigns.read(tx, campaign_id) is None:
                raise CampaignUnknown("there is no such campaign", parameter="campaign_id")
            found = await waiting.line_of(tx, campaign_id, after=after, limit=most + 1)
        kept = found[:most]
        return [story for _, story in kept], str(kept[-1][0]) if len(found) > most else None

    async def expiring(self, *, within: timedelta, limit: int) -> list[ExpiringStory]:
        """Return what expires `within` so long unless a wallet is linked, soonest first."""
        async with self._database.transaction() as tx:
            found = await waiting.expiring(tx, now=self._clock.now(), within=within, limit=min(limit, LIST_MAX))
        return [
            ExpiringStory(
                cashback_id=item.cashback_id,
                user_id=item.user_id,
                currency=item.currency,
                amount_minor=str(item.amount),
                token_units=str(item.token_units),
                expires_at=item.expires_at,
            )
            for item in found
        ]


def _approvals(item: ReviewItem) -> int:
    """Return how many people approved."""
    return sum(review.verdict is Verdict.APPROVE for review in item.reviews)


def _is_decided(item: ReviewItem) -> bool:
    """Tell whether as much was said as is needed: one rejection, or the approvals."""
    is_rejected = any(review.verdict is Verdict.REJECT for review in item.reviews)
    return is_rejected or _approvals(item) >= item.approvals_needed


def _story(item: ReviewItem) -> ReviewStory:
    """Return a cashback in review in the words that leave the house."""
    return ReviewStory(
        cashback_id=item.cashback_id,
        user_id=item.user_id,
        merchant_id=item.merchant_id,
        currency=item.currency,
        amount_minor=str(item.amount),
        token_units=str(item.token_units),
        waiting_since=item.waiting_since,
        approvals_needed=item.approvals_needed,
        reviews=list(item.reviews),
    )
