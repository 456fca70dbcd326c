"""`cashback merchant rename` and `cashback user rename`: what people are called, changed."""

import click

from cashback.cli.api import edit, idempotency_option, print_answer
from cashback.cli.output import json_option


@click.command("rename", short_help="Give a merchant another name.")
@click.argument("merchant_id")
@click.argument("name")
@idempotency_option
@json_option
def rename_merchant(merchant_id: str, name: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # click's way
    """Give a merchant another name; its purchases and keys are its own as before.

    Example: cashback merchant rename mer_01k9z3v6q8e2r9xw5t4c7m1n0p "Corner shop and café"
    """
    from cashback.client.api import merchants, structs

    told = edit(
        merchants.show_merchant(merchant_id),
        lambda tag: merchants.change_merchant(
            merchant_id, structs.MerchantNameBody(name=name), idempotency_key=key, if_match=tag
        ),
    )
    print_answer("merchant", told, as_json=as_json)


@click.command("rename", short_help="Give a user another reference.")
@click.argument("user_id")
@click.argument("reference", required=False)
@idempotency_option
@json_option
def rename_user(user_id: str, reference: str | None, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Give a user another reference, your own name for them, or take it away where none is named.

    Example: cashback user rename usr_01k9z3v6q8e2r9xw5t4c7m1n0p alice
    """
    from cashback.client.api import structs, users

    told = edit(
        users.show_user(user_id),
        lambda tag: users.change_user(
            user_id, structs.UserReferenceBody(reference=reference), idempotency_key=key, if_match=tag
        ),
    )
    print_answer("user", told, as_json=as_json)
