"""`cashback user wallet` and the verbs around it: which wallet a user has, and how it is proved to be theirs."""

import click

from cashback.cli.api import api, idempotency_option, limit_option, part, print_page
from cashback.cli.chain import by_option
from cashback.cli.output import json_option, print_facts, print_json


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
    body = {"wallet": address} | ({} if reason is None else {"person": by, "reason": reason})
    _post(f"/v1/users/{part(user_id)}/wallet", body, title="user", key=key, as_json=as_json)


@click.command(short_help="Make a message for a wallet to sign.")
@click.argument("user_id")
@click.argument("address")
@idempotency_option
@json_option
def challenge(user_id: str, address: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Make a message for a user's wallet to sign, character for character; it is good for ten minutes and one proof.

    Example: cashback user challenge usr_01k9z3v6q8e2r9xw5t4c7m1n0p 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed
    """
    path = f"/v1/users/{part(user_id)}/wallet-challenges"
    _post(path, {"wallet": address}, title="challenge", key=key, as_json=as_json)


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
    path = f"/v1/users/{part(user_id)}/wallet-proofs"
    _post(path, {"nonce": nonce, "signature": signature}, title="change", key=key, as_json=as_json)


@click.command("wallet-changes", short_help="List what was asked of the wallet.")
@click.argument("user_id")
@limit_option
@json_option
def wallet_changes(user_id: str, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List what was proved or decided of a user's wallet, newest first, with how each ended.

    Example: cashback user wallet-changes usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    shown = ("id", "wallet", "proof", "asked_at", "effective_at", "ended_as")
    print_page("changes", f"/v1/users/{part(user_id)}/wallet-changes", limit=limit, as_json=as_json, shown=shown)


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
    path = f"/v1/users/{part(user_id)}/wallet-changes/{part(change_id)}/cancel"
    _post(path, {"person": by, "reason": reason}, title="change", key=key, as_json=as_json)


def _post(path: str, body: dict[str, str], *, title: str, key: str, as_json: bool) -> None:
    """Ask for something and print what is told, for programs or for people."""
    with api() as client:
        told = client.post(path, body, idempotency_key=key)
    if as_json:
        print_json(told)
    else:
        print_facts(title, told)


OWNERSHIP_VERBS = (wallet, challenge, prove, wallet_changes, keep_wallet)
