"""Publishing rulesets as versions in their windows, and withdrawing those that have not started."""

import hashlib
from datetime import datetime
from typing import Final

from cashback.kernel.db import Tx
from cashback.kernel.ids import new_id
from cashback.kernel.money import TokenUnits, to_token
from cashback.ledger.model import LargestGrant, Programme
from cashback.ledger.model.drafts import (
    Draft,
    DraftUnknown,
    Publication,
    RulesetStarted,
    RulesetUnknown,
    Version,
    VersionAnswer,
    WithdrawalAnswer,
)
from cashback.ledger.model.programmes import ProgrammeUnknown
from cashback.ledger.model.rulesets import Rules
from cashback.ledger.rules.engine import rules_of
from cashback.ledger.rules.largest import check_largest, largest_grant
from cashback.ledger.rules.linting import check_ruleset
from cashback.ledger.rules.programme import facts_of
from cashback.ledger.rules.windows import continued, place
from cashback.ledger.service.drafting import lock_open, mark_published
from cashback.ledger.store import ceilings, drafts, programmes
from cashback.ledger.store import rulesets as store

OPERATOR: Final = "operator"


async def publish_draft(
    tx: Tx, publication: Publication, *, now: datetime, mint_limit: TokenUnits | None = None
) -> VersionAnswer:
    """Return the version that a draft became, and close the open end of the one before it.

    `mint_limit` is the most that the minter mints at once; None, when nobody tells, lets every ruleset pass.

    Raises:
        DraftUnknown, DraftClosed, DraftOutdated: there is no such draft to publish; roll `tx` back.
        RulesetInvalid: it contradicts itself, or names a campaign that the programme does not have.
        GrantAboveLimit: one purchase could earn more by it than is minted at once.
        WindowInPast, WindowEmpty, WindowOverlaps: it cannot have that window.
    """
    known = await drafts.read(tx, publication.draft_id)
    if known is None:
        raise DraftUnknown("there is no such draft", parameter="draft_id")
    # The programme first, as everybody: two who publish never wait for each other in a circle.
    await store.lock_programme(tx, known.programme_id)
    draft = await lock_open(tx, publication.draft_id, revision=publication.revision)
    await _check(tx, draft, mint_limit)
    versions = await store.current_and_later(tx, draft.programme_id, now=now)
    placed = place(versions, starts_at=publication.starts_at, ends_at=publication.ends_at, now=now)
    if placed.closes is not None:
        await store.close(tx, placed.closes, ends_at=placed.starts_at)
    version = Version(
        id=new_id("rul"),
        programme_id=draft.programme_id,
        version=0,
        document=draft.document,
        digest=hashlib.sha256(draft.document).digest(),
        starts_at=placed.starts_at,
        ends_at=placed.ends_at,
        published_at=now,
        published_by=OPERATOR,
        closes=placed.closes,
        withdrawn_at=None,
    )
    number = await store.insert(tx, version)
    await mark_published(tx, draft, ruleset_id=version.id, now=now)
    return version_answer(version, number=number)


async def withdraw_ruleset(tx: Tx, ruleset_id: str, *, reason: str, now: datetime) -> WithdrawalAnswer:
    """Return the version, withdrawn; where it had closed another one, that one's rules go on as the next version.

    Raises:
        RulesetUnknown: there is none; roll `tx` back.
        RulesetStarted: it has started, or was withdrawn before.
    """
    known = await store.read(tx, ruleset_id)
    if known is None:
        raise RulesetUnknown("there is no such version", parameter="ruleset_id")
    await store.lock_programme(tx, known.programme_id)
    withdrawn = await store.read(tx, ruleset_id)
    if withdrawn is None or withdrawn.withdrawn_at is not None or withdrawn.starts_at <= now:
        raise RulesetStarted("only a version that has not started can be withdrawn", parameter="ruleset_id")
    versions = await store.current_and_later(tx, withdrawn.programme_id, now=now)
    await store.withdraw(tx, ruleset_id, reason=reason, by=OPERATOR, at=now)
    before = continued(versions, withdrawn)
    successor = None if before is None else await _continue(tx, before, withdrawn, now)
    answer = version_answer(withdrawn, withdrawn_at=now)
    return WithdrawalAnswer(withdrawn=answer, continued_by=successor)


def version_answer(
    version: Version, *, number: int | None = None, withdrawn_at: datetime | None = None
) -> VersionAnswer:
    """Return a version in the words that leave the house, without its document."""
    return VersionAnswer(
        id=version.id,
        programme_id=version.programme_id,
        version=version.version if number is None else number,
        digest=version.digest.hex(),
        starts_at=version.starts_at,
        ends_at=version.ends_at,
        published_at=version.published_at,
        published_by=version.published_by,
        withdrawn_at=withdrawn_at or version.withdrawn_at,
    )


async def _continue(tx: Tx, before: Version, withdrawn: Version, now: datetime) -> VersionAnswer:
    """Publish the rules of `before` once more, in the window of a version that was withdrawn."""
    version = Version(
        id=new_id("rul"),
        programme_id=before.programme_id,
        version=0,
        document=before.document,
        digest=before.digest,
        starts_at=withdrawn.starts_at,
        ends_at=withdrawn.ends_at,
        published_at=now,
        published_by=OPERATOR,
        closes=before.id,
        withdrawn_at=None,
    )
    return version_answer(version, number=await store.insert(tx, version))


async def _check(tx: Tx, draft: Draft, mint_limit: TokenUnits | None) -> None:
    """Return when nothing keeps a draft from being published.

    Raises:
        RulesetInvalid: with the first thing that does, and all.
        GrantAboveLimit: one purchase could earn more by it than `mint_limit`.
    """
    programme = await programmes.read(tx, programme_id=draft.programme_id)
    if programme is None:
        raise ProgrammeUnknown("there is no such programme", parameter="programme_id")
    campaigns = await store.campaigns(tx, draft.programme_id)
    rules = rules_of(draft.document)
    check_ruleset(rules, facts_of(programme), campaigns)
    if mint_limit is not None:
        check_largest(await largest_of(tx, programme, rules), mint_limit)


async def largest_of(tx: Tx, programme: Programme, rules: Rules) -> LargestGrant:
    """Return the largest grant by the rules of a draft, out of what the programme's campaigns hold."""
    payable = await ceilings.payable(tx, [programme.id])
    most = largest_grant(rules, payable.get(programme.id, {}))
    units = to_token(most, exponent=programme.currency.exponent, rate=programme.conversion.rate)
    return LargestGrant(programme=programme.name, version=None, units=units)
