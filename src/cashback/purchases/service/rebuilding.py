"""Answers that were forgotten, made anew of what their commands had made, as that stands now.

a known key without its answer ──▶ what was ordered ──▶ read what it made ──▶ the answer as it would be today
        └ what is in no table keeps its answer for ever: `KEPT` says why, each by its reason

What a command made is never taken away, so where it is not there something of ours is lost: that is `Broken`, for
whoever asks for it, and for nobody whose answer is made beside it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from cashback import ledger
from cashback.kernel.db import Database, Tx
from cashback.kernel.errors import Broken, CashbackError, Rejected
from cashback.purchases.model import CashbackAnswer, Merchant, Purchase, PurchaseAnswer
from cashback.purchases.model.api_keys import ApiKeyAnswer, NewApiKeyAnswer, told, told_new
from cashback.purchases.model.ownership import ChallengeAnswer, ChallengeUnknown, WalletChange, WalletChangeUnknown
from cashback.purchases.model.privacy import ErasureAnswer
from cashback.purchases.model.standing import ActivityAnswer, BlockAnswer
from cashback.purchases.rules import RECORDING, decode_lines, rebuilt_as
from cashback.purchases.rules import told as told_lines
from cashback.purchases.rules.ownership import told_challenge
from cashback.purchases.service.parked_answers import read_refund
from cashback.purchases.store import api_keys, challenges, people, purchases, standing, wallets

Anew: TypeAlias = msgspec.Struct | Rejected
"""An answer; or a refusal, where what was made goes away by itself, and whoever asks is to make another one."""

Rebuilder: TypeAlias = Callable[[Tx, Sequence[str], datetime], Awaitable[Mapping[str, Anew]]]
"""Returns the answer of each of these resources as of an instant; one that it does not know is left out."""

Told: TypeAlias = Callable[[Tx, str], Awaitable[Anew | None]]
"""Returns the answer of one resource, None where there is none such."""

KEPT: Final[Mapping[str, str]] = {
    "create_purchases": "a number: what was recorded has keys and answers of its own",
    "stream_purchases": "it says nothing: as a bulk",
    "pause_programme": "what stood so already has left no row, and the answer says so",
    "resume_programme": "as a pause",
    "review_cashback": "how many verdicts there were after this one is told nowhere else",
    "write_off_debt": "what is given up has no id, and is told of as parts by programme",
    "withdraw_ruleset": "which version goes on in its place is told nowhere else",
    "replay_webhook_delivery": "the new delivery is forgotten itself, 30 days after it has ended",
    "replay_webhook_endpoint": "a number",
}
"""Commands whose answers are kept for ever, and why: small, and nothing in them is a customer's."""

_GONE: Final = "this change is forgotten: its user was erased"
_encoder: Final = msgspec.json.Encoder(order="deterministic")


class Forgotten(msgspec.Struct, frozen=True):
    """A command whose answer was forgotten: what was ordered, and the id of what it made or changed."""

    what: str | None
    resource: str | None


async def rebuild(
    database: Database, forgotten: Sequence[Forgotten], *, rebuilders: Mapping[str, Rebuilder], now: datetime
) -> list[bytes | CashbackError]:
    """Return an answer for each, or what kept it from being made, in one transaction of their own.

    Whatever fails is of the forgotten alone: what was done beside them was done.
    """
    by_deed: dict[str, list[str]] = {}
    for one in forgotten:
        by_deed.setdefault(rebuilt_as(one.what, one.resource) or "", []).append(one.resource or "")
    made: dict[str, Mapping[str, Anew]] = {}
    try:
        async with database.transaction() as tx:
            for deed, resources in by_deed.items():
                if deed in rebuilders:
                    made[deed] = await rebuilders[deed](tx, list(dict.fromkeys(resources)), now)
    except CashbackError as error:
        return [error] * len(forgotten)
    return [_answer(made.get(rebuilt_as(one.what, one.resource) or "", {}), one) for one in forgotten]


