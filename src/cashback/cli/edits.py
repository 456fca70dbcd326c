"""`cashback merchant rename` and `cashback user rename`: what people are called, changed."""

import click

from cashback.cli.api import api, idempotency_option, part
from cashback.cli.output import json_option, print_facts, print_json


@click.command("rename", short_help="Give a merchant another name.")
@click.argument("merchant_id")
@click.argument("name")
@idempotency_option
@json_option
def rename_merchant(merchant_id: str, name: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Give a merchant another name; its purchases and keys are its own as before.

    Example: cashback merchant rename mer_01k9z3v6q8e2r9xw5t4c7m1n0p "Corner shop and café"
    """
    _edit("merchant", f"/v1/merchants/{part(merchant_id)}", {"name": name}, key, as_json=as_json)


@click.command("rename", short_help="Give a user another reference.")
@click.argument("user_id")
@click.argument("reference", required=False)
@idempotency_option
@json_option
def rename_user(user_id: str, reference: str | None, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Give a user another reference, your own name for them, or take it away where none is named.

    Example: cashback user rename usr_01k9z3v6q8e2r9xw5t4c7m1n0p alice
    """
    _edit("user", f"/v1/users/{part(user_id)}", {"reference": reference}, key, as_json=as_json)


def _edit(title: str, path: str, body: dict[str, object], key: str, *, as_json: bool) -> None:
    """Change what is at a path, and print what it has become."""
    with api() as client:
        told = client.edit(path, body, idempotency_key=key)
    if as_json:
        print_json(told)
    else:
        print_facts(title, told)
