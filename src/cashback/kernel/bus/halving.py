"""Halving: a pile that cannot be applied is settled in halves, down to the one event that is to blame."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from cashback.kernel.bus.applying import Applying
from cashback.kernel.bus.piling import Taken
from cashback.kernel.errors import Unavailable
from cashback.kernel.failpoints import reach


async def apply_or_halve(
    applying: Applying,
    pile: Sequence[Taken],
    *,
    answer: Callable[[Sequence[Taken], Mapping[str, float]], Awaitable[None]],
    blame: Callable[[Taken, Exception], Awaitable[None]],
    settle: Callable[[Sequence[Sequence[Taken]]], Awaitable[None]],
) -> None:
    """Apply `pile` in one transaction and answer it; if that fails for a reason of its own, settle its halves in order.

    Of a single event the failure is its own, and it is blamed for it. `answer` is told what waits for another event.

    Raises:
        Unavailable: the world failed, and no event is to blame.
    """
    try:
        held_back = await applying.apply(pile)
    except Unavailable:
        raise
    except Exception as cause:  # noqa: BLE001 - a handler may fail in any way, and the consumer outlives it
        failure = cause
    else:
        reach("batch.applied")
        await answer(pile, held_back)
        reach("batch.answered")
        return
    # Here and not above, where what fails next would be told as a consequence of this.
    if len(pile) == 1:
        await blame(pile[0], failure)
    else:
        await settle([pile[: len(pile) // 2], pile[len(pile) // 2 :]])