def _answer(made: Mapping[str, Anew], one: Forgotten) -> bytes | CashbackError:
    """Return the document of one answer, or why there is none."""
    anew = None if one.resource is None else made.get(one.resource)
    if anew is None:
        return Broken(f"an answer was forgotten and cannot be made anew: {one.what or RECORDING} of {one.resource}")
    return anew if isinstance(anew, Rejected) else _encoder.encode(anew)


async def _purchases(tx: Tx, ids: Sequence[str], now: datetime) -> dict[str, msgspec.Struct]:
    """Return purchases as they were recorded, each with its cashback as that stands now."""
    del now
    bought, earned = await purchases.read_many(tx, ids), await ledger.retell_cashbacks(tx, ids)
    return {id_: _purchase(bought[id_], earned[id_]) for id_ in bought.keys() & earned.keys()}


def _purchase(purchase: Purchase, cashback: ledger.Cashback) -> PurchaseAnswer:
    """Return the answer to one purchase."""
    return PurchaseAnswer(
        id=purchase.id,
        merchant_id=purchase.merchant_id,
        user_id=purchase.user_id,
        reference=purchase.reference,
        amount_minor=str(purchase.amount_minor),
        currency=purchase.currency,
        occurred_at=purchase.occurred_at,
        received_at=purchase.received_at,
        cashback=CashbackAnswer(
            id=cashback.id,
            state=cashback.state.value,
            amount_minor=str(cashback.amount),
            currency=cashback.currency,
            token_units=str(cashback.token_units),
            reason=cashback.reason.value,
            explanation=ledger.explanation_of(cashback.document, cashback.state),
        ),
        lines=told_lines(decode_lines(purchase.lines)),
    )


async def _refunds(tx: Tx, ids: Sequence[str], now: datetime) -> dict[str, msgspec.Struct]:
    """Return refunds as they were applied, or how they wait."""
    read = {id_: await read_refund(tx, id_, merchant_id=None, now=now) for id_ in ids}
    return {id_: refund for id_, refund in read.items() if refund is not None}


async def _users(tx: Tx, ids: Sequence[str], now: datetime) -> Mapping[str, msgspec.Struct]:
    """Return users with the wallets in use."""
    del now
    return await people.read_users(tx, ids)


async def _challenge(tx: Tx, nonce: str) -> ChallengeAnswer | ChallengeUnknown:
    """Return a challenge that was answered; one that nobody has, or whose user was erased, was forgotten itself.

    Nothing of the request is at fault then: its key is old, and what its path names is there. So no place is told.
    """
    found = await challenges.read(tx, nonce)
    if found is None:
        return ChallengeUnknown("this challenge is forgotten: nobody has answered it, or the user was erased")
    return told_challenge(found)


async def _change(tx: Tx, id_: str) -> WalletChange | WalletChangeUnknown:
    """Return a change of a wallet, with how it ended; those of a user who was erased are gone.

    Whoever repeats the proof that made it has named no change: no place is told, as of a challenge.
    """
    return (await wallets.read(tx, [id_])).get(id_) or WalletChangeUnknown(_GONE)


async def _cancelled(tx: Tx, id_: str) -> WalletChange | WalletChangeUnknown:
    """Return a change that was cancelled; where it is gone, the path of the command names nothing any more."""
    return (await wallets.read(tx, [id_])).get(id_) or WalletChangeUnknown(_GONE, parameter="change_id")


async def _merchant(tx: Tx, id_: str) -> Merchant | None:
    """Return one merchant."""
    return await people.read_merchant(tx, id_)


async def _block(tx: Tx, id_: str) -> BlockAnswer | None:
    """Return whether a user is blocked now, and who said so; it is no news."""
    user = (await people.read_users(tx, [id_])).get(id_)
    if user is None:
        return None
    last = await standing.last(tx, standing.USERS, id_)
    return BlockAnswer(
        user_id=id_,
        is_blocked=user.is_blocked,
        is_news=False,
        person=None if last is None else last.person,
        reason=None if last is None else last.reason,
        at=None if last is None else last.at,
    )


