"""Many purchases in one request: each is recorded or refused for itself, and answered in its place."""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import JSONBody

from cashback.kernel.errors import Rejected
from cashback.kernel.http import IdempotencyKey, Problem, charge
from cashback.kernel.http.commands import kept
from cashback.kernel.http.problems import part_of_answer
from cashback.purchases.http.commands import command_route
from cashback.purchases.http.purchases import PurchaseBody, command_of
from cashback.purchases.model import NewPurchase, Outcome, PurchaseAnswer, Recorded
from cashback.purchases.service import Bulks

ITEMS_MAX: Final = 1_000
BULK_BYTES_MAX: Final = 2**22
_encoder: Final = msgspec.json.Encoder()


class BulkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Purchases that are told together; each is one as `POST /v1/purchases` takes it."""

    purchases: Annotated[list[PurchaseBody], msgspec.Meta(min_length=1, max_length=ITEMS_MAX)]


class BulkItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one purchase: `status` is what it would have been answered with by itself.

    With 201 there is the `purchase`, and `is_replay` where it was recorded before, `is_rebuilt` where that was so long
    ago that it is told as it stands now; with any other the `problem`, whose `pointer` begins at the whole request.
    """

    status: int
    is_replay: bool = False
    is_rebuilt: bool = False
    purchase: PurchaseAnswer | None = None
    problem: Problem | None = None


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of each purchase, in the order of the request, and how many were recorded, replayed and refused."""

    items: list[BulkItem]
    recorded: int
    replayed: int
    refused: int


@command_route(
    "/v1/purchases/bulk",
    operation_id="createPurchases",
    summary="Record many purchases",
    tag="Purchases",
    body_bytes_max=BULK_BYTES_MAX,
)
async def create_purchases(
    request: Request[Any, Any, Any],
    bulks: NamedDependency[Bulks],
    data: JSONBody[BulkBody],
    idempotency_key: IdempotencyKey,
) -> Response[BulkAnswer]:
    """Record up to 1,000 purchases, each by itself: one that is refused harms no other.

    The key stands for all of them. A request that was cut off is sent again as it was: what was recorded is answered
    again, and what was not is recorded, or tried again where it was refused.
    """
    # One was taken when it came.
    charge(request, len(data.purchases) - 1)
    outcomes = await bulks.record(
        [_command(request, body, idempotency_key, place) for place, body in enumerate(data.purchases)]
    )
    replayed = sum(isinstance(outcome, Recorded) and outcome.is_replay for outcome in outcomes)
    recorded = sum(isinstance(outcome, Recorded) for outcome in outcomes) - replayed
    document = {
        "items": [_item(outcome, place) for place, outcome in enumerate(outcomes)],
        "recorded": recorded,
        "replayed": replayed,
        "refused": len(outcomes) - recorded - replayed,
    }
    is_rebuilt = any(isinstance(outcome, Recorded) and outcome.is_rebuilt for outcome in outcomes)
    return kept(_encoder.encode(document), is_replay=replayed > 0 and not recorded, is_rebuilt=is_rebuilt)


def _command(request: Request[Any, Any, Any], body: PurchaseBody, key: str, place: int) -> NewPurchase:
    """Return the command of one purchase.

    Raises:
        Rejected: an operator did not say which merchant it is for, or a merchant named another one.
    """
    try:
        return command_of(request, body, key)
    except Rejected as error:
        error.fields["pointer"] = f"/purchases/{place}{error.fields['pointer']}"
        raise


def _item(outcome: Outcome, place: int) -> dict[str, object]:
    """Return what came of one purchase as a `BulkItem`; what was recorded in the very bytes that are kept."""
    if isinstance(outcome, Recorded):
        told: dict[str, object] = {"status": HTTPStatus.CREATED.value}
        if outcome.is_replay:
            told["is_replay"] = True
        if outcome.is_rebuilt:
            told["is_rebuilt"] = True
        return {**told, "purchase": msgspec.Raw(outcome.answer)}
    status, document = part_of_answer(outcome.error, within=f"/purchases/{place}")
    return {"status": status, "problem": msgspec.Raw(document)}


BULK_ROUTES = [create_purchases]
