"""The peer: what most people would write today, a FastAPI application with an object-relational mapper.

request ─▶ pydantic ─▶ API key (remembered for five seconds, as ours) ─▶ one transaction ─▶ commit ─▶ answer

The transaction is committed before the answer is sent: FastAPI ends a dependency that yields only after it.
"""

import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tests.benchmarks.peers.fastapi_orm.bodies import PurchaseIn, PurchaseOut
from tests.benchmarks.peers.fastapi_orm.naming import new_traceparent
from tests.benchmarks.peers.fastapi_orm.recording import Asked, Refused, record
from tests.benchmarks.peers.fastapi_orm.tables import ApiKey

REMEMBERED_S = 5
AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Settings:
    """What the peer needs to know."""

    dsn: str
    pepper: str
    connections: int


@dataclass(frozen=True)
class Caller:
    """Who calls, and until when (monotonic seconds) that need not be looked up again."""

    key_id: str
    merchant_id: str | None
    until_s: float


def application(settings: Settings) -> FastAPI:
    """Return the application."""
    engine = create_async_engine(settings.dsn, pool_size=settings.connections, max_overflow=0)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        """Open the sessions, and close what they came from."""
        app.state.sessions = async_sessionmaker(engine, expire_on_commit=False)
        app.state.pepper = settings.pepper.encode()
        app.state.callers = {}
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)
    app.post("/v1/purchases", status_code=201, response_model=PurchaseOut)(create_purchase)
    app.get("/readyz")(ready)
    app.exception_handler(Refused)(refused)
    return app


async def authenticated(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
    """Return who calls.

    Raises:
        Refused: the key is unknown, revoked or expired.
    """
    state = request.app.state
    presented = hmac.digest(state.pepper, authorization.removeprefix("Bearer ").encode(), "sha256")
    caller: Caller | None = state.callers.get(presented)
    if caller is not None and caller.until_s > time.monotonic():
        return caller
    async with state.sessions() as session:
        key = await session.scalar(select(ApiKey).where(ApiKey.secret_hmac == presented))
    if key is None or key.revoked_at is not None or (key.expires_at or datetime.max.replace(tzinfo=UTC)) <= _now():
        raise Refused(401, "api_key_invalid", "present a valid API key as `Authorization: Bearer ...`")
    caller = Caller(key.id, key.merchant_id, time.monotonic() + REMEMBERED_S)
    state.callers[presented] = caller
    return caller


async def create_purchase(
    request: Request,
    purchase: PurchaseIn,
    caller: Annotated[Caller, Depends(authenticated)],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
    traceparent: Annotated[str | None, Header()] = None,
) -> Response:
    """Record a purchase and answer with its cashback decision, made in the same transaction."""
    now = _now()
    if caller.merchant_id not in (None, purchase.merchant_id):
        raise Refused(403, "not_yours", "a merchant records its own purchases only")
    if purchase.occurred_at > now + AHEAD:
        raise Refused(422, "field_invalid", "a purchase lies between 1970 and tomorrow")
    asked = Asked(
        owner=caller.merchant_id or "operator",
        key=idempotency_key,
        by_key=caller.key_id,
        traceparent=traceparent or new_traceparent(),
        now=now,
    )
    session: AsyncSession
    async with request.app.state.sessions.begin() as session:
        recorded = await record(session, purchase, asked)
    headers = {"Idempotency-Replayed": "true"} if recorded.is_replay else {}
    return Response(recorded.answer, status_code=201, media_type="application/json", headers=headers)


async def ready(request: Request) -> dict[str, str]:
    """Tell that the database answers."""
    async with request.app.state.sessions() as session:
        await session.execute(text("select 1"))
    return {"status": "ready"}


async def refused(_: Request, refusal: Refused) -> JSONResponse:
    """Answer a refusal as a problem (RFC 9457)."""
    problem = {
        "type": f"/docs/problems/{refusal.code}",
        "title": refusal.code,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
    }
    return JSONResponse(problem, status_code=refusal.status, media_type="application/problem+json")


def _now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)
