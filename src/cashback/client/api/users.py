"""Users, each operation as a call; generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime

from cashback.client.api import structs
from cashback.client.calls import Call, headers, path, query


def list_users(
    *,
    reference: str | None = None,
    wallet: str | None = None,
    is_blocked: bool | None = None,
    order: structs.Order | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[structs.UserPage]:
    """Users, newest first.

    Return one page of users in the order in which they were created, each with the wallet in use.

    A page may be short, even empty, and have a `next_cursor`: at most 10,000 users are looked at for it.
    """
    return Call(
        method="GET",
        path="/v1/users",
        answer=structs.UserPage,
        query=query(
            ("reference", reference),
            ("wallet", wallet),
            ("is_blocked", is_blocked),
            ("order", order),
            ("limit", limit),
            ("cursor", cursor),
        ),
    )


def create_user(body: structs.UserBody | None = None, *, idempotency_key: str) -> Call[structs.User]:
    """Create a user, with a wallet or without one for now; with one it needs the scope that setting a wallet needs."""
    return Call(
        method="POST",
        path="/v1/users",
        answer=structs.User,
        body=body or structs.UserBody(),
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def set_wallet(
    user_id: str, body: structs.WalletBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.User]:
    """Set a user's wallet.

    Use this wallet from now on; cashback that waited for one is minted to it.

    A user who has proved a wallet keeps it (409 `wallet_proved`), unless a person decides otherwise and says why: then
    the wallet waits until `next_wallet_at`. Nobody gets a wallet of somebody else (409 `wallet_taken`).
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/wallet", user_id=user_id),
        answer=structs.User,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def show_user(user_id: str, *, if_none_match: str | None = None) -> Call[structs.User]:
    """One user.

    Return a user with the wallet in use; what they earned moves no `ETag`.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}", user_id=user_id),
        answer=structs.User,
        headers=headers(("If-None-Match", if_none_match)),
    )


def change_user(
    user_id: str, body: structs.UserReferenceBody, *, idempotency_key: str, if_match: str
) -> Call[structs.User]:
    """Give a user another reference.

    Call them so from now on, if they are still as the caller has seen them; tier and wallet are set elsewhere.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}", user_id=user_id),
        answer=structs.User,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def list_cashback(
    user_id: str, *, order: structs.Order | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.CashbackPage]:
    """Cashback of one user, newest first.

    Return one page in the order in which they were decided; a merchant sees only what was earned with it.

    Where the user earned more than 1,000 times with it, its page may be short, even empty, and have a `next_cursor`: at
    most 10,000 cashbacks of its own are looked at for one.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/cashback", user_id=user_id),
        answer=structs.CashbackPage,
        query=query(("order", order), ("limit", limit), ("cursor", cursor)),
    )


def show_balance(user_id: str) -> Call[structs.BalanceStory]:
    """A user's balance, in the ledger and on the chain.

    Return both figures; when the adapter does not answer in time, the ledger's alone, marked stale.
    """
    return Call(method="GET", path=path("/v1/users/{user_id}/balance", user_id=user_id), answer=structs.BalanceStory)


def create_wallet_challenge(
    user_id: str, body: structs.ChallengeBody, *, idempotency_key: str
) -> Call[structs.ChallengeAnswer]:
    """Ask a wallet for its signature.

    Make a message (ERC-4361) that binds the wallet to the user, for this domain and chain, ten minutes and one use.

    Show it to the user's wallet as it is, character for character, and send what that signs to `wallet-proofs`.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/wallet-challenges", user_id=user_id),
        answer=structs.ChallengeAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def create_wallet_proof(user_id: str, body: structs.ProofBody, *, idempotency_key: str) -> Call[structs.WalletChange]:
    """Prove that a wallet is the user's.

    Take the signature of a challenge, by a key or by a contract (ERC-1271), and use the wallet.

    A first wallet is used at once, and so is the one in use that is proved now. Another one waits until `effective_at`,
    and whatever waited before gives way to it.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/wallet-proofs", user_id=user_id),
        answer=structs.WalletChange,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def list_wallet_changes(
    user_id: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[structs.WalletChangePage]:
    """What was asked of a user's wallet, newest first.

    Return one page of proofs and of what persons decided, with how each ended; what waits is the newest.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/wallet-changes", user_id=user_id),
        answer=structs.WalletChangePage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def cancel_wallet_change(
    *, user_id: str, change_id: str, body: structs.OrderBody, idempotency_key: str
) -> Call[structs.WalletChange]:
    """Cancel a change of a wallet that waits.

    Have it take no effect: the wallet in use stays.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/wallet-changes/{change_id}/cancel", user_id=user_id, change_id=change_id),
        answer=structs.WalletChange,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def export_user(user_id: str) -> Call[structs.UserExport]:
    """All that is known of a user.

    Return user, wallets, blocks, merchants, purchases, refunds, cashback, adjustments and statement as one document.

    It is written while it is read, for ten minutes at most, one at a time for a key and four in all. That it was asked
    for, with which key, stands among its `disclosures` for good.
    """
    return Call(method="GET", path=path("/v1/users/{user_id}/export", user_id=user_id), answer=structs.UserExport)


def erase_user(user_id: str, body: structs.OrderBody, *, idempotency_key: str) -> Call[structs.ErasureAnswer]:
    """Erase a user's personal data.

    Erase reference, tier, wallets and ownership for good, and block the user; what was bought stays, of nobody.

    It cannot be undone. While a mint of theirs is under way or stuck it is 409 `cashback_in_flight`. What waits for a
    wallet expires as its programme says. Do not name the user in `reason`: it is kept.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/erase", user_id=user_id),
        answer=structs.ErasureAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key)),
    )