async def retell_erasure(tx: Tx, id_: str) -> ErasureAnswer | None:
    """Return since when a user's data is erased, and who had it done; it is no news."""
    user, last = (await people.read_users(tx, [id_])).get(id_), await standing.last(tx, standing.USERS, id_)
    if user is None or user.erased_at is None or last is None:
        return None
    # What was said of the user last: nobody says anything of one who was erased.
    return ErasureAnswer(user_id=id_, erased_at=user.erased_at, is_news=False, person=last.person, reason=last.reason)


async def _activity(tx: Tx, id_: str) -> ActivityAnswer | None:
    """Return whether a merchant is active now, and who said so; it is no news."""
    merchant, last = await _merchant(tx, id_), await standing.last(tx, standing.MERCHANTS, id_)
    if merchant is None:
        return None
    return ActivityAnswer(
        merchant_id=id_,
        is_active=merchant.is_active,
        is_news=False,
        person=None if last is None else last.person,
        reason=None if last is None else last.reason,
        at=None if last is None else last.at,
    )


async def _rate(tx: Tx, resource: str) -> ledger.Rate | None:
    """Return an exchange rate by its pair and instant, as `subject_of` writes them."""
    pair, _, instant = resource.partition(" ")
    base, _, quote = pair.partition("/")
    return await ledger.retell_rate(tx, base, quote, as_of=datetime.fromisoformat(instant))


async def _new_key(tx: Tx, id_: str) -> NewApiKeyAnswer | None:
    """Return a key that was made, without its secret, which is stored nowhere."""
    found = await api_keys.read(tx, id_)
    return None if found is None else told_new(found.key, None)


async def _key(tx: Tx, id_: str) -> ApiKeyAnswer | None:
    """Return a key."""
    found = await api_keys.read(tx, id_)
    return None if found is None else told(found.key)


def one_by_one(tell: Told) -> Rebuilder:
    """Return what makes answers anew of those of which one is seldom asked for beside another."""

    async def rebuilt(tx: Tx, ids: Sequence[str], now: datetime) -> dict[str, Anew]:
        """Tell each that there is."""
        del now
        found = {id_: await tell(tx, id_) for id_ in ids}
        return {id_: answer for id_, answer in found.items() if answer is not None}

    return rebuilt


REBUILDERS: Final[Mapping[str, Rebuilder]] = {
    RECORDING: _purchases,
    "create_refund": _refunds,
    **dict.fromkeys(("create_user", "change_user", "set_wallet", "set_tier"), _users),
    "create_wallet_challenge": one_by_one(_challenge),
    "create_wallet_proof": one_by_one(_change),
    "cancel_wallet_change": one_by_one(_cancelled),
    **dict.fromkeys(("block_user", "unblock_user"), one_by_one(_block)),
    "erase_user": one_by_one(retell_erasure),
    **dict.fromkeys(("create_merchant", "change_merchant", "set_merchant_facts"), one_by_one(_merchant)),
    **dict.fromkeys(("deactivate_merchant", "activate_merchant"), one_by_one(_activity)),
    **dict.fromkeys(("create_programme", "end_programme"), one_by_one(ledger.retell_programme)),
    **dict.fromkeys(
        ("create_campaign", "change_budget", "close_campaign", "rebalance_campaign"), one_by_one(ledger.retell_campaign)
    ),
    **dict.fromkeys(("draft_ruleset", "change_draft", "discard_draft"), one_by_one(ledger.retell_draft)),
    "publish_draft": one_by_one(ledger.retell_version),
    "put_rate": one_by_one(_rate),
    "create_adjustment": one_by_one(ledger.retell_adjustment),
    **dict.fromkeys(("create_api_key", "rotate_api_key"), one_by_one(_new_key)),
    "revoke_api_key": one_by_one(_key),
}
"""What makes answers of this context anew, by what was ordered."""
