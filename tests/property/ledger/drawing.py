"""What the machine does next and with what, drawn from one seed: what makes lives long is drawn most often."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from cashback.ledger import Verdict
from cashback.purchases.model.refunds import RefundKind
from tests.property.ledger.reference import REQUESTED
from tests.property.ledger.stage import CURRENCIES, PROGRAMME_OF

_STATES: Final = [
    REQUESTED,
    ("minted",),
    ("mint_requested",),
    ("pending", "review"),
    ("approved",),
    ("netted",),
    ("waitlisted",),
]


def draw(chance: Random) -> tuple[str, dict[str, Any]]:
    """Return the name of one step and its arguments."""
    [name] = chance.choices(list(STEPS), [weight for weight, _ in STEPS.values()])
    return name, STEPS[name][1](chance)


def _place(chance: Random) -> dict[str, Any]:
    """Return which of those that fit."""
    return {"place": chance.randrange(10**6)}


def _code(chance: Random) -> str:
    """Return a programme by its currency."""
    return chance.choice(CURRENCIES)


def _lines(chance: Random) -> list[int]:
    """Return what the lines of a purchase cost."""
    return [chance.choice([0, 3, *(chance.randint(1, 5_000) for _ in range(6))]) for _ in range(chance.randint(1, 3))]


def _purchases(chance: Random) -> dict[str, Any]:
    """Return a batch, most of it by one user, of now or of some hours ago."""
    many = [
        (chance.choice([0, 0, 1, 2]), chance.randrange(2), chance.choice(list(PROGRAMME_OF)), _lines(chance))
        for _ in range(chance.randint(1, 4))
    ]
    return {"many": many, "hours": chance.choice([0, 0, 1, 30, 60])}


STEPS: Final[dict[str, tuple[int, Callable[[Random], dict[str, Any]]]]] = {
    "record": (14, _purchases),
    "record_again": (2, _place),
    "record_what_was_returned": (
        3,
        lambda by: {
            "user": by.choice([0, 1, 2]),
            "code": _code(by),
            "lines": _lines(by),
            "early": by.randint(1, 5_000),
        },
    ),
    "return_by_amount": (
        6,
        lambda by: {**_place(by), "per_mille": by.randint(1, 1_100), "kind": by.choice(list(RefundKind))},
    ),
    "return_a_line": (5, lambda by: {**_place(by), "line": by.randrange(3), "amount": by.randint(1, 6_000)}),
    "return_all": (7, lambda by: {**_place(by), "states": by.choice(_STATES)}),
    "return_many": (
        4,
        lambda by: {"many": [(by.randrange(10**6), by.randint(1, 1_100)) for _ in range(by.randint(2, 4))]},
    ),
    "return_again": (2, _place),
    "wait": (12, lambda by: {"hours": by.choice([0, 0, 0, 0, 1, 12, 50, 130])}),
    "wait_until": (6, lambda by: {**_place(by), "microseconds": by.choice([-1, 0, 0, 1])}),
    "credit": (
        5,
        lambda by: {
            "user": by.choice([0, 1, 2, 2]),
            "code": _code(by),
            "place": by.choice([None, 0, 1]),
            "amount": by.randint(1, 900),
            "person": by.choice(["alice", "bob", "ada"]),
        },
    ),
    "debit": (7, lambda by: {**_place(by), "per_mille": by.choice([1_000, by.randint(1, 1_100)])}),
    "adjust_again": (2, _place),
    "review": (
        8,
        lambda by: {
            **_place(by),
            "person": by.choice(["alice", "bob"]),
            "verdict": by.choice([Verdict.APPROVE, Verdict.APPROVE, Verdict.REJECT]),
        },
    ),
    "pause": (4, lambda by: {"code": _code(by), "is_paused": by.randrange(4) == 0}),
    "block": (2, lambda by: {"user": by.randrange(3), "is_blocked": by.randrange(3) == 0}),
    "link": (2, lambda by: {"user": by.choice([0, 0, 0, 2])}),
    "publish": (
        3,
        lambda by: {
            "code": _code(by),
            "rates": (by.randint(1, 1_500), by.randint(1, 1_500)),
            "days": by.choice([None, 1, 2, 40]),
            "gold": by.choice([5_000, 13_333, 20_000]),
        },
    ),
    "withdraw": (3, lambda by: {"code": _code(by)}),
    "change_budget": (
        6,
        lambda by: {
            "code": _code(by),
            "place": by.randrange(2),
            "amount": by.randint(1, 2_000),
            "is_more": by.randrange(5) < 3,
        },
    ),
    "close": (1, lambda by: {"code": _code(by), "place": by.randrange(2)}),
    "set_tier": (3, lambda by: {"user": by.randrange(3), "tier": by.choice(["gold", "gold", None])}),
    "put_rate": (4, lambda by: {"code": "TND", "parts": by.choice([(1, 1), (3, 1), (7, 3), (1, 3)])}),
    "request": (12, lambda by: {"by_sweep": by.randrange(2) == 0}),
    "mint": (12, lambda by: {**_place(by), "more": by.choice([0, 0, 0, 1])}),
    "fail": (5, lambda by: {**_place(by), "retried": by.randrange(3) == 0}),
    "reverse": (7, _place),
    "retire": (4, _place),
    "restore": (5, _place),
    "give_up": (6, lambda by: {"hours": by.choice([1, 80, 80])}),
    "write_off": (5, lambda by: {"user": by.choice([0, 0, 1, 2]), "units": by.randint(1, 10**7)}),
}
"""How often each step is drawn beside the others, and its arguments."""
