"""What became of it all: the ledger's figures beside the chain's, told in the words that leave the house.

The chain is the truth about balances and about a mint in flight, and it is asked with a short deadline; without an
answer the ledger's own figures stand, marked stale (fallback).
"""

from cashback.kernel.errors import Unavailable
from cashback.kernel.ids import is_id
from cashback.kernel.telemetry import logger
from cashback.ledger.gateway import Adapter
from cashback.ledger.model import (
    Balance,
    BalanceStory,
    Cashback,
    CashbackItem,
    CashbackStory,
    CashbackUnknown,
    ChainBalance,
    ChainFigure,
    LedgerFigures,
    LiveMint,
    MintStory,
    StepStory,
    Sum,
    SumStory,
    Transition,
)
from cashback.ledger.service.readings import Readings, explanation_of

log = logger(__name__)


class Stories:
    """Tells of cashbacks and balances, each from the ledger and from the chain."""

    def __init__(self, readings: Readings, adapter: Adapter) -> None:
        """Tell what `readings` holds, and ask `adapter` for what only the chain knows."""
        self._readings = readings
        self._adapter = adapter

    async def cashback(self, cashback_id: str, *, merchant_id: str | None) -> CashbackStory:
        """Return one cashback with its whole timeline; only if earned with `merchant_id`, unless that is None.

        Raises:
            CashbackUnknown: there is none.
        """
        if not is_id(cashback_id, "cb"):
            raise CashbackUnknown("there is no such cashback", parameter="cashback_id")
        cashback = await self._readings.cashback(cashback_id)
        if merchant_id not in (None, cashback.merchant_id):
            # In the very words of what does not exist, or they would tell that it does.
            raise CashbackUnknown("there is no such cashback", parameter="cashback_id")
        return await self._tell(cashback)

    async def cashback_of_purchase(self, purchase_id: str) -> CashbackStory:
        """Return the cashback of a purchase with its whole timeline.

        Raises:
            CashbackUnknown: there is none.
        """
        return await self._tell(await self._readings.cashback_of_purchase(purchase_id))

    async def balance(self, user_id: str) -> BalanceStory:
        """Return a user's balance in the ledger and on the chain; an unknown user has neither."""
        wallet, figures = await self._readings.balances_of_user(user_id)
        chain = None if wallet is None else await self._on_chain(wallet)
        return BalanceStory(
            user_id=user_id,
            wallet=wallet,
            ledger=[_figures(each) for each in figures],
            on_chain=None if chain is None else _on_chain(chain),
            is_stale=wallet is not None and chain is None,
        )

    async def _tell(self, cashback: Cashback) -> CashbackStory:
        """Return the whole story of a cashback."""
        steps = await self._readings.timeline(cashback.id)
        return _story(cashback, steps, await self._live_mint(cashback))

    async def _live_mint(self, cashback: Cashback) -> LiveMint | None:
        """Return how far a cashback's mint has come on the chain; None without a mint or an answer in time."""
        if cashback.mint_number is None:
            return None
        try:
            return (await self._adapter.mints([cashback.mint_number])).get(cashback.mint_number)
        except Unavailable as error:
            log.warning("mint.shown_stale", code=error.code, cashback_id=cashback.id)
            return None

    async def _on_chain(self, wallet: str) -> ChainBalance | None:
        """Return what the wallet holds on the chain; None without an answer in time."""
        try:
            return await self._adapter.balance(wallet)
        except Unavailable as error:
            log.warning("balance.shown_stale", code=error.code)
            return None


def _story(cashback: Cashback, steps: list[Transition], live: LiveMint | None) -> CashbackStory:
    """Return a cashback in the words that leave the house."""
    return CashbackStory(
        id=cashback.id,
        purchase_id=cashback.purchase_id,
        user_id=cashback.user_id,
        merchant_id=cashback.merchant_id,
        programme_id=cashback.programme_id,
        state=cashback.state,
        reason=cashback.reason,
        explanation=explanation_of(cashback.document, cashback.state),
        currency=cashback.currency,
        desired_minor=str(cashback.desired),
        amount_minor=str(cashback.amount),
        token_units=str(cashback.token_units),
        created_at=cashback.created_at,
        mint=_mint(cashback, live),
        timeline=[_step(step) for step in steps],
        adjustment_id=cashback.adjustment_id,
        adjusted_because=cashback.adjusted_because,
    )


def _step(step: Transition) -> StepStory:
    """Return one step of a cashback's life."""
    return StepStory(from_state=step.from_state, to_state=step.to_state, actor=step.actor, cause=step.cause, at=step.at)


def _mint(cashback: Cashback, live: LiveMint | None) -> MintStory | None:
    """Return the mint of a cashback that was requested, else None; a settled mint needs no live word for its block."""
    number, recipient, requested_at = cashback.mint_number, cashback.recipient, cashback.requested_at
    if number is None or recipient is None or requested_at is None or cashback.requested_units is None:
        return None
    block_number = cashback.block_number or (live.block_number if live else None)
    return MintStory(
        number=str(number),
        recipient=recipient,
        token_units=str(cashback.requested_units),
        requested_at=requested_at,
        chain_state=live.state if live else None,
        is_stale=live is None,
        transaction_hash=cashback.transaction_hash or (live.transaction_hash if live else None),
        block_number=None if block_number is None else str(block_number),
        submitted_at=live.submitted_at if live else None,
        included_at=live.included_at if live else None,
        final_at=live.final_at if live else None,
        failure=cashback.failure,
    )


def item_of(cashback: Cashback) -> CashbackItem:
    """Return a cashback as a list shows it."""
    return CashbackItem(
        id=cashback.id,
        purchase_id=cashback.purchase_id,
        user_id=cashback.user_id,
        merchant_id=cashback.merchant_id,
        programme_id=cashback.programme_id,
        state=cashback.state,
        reason=cashback.reason,
        currency=cashback.currency,
        amount_minor=str(cashback.amount),
        token_units=str(cashback.token_units),
        created_at=cashback.created_at,
        transaction_hash=cashback.transaction_hash,
    )


def _figures(figures: Balance) -> LedgerFigures:
    """Return the ledger's figures in one currency."""
    return LedgerFigures(
        currency=figures.currency,
        granted=_sum(figures.granted),
        pending=_sum(figures.pending),
        waiting=_sum(figures.waiting),
        in_flight=_sum(figures.in_flight),
        stuck=_sum(figures.stuck),
        minted=_sum(figures.minted),
        voided=_sum(figures.voided),
        netted=_sum(figures.netted),
        expired=_sum(figures.expired),
    )


def _on_chain(chain: ChainBalance) -> ChainFigure:
    """Return what stands on the chain."""
    return ChainFigure(token_units=chain.token_units, block_number=str(chain.block_number), block_hash=chain.block_hash)


def _sum(figure: Sum) -> SumStory:
    """Return one figure."""
    return SumStory(cashbacks=figure.cashbacks, amount_minor=str(figure.amount), token_units=str(figure.token_units))
