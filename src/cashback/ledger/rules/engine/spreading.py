"""How an amount goes to several, and how what a limit takes away is taken from them: exact, and always the same way."""

from collections.abc import Sequence

from cashback.kernel.money import Minor


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Return `amount` in parts by weight, each rounded down, and what that leaves on the lowest that has a weight.

    The parts sum to `amount`; without any weight there is nobody to give to, and all are 0.

    >>> spread(10, [1, 0, 2])
    [4, 0, 6]
    """
    if len(weights) == 1:
        return [amount] if weights[0] else [0]
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    rest = amount - sum(parts)
    if rest:
        parts[next(place for place, weight in enumerate(weights) if weight)] += rest
    return parts


def reduce_to(amount: int, parts: Sequence[int]) -> list[int]:
    """Return what is left of `parts` when their sum must be `amount`, which is no more than it is.

    What is taken is spread by size, each part rounded down; the remainder is taken from the lowest, and where that has
    too little, from the next. No part grows and none falls below 0.

    >>> reduce_to(9, [1, 5, 5])
    [0, 4, 5]
    """
    if len(parts) == 1:
        return [amount]
    whole = sum(parts)
    taken = whole - amount
    if not taken:
        return list(parts)
    left = [part - taken * part // whole for part in parts]
    rest = sum(left) - amount
    for place, part in enumerate(left):
        if not rest:
            break
        step = min(rest, part)
        left[place], rest = part - step, rest - step
    return left


def kept(shares: Sequence[Minor], net: int) -> tuple[Minor, ...]:
    """Return what each campaign still pays of a line's grant when refunds left `net` of it.

    They give back from the last campaign to the first, so that every share only falls while the net falls, whatever
    the refunds and their order.

    >>> kept((4, 3, 2), 6)
    (4, 2, 0)
    """
    after, rest = [], net
    for share in shares:
        after.append(Minor(min(share, rest)))
        rest -= after[-1]
    return tuple(after)
