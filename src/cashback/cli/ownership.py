"""`cashback user wallet` and the verbs around it: which wallet a user has, and how it is proved to be theirs."""

import click

from cashback.cli.api import ask, given, idempotency_option, limit_option, print_answer, print_page
from cashback.cli.chain import by_option
from cashback.cli.output import json_option


@click.command(short_help="Link the wallet to use from now on.")
@click.argument("user_id")
@click.argument("address")
@click.option("--reason", help="Why, where the user has proved another one: then it waits.")
@by_option
@idempotency_option
@json_option
def wallet(user_id: str, address: str, reason: str | None, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Link the wallet that a user uses from now on; what was requested before goes where it was going.

    A user who has proved a wallet keeps it, unless you say why; then the other one waits, and both are kept.

    Example: cashback user wallet usr_01k9z3v6q8e2r9xw5t4c7m1n0p 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """
    from cashback.client.api import structs, users

    person = None if reason is None else by
    body = structs.WalletBody(wallet=address, person=given(person), reason=given(reason))
    print_answer("user", ask(users.set_wallet(user_id, body, idempotency_key=key)), as_json=as_json)


@click.command(short_help="Make a message for a wallet to sign.")
@click.argument("user_id")
@click.argument("address")
@idempotency_option
@json_option
def challenge(user_id: str, address: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Make a message for a user's wallet to sign, character for character; it is good for ten minutes and one proof.

    Example: cashback user challenge usr_01k9z3v6q8e2r9xw5t4c7m1n0p 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """
    from cashback.client.api import structs, users

    call = users.create_wallet_challenge(user_id, structs.ChallengeBody(wallet=address), idempotency_key=key)
    print_answer("challenge", ask(call), as_json=as_json)


@click.command(short_help="Prove a wallet by what it has signed.")
@click.argument("user_id")
@click.argument("nonce")
@click.argument("signature")
@idempotency_option
@json_option
def prove(user_id: str, nonce: str, signature: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Prove by the signature of a challenge that a wallet is a user's: a first one is used at once, another one waits.

    Example: cashback user prove usr_01k9z3v6q8e2r9xw5t4c7m1n0p 5f0c41a9c2b24c3d8e7f60718293a4b5 0x5f0c41a9
    """
    from cashback.client.api import structs, users

    body = structs.ProofBody(nonce=nonce, signature=signature)
    print_answer("change", ask(users.create_wallet_proof(user_id, body, idempotency_key=key)), as_json=as_json)


@click.command("wallet-changes", short_help="List what was asked of the wallet.")
@click.argument("user_id")
@limit_option
@json_option
def wallet_changes(user_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List what was proved or decided of a user's wallet, newest first, with how each ended.

    Example: cashback user wallet-changes usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import users

    shown = ("id", "wallet", "proof", "asked_at", "effective_at", "ended_as")
    call = users.list_wallet_changes(user_id, limit=limit)
    print_page("changes", call, limit=limit, as_json=as_json, shown=shown)


@click.command("keep-wallet", short_help="Cancel a change that waits.")
@click.argument("user_id")
@click.argument("change_id")
@click.option("--reason", required=True, help="Why; it is kept.")
@by_option
@idempotency_option
@json_option
def keep_wallet(user_id: str, change_id: str, reason: str, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Cancel a change of a user's wallet that waits: the wallet in use is kept.

    Example: cashback user keep-wallet usr_01k9z3v6q8e2r9xw5t4c7m1n0p whc_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "not hers"
    """
    from cashback.client.api import structs, users

    body = structs.OrderBody(person=by, reason=reason)
    call = users.cancel_wallet_change(user_id=user_id, change_id=change_id, body=body, idempotency_key=key)
    print_answer("change", ask(call), as_json=as_json)


OWNERSHIP_VERBS = (wallet, challenge, prove, wallet_changes, keep_wallet)