def set_tier(
    user_id: str, body: structs.TierBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.User]:
    """Set a user's tier.

    Have rules know the user's tier from now on; what was decided stays.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/tier", user_id=user_id),
        answer=structs.User,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def block_user(
    user_id: str, body: structs.OrderBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.BlockAnswer]:
    """Block a user.

    Have purchases recorded from now on earn the user nothing, until that is ended; what was granted lives on.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/block", user_id=user_id),
        answer=structs.BlockAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def unblock_user(
    user_id: str, body: structs.OrderBody, *, idempotency_key: str, if_match: str | None = None
) -> Call[structs.BlockAnswer]:
    """Unblock a user.

    Have purchases recorded from now on earn again; those of the meantime are not decided anew.
    """
    return Call(
        method="POST",
        path=path("/v1/users/{user_id}/unblock", user_id=user_id),
        answer=structs.BlockAnswer,
        body=body,
        headers=headers(("Idempotency-Key", idempotency_key), ("If-Match", if_match)),
    )


def list_blocks(user_id: str, *, limit: int | None = None, cursor: str | None = None) -> Call[structs.BlockPage]:
    """Who blocked and unblocked a user, and why, newest first.

    Return one page of each block and each end of one; what changed nothing is not among them.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/blocks", user_id=user_id),
        answer=structs.BlockPage,
        query=query(("limit", limit), ("cursor", cursor)),
    )


def show_statement(
    user_id: str, *, from_: datetime | str, to: datetime | str, limit: int | None = None, cursor: str | None = None
) -> Call[structs.Statement]:
    """A user's statement of a period.

    Return opening balances, lines with their cause in words and the balance after each, and closing balances.

    As CSV it is the whole period, of at most 100,000 lines, two at a time for a key and eight in all; `limit` and
    `cursor` change nothing of that, though they are refused where they could be none. A reason there that begins with
    `=`, `+`, `-`, `@`, a tab or the end of a line has an apostrophe before it: no spreadsheet takes it for a formula.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/statement", user_id=user_id),
        answer=structs.Statement,
        query=query(("from", from_), ("to", to), ("limit", limit), ("cursor", cursor)),
    )


def show_statement_csv(user_id: str, *, from_: datetime | str, to: datetime | str) -> Call[str]:
    """A user's statement of a period, as CSV.

    Return opening balances, lines with their cause in words and the balance after each, and closing balances.

    As CSV it is the whole period, of at most 100,000 lines, two at a time for a key and eight in all; `limit` and
    `cursor` change nothing of that, though they are refused where they could be none. A reason there that begins with
    `=`, `+`, `-`, `@`, a tab or the end of a line has an apostrophe before it: no spreadsheet takes it for a formula.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/statement", user_id=user_id),
        answer=str,
        answer_as="text/csv",
        query=query(("from", from_), ("to", to), ("format", "csv")),
    )


def show_balance_at(
    user_id: str, *, known_at: datetime | str | None = None, effective_at: datetime | str | None = None
) -> Call[structs.BalanceAt]:
    """A user's balances at an instant of the past.

    Return what was known at one instant, or what was effective at one: name exactly one of the two.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/balance-at", user_id=user_id),
        answer=structs.BalanceAt,
        query=query(("known_at", known_at), ("effective_at", effective_at)),
    )


def list_wallets(
    user_id: str, *, order: structs.Order | None = None, limit: int | None = None, cursor: str | None = None
) -> Call[structs.WalletPage]:
    """All wallets that a user ever had, newest first.

    Return one page of wallets in the order in which they were linked; the last one is in use.
    """
    return Call(
        method="GET",
        path=path("/v1/users/{user_id}/wallets", user_id=user_id),
        answer=structs.WalletPage,
        query=query(("order", order), ("limit", limit), ("cursor", cursor)),
    )
