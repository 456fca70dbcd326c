"""What lists over REST share: an order, periods, what is told with each item, and a page that goes with its filters."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias, TypeVar

import msgspec
from litestar.params import QueryParameter

from cashback.kernel import instants
from cashback.kernel.http.parameters import ParameterInvalid
from cashback.kernel.listing import Order, Period, Stretch, bound, place_within
from cashback.kernel.page import Page

F = TypeVar("F")
P = TypeVar("P", bound=Page[Any])
T = TypeVar("T")

InOrder: TypeAlias = Annotated[
    Order, QueryParameter(name="order", description="Newest first (`desc`), or oldest first (`asc`).")
]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a list was asked for, by name; its cursors go with these, and None is not asked for."""

    asked: Mapping[str, object]

    @classmethod
    def of(cls, name: str, /, **asked: object) -> Self:
        """Return the terms of the list of that name, of what is asked of it: another list's cursors are none of its."""
        return cls(asked={**asked, "list": name})

    def place(self, cursor: str | None) -> str | None:
        """Return the place that a cursor stands for in this list; None starts at the beginning.

        Raises:
            CursorInvalid: it is none of this list.
        """
        return place_within(cursor, self.asked)

    def stretch(self, *, order: Order, cursor: str | None, limit: int) -> Stretch:
        """Return which part of the list is asked for.

        Raises:
            CursorInvalid: the cursor is none of this list.
        """
        return Stretch(order=order, place=self.place(cursor), limit=limit)

    def bound(self, place: str | None) -> str | None:
        """Return a place as a cursor of this list names it."""
        return bound(place, self.asked)


async def page_of(  # each named where it is called
    page: type[P],
    name: str,
    asked: F,
    read: Callable[[F, Stretch], Awaitable[tuple[list[T], str | None]]],
    *,
    order: Order,
    cursor: str | None,
    limit: int,
) -> P:
    """Return the page that a cursor leads to of the list of that name, of what is asked for; `read` gives its items.

    Raises:
        CursorInvalid: the cursor is none of this list, of this order, and of what is asked for.
    """
    terms = Terms.of(name, order=order, filter=asked)
    items, place = await read(asked, terms.stretch(order=order, cursor=cursor, limit=limit))
    return page.of(items, terms.bound(place))


def period(name: str, *, since: datetime | None, until: datetime | None) -> Period:
    """Return the period between two parameters, `<name>_from` and `<name>_to`.

    Raises:
        ParameterInvalid: one of them is no instant that there is, or the period ends before it begins.
    """
    for end, instant in (("from", since), ("to", until)):
        if instant is not None and not instants.is_in_range(instant):
            raise ParameterInvalid(instants.WANTED, parameter=f"{name}_{end}")
    if since is not None and until is not None and since >= until:
        raise ParameterInvalid(f"it is to lie behind `{name}_from`", parameter=f"{name}_to")
    return Period(since=instants.in_utc(since), until=instants.in_utc(until))


def expanded(text: str | None, *, known: Sequence[str]) -> frozenset[str]:
    """Return what is to be told with each item, of what is `known` there.

    Raises:
        ParameterInvalid: it names something else.
    """
    named: frozenset[str] = frozenset() if text is None else frozenset(text.split(","))
    if not named <= set(known):
        raise ParameterInvalid(f"separated by commas, there are: {', '.join(known)}", parameter="expand")
    return named
