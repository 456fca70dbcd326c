"""`cashback user export` and `cashback user erase`: the personal data of somebody who asks for it, or wants it gone."""

import click

from cashback.cli.api import ask, facts, idempotency_option
from cashback.cli.chain import by_option
from cashback.cli.output import json_option, print_json, say_state


@click.command(short_help="Print all that is known of them, as JSON.")
@click.argument("user_id")
def export(user_id: str) -> None:
    """Print all that is known of a user as one JSON document; that it was asked for is noted.

    Example: cashback user export usr_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.client.api import users

    print_json(ask(users.export_user(user_id)))


@click.command(short_help="Erase their personal data, for good.")
@click.argument("user_id")
@click.option("--reason", required=True, help="Why, without naming the user: it is kept.")
@by_option
@idempotency_option
@json_option
def erase(user_id: str, reason: str, by: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Erase a user's reference, tier and wallets for good, and block them; what was bought and earned stays, of nobody.

    Example: cashback user erase usr_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "asked for in ticket 4711"
    """
    from cashback.client.api import structs, users

    told = ask(users.erase_user(user_id, structs.OrderBody(person=by, reason=reason), idempotency_key=key))
    if as_json:
        print_json(told)
    else:
        said = facts(told)
        say_state({**said, "at": said["erased_at"]}, told.user_id, "erased")


PRIVACY_VERBS = (export, erase)
