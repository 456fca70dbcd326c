"""What a command is called in the log of who did what."""

from collections.abc import Iterator
from typing import Any

from cashback.purchases.model import STREAM_TO_COME, Command, NewBulk, NewPurchase, Order, Signed
from cashback.purchases.model.standing import MerchantActivity, UserBlock
from cashback.purchases.model.verdicts import ProgrammePause
from cashback.purchases.rules import deed_of, told_deed
from cashback.purchases.rules.deeds import _DEEDS

BY_CONTENT = {NewPurchase, NewBulk, Order, UserBlock, MerchantActivity, ProgrammePause}
"""Commands whose names are in what they say."""


def kinds(of: type[Command]) -> Iterator[type[Command]]:
    """Yield every kind of command below one."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_kind_of_command_of_ours_has_a_name() -> None:
    """Whoever adds one says what it is called, or the log tells of something without a name."""
    ours = {kind for kind in kinds(Command) if kind.__module__.startswith("cashback.")} - {Signed}
    assert ours == _DEEDS.keys() | BY_CONTENT


def test_what_is_said_either_way_has_two_names() -> None:
    """Blocking is not unblocking, whatever the command is called in the code."""
    said: dict[str, Any] = {"owner": "operator", "key": "1", "person": "Ada", "reason": "why"}
    commands = [
        command
        for is_set in (True, False)
        for command in (
            UserBlock(**said, user_id="usr_1", is_blocked=is_set),
            MerchantActivity(**said, merchant_id="mer_1", is_active=is_set),
            ProgrammePause(**said, programme_id="prg_1", is_paused=is_set),
            NewBulk(owner="operator", key="1", contents=STREAM_TO_COME if is_set else "of a test"),
            Order(owner="operator", key="1", what="set_tier" if is_set else ""),
        )
    ]
    assert [deed_of(command) for command in commands] == [
        *("block_user", "activate_merchant", "pause_programme", "stream_purchases", "set_tier"),
        *("unblock_user", "deactivate_merchant", "resume_programme", "create_purchases", None),
    ]


def test_a_purchase_is_told_by_its_id() -> None:
    """And what was done before names were written down has none."""
    told = [told_deed(None, "pur_1"), told_deed("set_tier", "usr_1"), told_deed(None, "usr_1"), told_deed(None, None)]
    assert told == ["create_purchase", "set_tier", None, None]
