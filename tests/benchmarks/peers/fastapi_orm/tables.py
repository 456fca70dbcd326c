"""The tables as the peer's object-relational mapper knows them: those that recording a purchase reads or writes.

They are the service's own tables, with its constraints, indexes, triggers and rights. What the database numbers by
itself (positions) is left out, and rows are known by names of their own, so that no insert reads anything back.
"""

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, FetchedValue, LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

TYPES = {int: BigInteger, str: Text, bytes: LargeBinary, datetime: DateTime(timezone=True)}


class OfPurchases(DeclarativeBase):
    """A row of the schema `purchases`."""

    metadata = MetaData(schema="purchases")
    type_annotation_map = TYPES


class OfLedger(DeclarativeBase):
    """A row of the schema `ledger`."""

    metadata = MetaData(schema="ledger")
    type_annotation_map = TYPES


class ApiKey(OfPurchases):
    """An API key; its secret is there as an HMAC only."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    secret_hmac: Mapped[bytes]
    scope: Mapped[str]
    merchant_id: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class User(OfPurchases):
    """Who buys."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    is_blocked: Mapped[bool]
    tier: Mapped[str | None]


class Merchant(OfPurchases):
    """Where it is bought."""

    __tablename__ = "merchants"

    id: Mapped[str] = mapped_column(primary_key=True)
    is_active: Mapped[bool]
    mcc: Mapped[str | None]


class IdempotencyKey(OfPurchases):
    """A command that was accepted, and how it was answered."""

    __tablename__ = "idempotency_keys"

    owner: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    answer: Mapped[bytes | None]
    by_key: Mapped[str | None]
    resource: Mapped[str | None]
    created_at: Mapped[datetime]


class Purchase(OfPurchases):
    """A purchase as it was recorded."""

    __tablename__ = "purchases"

    id: Mapped[str] = mapped_column(primary_key=True)
    merchant_id: Mapped[str]
    user_id: Mapped[str]
    reference: Mapped[str | None]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]
    created_at: Mapped[datetime]
    is_named: Mapped[bool] = mapped_column(server_default=FetchedValue())


class Programme(OfLedger):
    """The terms under which cashback is granted."""

    __tablename__ = "programmes"

    id: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str]
    exponent: Mapped[int]
    token_rate_numerator: Mapped[int]
    token_rate_denominator: Mapped[int]
    created_at: Mapped[datetime]
    paused_at: Mapped[datetime | None]


class Accepted(OfLedger):
    """A currency that a programme takes."""

    __tablename__ = "programme_currencies"

    programme_id: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime | None]


class Ruleset(OfLedger):
    """What a programme pays: the percentage that it was started with."""

    __tablename__ = "rulesets"

    id: Mapped[str] = mapped_column(primary_key=True)
    programme_id: Mapped[str]
    version: Mapped[int]
    rate_bps: Mapped[int | None]
    digest: Mapped[bytes]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]


class Campaign(OfLedger):
    """Whose budget pays."""

    __tablename__ = "campaigns"

    id: Mapped[str] = mapped_column(primary_key=True)
    programme_id: Mapped[str]
    name: Mapped[str]
    closed_at: Mapped[datetime | None]


class Account(OfLedger):
    """An account of the books."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner: Mapped[str]
    currency: Mapped[str]
    stripe: Mapped[int]
    balance: Mapped[int]


class Cashback(OfLedger):
    """What a purchase earned, and what will become of it."""

    __tablename__ = "cashback_ledger"

    id: Mapped[str] = mapped_column(primary_key=True)
    purchase_id: Mapped[str]
    user_id: Mapped[str]
    merchant_id: Mapped[str]
    programme_id: Mapped[str | None]
    currency: Mapped[str]
    desired_minor: Mapped[int]
    amount_minor: Mapped[int]
    token_units: Mapped[int]
    net_minor: Mapped[int]
    payable_minor: Mapped[int]
    payable_units: Mapped[int]
    state: Mapped[str]
    reason: Mapped[str]
    traceparent: Mapped[str | None]
    grants: Mapped[bytes | None]
    approved_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Decision(OfLedger):
    """Everything that a decision saw and said."""

    __tablename__ = "decisions"

    cashback_id: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[bytes]


class Transition(OfLedger):
    """A step of a cashback's life; the peer takes the first one only."""

    __tablename__ = "cashback_transitions"

    cashback_id: Mapped[str] = mapped_column(primary_key=True)
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor: Mapped[str]
    cause: Mapped[str]
    at: Mapped[datetime]


class Transfer(OfLedger):
    """Money that moved from one account to another."""

    __tablename__ = "transfers"

    cashback_id: Mapped[str] = mapped_column(primary_key=True)
    debit_account: Mapped[int]
    credit_account: Mapped[int]
    currency: Mapped[str]
    amount: Mapped[int]
    debit_balance_after: Mapped[int]
    credit_balance_after: Mapped[int]
    cause: Mapped[str]
    at: Mapped[datetime]
    effective_at: Mapped[datetime | None]


class Told:
    """An event, in either outbox."""

    event_id: Mapped[str] = mapped_column(primary_key=True)
    partition: Mapped[int]
    type: Mapped[str]
    source: Mapped[str]
    key: Mapped[str]
    time: Mapped[datetime]
    data: Mapped[bytes]
    traceparent: Mapped[str | None]


class PurchaseEvent(Told, OfPurchases):
    """An event of the purchases' outbox."""

    __tablename__ = "outbox_events"


class LedgerEvent(Told, OfLedger):
    """An event of the ledger's outbox."""

    __tablename__ = "outbox_events"
