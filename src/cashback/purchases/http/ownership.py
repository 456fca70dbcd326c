"""Whose wallet it is, over REST: the operator has its users prove their wallets, and sees what changes wait.

No merchant may: a signature proves who holds a wallet and not that the user wants it, and a shop could link its own.
"""

from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter

from cashback.kernel.http import PAGE_DEFAULT, Cursor, IdempotencyKey, Limit, Page, Terms, problems
from cashback.purchases.http.commands import (
    OrderBody,
    answer,
    asked_by,
    command_route,
    in_path,
    signed_by,
    user_in_path,
)
from cashback.purchases.http.people import UserId, Wallet
from cashback.purchases.model.ownership import (
    ChallengeAnswer,
    ChangeCancellation,
    NewChallenge,
    NewProof,
    WalletChange,
    WalletChangeUnknown,
)
from cashback.purchases.service import Ownership

ChangeId = Annotated[str, PathParameter(description="The id of a change of a wallet, `whc_...`.")]

SIGNATURE_LENGTH_MAX: Final = 16_386
"""What the adapter takes at most, in hexadecimal."""


class ChallengeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wallet that a user says is theirs."""

    wallet: Wallet


class ProofBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the wallet has signed: the message of the challenge with this nonce, as `personal_sign` does."""

    nonce: Annotated[str, msgspec.Meta(max_length=64)]
    signature: Annotated[
        str,
        msgspec.Meta(
            max_length=SIGNATURE_LENGTH_MAX, description="Hexadecimal with 0x: of a key, or whatever a contract takes."
        ),
    ]


class WalletChangePage(Page[WalletChange], frozen=True):
    """One page of the changes that were asked of a user's wallet; `next_cursor` is null on the last one."""


@command_route(
    "/v1/users/{user_id:str}/wallet-challenges",
    operation_id="createWalletChallenge",
    summary="Ask a wallet for its signature",
    tag="Users",
)
async def create_challenge(
    request: Request[Any, Any, Any],
    ownership: NamedDependency[Ownership],
    user_id: UserId,
    data: JSONBody[ChallengeBody],
    idempotency_key: IdempotencyKey,
) -> Response[ChallengeAnswer]:
    """Make a message (ERC-4361) that binds the wallet to the user, for this domain and chain, ten minutes and one use.

    Show it to the user's wallet as it is, character for character, and send what that signs to `wallet-proofs`.
    """
    command = NewChallenge(**asked_by(request, idempotency_key), user_id=user_in_path(user_id), wallet=data.wallet)
    return answer(await ownership.challenge(command))


@command_route(
    "/v1/users/{user_id:str}/wallet-proofs",
    operation_id="createWalletProof",
    summary="Prove that a wallet is the user's",
    tag="Users",
)
async def create_proof(
    request: Request[Any, Any, Any],
    ownership: NamedDependency[Ownership],
    user_id: UserId,
    data: JSONBody[ProofBody],
    idempotency_key: IdempotencyKey,
) -> Response[WalletChange]:
    """Take the signature of a challenge, by a key or by a contract (ERC-1271), and use the wallet.

    A first wallet is used at once, and so is the one in use that is proved now. Another one waits until `effective_at`,
    and whatever waited before gives way to it.
    """
    command = NewProof(
        **asked_by(request, idempotency_key), user_id=user_in_path(user_id), nonce=data.nonce, signature=data.signature
    )
    return answer(await ownership.prove(command))


@get(
    "/v1/users/{user_id:str}/wallet-changes",
    operation_id="listWalletChanges",
    summary="What was asked of a user's wallet, newest first",
    tags=["Users"],
    responses=problems(403, 404),
)
async def list_changes(
    ownership: NamedDependency[Ownership], user_id: UserId, limit: Limit = PAGE_DEFAULT, cursor: Cursor = None
) -> WalletChangePage:
    """Return one page of proofs and of what persons decided, with how each ended; what waits is the newest."""
    terms = Terms.of("wallet_changes", user_id=user_id)
    items, place = await ownership.changes(user_in_path(user_id), place=terms.place(cursor), limit=limit)
    return WalletChangePage.of(items, terms.bound(place))


@command_route(
    "/v1/users/{user_id:str}/wallet-changes/{change_id:str}/cancel",
    operation_id="cancelWalletChange",
    summary="Cancel a change of a wallet that waits",
    tag="Users",
)
async def cancel_change(
    request: Request[Any, Any, Any],
    ownership: NamedDependency[Ownership],
    user_id: UserId,
    change_id: ChangeId,
    data: JSONBody[OrderBody],
    idempotency_key: IdempotencyKey,
) -> Response[WalletChange]:
    """Have it take no effect: the wallet in use stays."""
    signed = signed_by(request, idempotency_key, data)
    asked = in_path(change_id, prefix="whc", parameter="change_id", unknown=WalletChangeUnknown)
    return answer(await ownership.cancel(ChangeCancellation(**signed, user_id=user_in_path(user_id), change_id=asked)))


OWNERSHIP_ROUTES = [create_challenge, create_proof, list_changes, cancel_change]
