"""A type of event that has come to its third version, of the small world of `tests/integration/backbone`."""

from typing import ClassVar

from cashback.events import Body, Upcaster


class ThingOnce(Body, frozen=True, kw_only=True):
    """The first version: a price as one text."""

    TYPE: ClassVar[str] = "thing.happened"
    SOURCE: ClassVar[str] = "/cashback/shop"
    KEY: ClassVar[str] = "thing_id"

    thing_id: str
    price: str


def parted(old: ThingOnce) -> "ThingThen":
    """Return a first version as a second one; what has no blank is in the currency of those days."""
    amount, _, currency = old.price.partition(" ")
    return ThingThen(thing_id=old.thing_id, amount=amount, currency=currency or "USD")


class ThingThen(Body, frozen=True, kw_only=True):
    """The second: the price is an amount and a currency."""

    TYPE: ClassVar[str] = "thing.happened"
    SOURCE: ClassVar[str] = "/cashback/shop"
    KEY: ClassVar[str] = "thing_id"
    BEFORE: ClassVar[Upcaster | None] = Upcaster(ThingOnce, parted)

    thing_id: str
    amount: str
    currency: str


def renamed(old: ThingThen) -> "Thing":
    """Return a second version as a third one."""
    return Thing(thing_id=old.thing_id, amount_minor=old.amount, currency=old.currency, reason="unknown")


class Thing(Body, frozen=True, kw_only=True):
    """The third and newest: the amount has another name, and a reason is told that nobody knew before."""

    TYPE: ClassVar[str] = "thing.happened"
    SOURCE: ClassVar[str] = "/cashback/shop"
    KEY: ClassVar[str] = "thing_id"
    BEFORE: ClassVar[Upcaster | None] = Upcaster(ThingThen, renamed)

    thing_id: str
    amount_minor: str
    currency: str
    reason: str


WRITTEN = {
    1: b'{"thing_id":"pur_1","price":"1999 USD"}',
    2: b'{"thing_id":"pur_1","amount":"1999","currency":"USD"}',
    3: b'{"thing_id":"pur_1","amount_minor":"1999","currency":"USD","reason":"unknown"}',
}
"""The same thing as each release wrote it."""

READ = Thing(thing_id="pur_1", amount_minor="1999", currency="USD", reason="unknown")
"""What this release reads of each of them."""
