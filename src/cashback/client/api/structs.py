"""What the API takes and tells: generated from docs/openapi.json, never edited."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from cashback.client.words import Word


class ActivityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a merchant is active now, and who said so first; nulls where nobody ever had to."""

    merchant_id: str
    is_active: bool
    is_news: bool
    person: str | None
    reason: str | None
    at: datetime | None


class ActivityItem(msgspec.Struct, frozen=True, kw_only=True):
    """A deactivation of a merchant, or the end of one: who said so, why and when."""

    is_active: bool
    person: str
    reason: str
    at: datetime


class ActivityPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a merchant's deactivations and the ends of them; `next_cursor` is null on the last one."""

    items: list[ActivityItem]
    next_cursor: str | None


class AdjustmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment in the words that leave the house.

    `token_units` is what a credit granted, or what a debit made the user owe: 0 as long as no mint was requested.
    `cashback_state` and `net_minor` are how its cashback stood when this was answered.
    """

    id: str
    kind: AdjustmentKind
    cashback_id: str
    cashback_state: State
    net_minor: str
    """An integer as a decimal string."""
    user_id: str
    programme_id: str
    campaign_id: str | None
    currency: str
    amount_minor: str
    """An integer as a decimal string."""
    token_units: str
    """An integer as a decimal string."""
    person: str
    reason: str
    at: datetime


class AdjustmentKind(Word):
    """Whether a person gives cashback or takes it back."""

    CREDIT = "credit"
    DEBIT = "debit"


class AdjustmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of adjustments, newest first; `next_cursor` is null on the last one."""

    items: list[AdjustmentAnswer]
    next_cursor: str | None


class AnchorState(Word):
    """How far the publication of a seal is; `superseded` says that a newer one was published in its place."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    SUBMITTED = "submitted"
    INCLUDED = "included"
    FINAL = "final"
    HELD = "held"
    SUPERSEDED = "superseded"


class AnchorStory(msgspec.Struct, frozen=True, kw_only=True):
    """How far the publication of a seal's hash is: what is not reached is null."""

    state: AnchorState
    transaction_hash: str | None
    block_number: str | None
    """A whole number, in decimal."""
    minter: str | None
    asked_at: datetime
    told_at: datetime | None


class ApiKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret: whose it is, what it was made for (null is all that its kind may), until when.

    `replaces` is the key that it was rotated from, `created_by` the one that asked for it; null is the command line.
    """

    id: str
    kind: str
    merchant_id: str | None
    label: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None
    created_by: str | None


class ApiKeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; an operator that names no merchant makes one of its own, a merchant makes its own alone."""

    label: str
    """Whose key it is, for people."""
    merchant_id: str | None | UnsetType = UNSET
    scopes: list[str] | None | UnsetType = UNSET
    """What it is made for; those of the caller's key when left out."""
    expires_at: str | None | UnsetType = UNSET
    """From then on it opens nothing."""


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of API keys; `next_cursor` is null on the last one."""

    items: list[ApiKeyAnswer]
    next_cursor: str | None


class BacktestBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which purchases: those recorded in `[since, until)`, all when left out; and how many changes to tell."""

    since: str | None | UnsetType = UNSET
    """With its offset."""
    until: str | None | UnsetType = UNSET
    """With its offset."""
    largest: int | UnsetType = UNSET


class BacktestStory(msgspec.Struct, frozen=True, kw_only=True):
    """What a backtest has found; nothing of it was stored.

    `passed_over` were decided by the first engine, which kept too little to decide anew. `past_unknown` were decided by
    rules that asked nothing of the user's past, where the rules tried do: they count as nobody's first purchase.
    `without_programme` were recorded within the window and taken by no programme, this one or another, so that no rules
    decide them. `given_back_minor` is what came back to the programme's budgets within the window and is left out.
    """

    ruleset: str
    programme_id: str
    currency: str
    since: datetime | None
    until: datetime | None
    purchases: int
    passed_over: int
    past_unknown: int
    without_programme: int
    given_back_minor: str
    """An integer as a decimal string."""
    recorded_minor: str
    """An integer as a decimal string."""
    draft_minor: str
    """An integer as a decimal string."""
    difference_minor: str
    """Minor units, below 0 where it falls."""
    by_purchase: Sides
    by_user: Sides
    by_merchant: Sides
    campaigns: list[CampaignCost]
    reasons: list[ReasonCount]
    limits: list[LimitCount]
    largest_rises: list[PurchaseChange]
    largest_falls: list[PurchaseChange]
    user_rises: list[UserChange]
    user_falls: list[UserChange]


class BalanceAt(msgspec.Struct, frozen=True, kw_only=True):
    """A user's balances at an instant, by one of the two times.

    Before the first movement everything is 0 and `is_before_first` says why; `first_at` is when that was, by the same
    time, and null when there never was one.
    """

    user_id: str
    basis: Literal["known", "effective"]
    at: datetime
    is_before_first: bool
    first_at: datetime | None
    money: list[CurrencyAt]
    tokens: list[CurrencyAt]


class BalanceStory(msgspec.Struct, frozen=True, kw_only=True):
    """A user's balance, twice: the ledger's figures and the chain's, which is the truth.

    `on_chain` is null when the user has no wallet, or when the adapter did not answer in time; then `is_stale` is true
    and the ledger's `minted` is the best figure there is.
    """

    user_id: str
    wallet: str | None
    ledger: list[LedgerFigures]
    on_chain: ChainFigure | None
    is_stale: bool


class BlockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user is blocked now, and who said so first; nulls where nobody ever had to."""

    user_id: str
    is_blocked: bool
    is_news: bool
    person: str | None
    reason: str | None
    at: datetime | None


class BlockItem(msgspec.Struct, frozen=True, kw_only=True):
    """A block of a user, or the end of one: who said so, why and when."""

    is_blocked: bool
    person: str
    reason: str
    at: datetime


class BlockPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a user's blocks and the ends of them; `next_cursor` is null on the last one."""

    items: list[BlockItem]
    next_cursor: str | None


class BudgetBody(msgspec.Struct, frozen=True, kw_only=True):
    """By how much a budget is raised or lowered, and why."""

    amount_minor: str
    """An integer as a decimal string."""
    reason: str


class BudgetStory(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a campaign's budget: `funded` = `left` + `reserved` + `spent`; days without either are left out.

    `forecast` is null where nothing was spent on the whole days that were looked at.
    """

    campaign_id: str
    currency: str
    funded_minor: str
    """An integer as a decimal string."""
    left_minor: str
    """An integer as a decimal string."""
    reserved_minor: str
    """An integer as a decimal string."""
    spent_minor: str
    """An integer as a decimal string."""
    given_back_minor: str
    """An integer as a decimal string."""
    days: list[DayAnswer]
    forecast: Forecast | None


class BulkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of each purchase, in the order of the request, and how many were recorded, replayed and refused."""

    items: list[BulkItem]
    recorded: int
    replayed: int
    refused: int


class BulkBody(msgspec.Struct, frozen=True, kw_only=True):
    """Purchases that are told together; each is one as `POST /v1/purchases` takes it."""

    purchases: list[PurchaseBody]


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one purchase: `status` is what it would have been answered with by itself.

    With 201 there is the `purchase`, and `is_replay` where it was recorded before, `is_rebuilt` where that was so long
    ago that it is told as it stands now; with any other the `problem`, whose `pointer` begins at the whole request.
    """

    status: int
    is_replay: bool | UnsetType = UNSET
    is_rebuilt: bool | UnsetType = UNSET
    purchase: PurchaseAnswer | None | UnsetType = UNSET
    problem: Problem | None | UnsetType = UNSET


class CampaignAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with its budget, in the words that leave the house."""

    id: str
    programme_id: str
    name: str
    currency: str
    starts_at: datetime
    ends_at: datetime | None
    day_limit_minor: str | None
    """An integer as a decimal string."""
    on_exhaustion: str
    stripes: int
    budget_minor: str
    """An integer as a decimal string."""
    budget_left_minor: str
    """An integer as a decimal string."""
    created_at: datetime
    closed_at: datetime | None


class CampaignBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new campaign: for which programme, with which budget in all; without a start it starts at once.

    `stripes` is over how many accounts the budget is split, so that many are granted from it at the same time.
    """

    programme_id: str
    name: str
    budget_minor: str
    """An integer as a decimal string."""
    starts_at: str | None | UnsetType = UNSET
    ends_at: str | None | UnsetType = UNSET
    day_limit_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    on_exhaustion: Literal["partial_fill", "decline", "waitlist"] | UnsetType = UNSET
    stripes: int | UnsetType = UNSET


class CampaignCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one campaign paid and would have paid; its budget for the window, and when that would have run short.

    `given_back_minor` is what refunds, rejections and expiries gave back to its budget within the window: recording
    could pay it out again, a backtest does not.
    """

    campaign_id: str
    recorded_minor: str
    """An integer as a decimal string."""
    draft_minor: str
    """An integer as a decimal string."""
    difference_minor: str
    """Minor units, below 0 where it falls."""
    budget_minor: str
    """An integer as a decimal string."""
    left_minor: str
    """An integer as a decimal string."""
    given_back_minor: str
    """An integer as a decimal string."""
    short_at: datetime | None


class CampaignPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's campaigns; `next_cursor` is null on the last one."""

    items: list[CampaignAnswer]
    next_cursor: str | None


class CashbackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase earned, decided when it was recorded; `reason` is a stable code, `explanation` its sentence."""

    id: str
    state: str
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    token_units: str
    """An integer as a decimal string."""
    reason: str
    explanation: str


class CashbackItem(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback in a list."""

    id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    programme_id: str | None
    state: State
    reason: Reason
    currency: str
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    created_at: datetime
    transaction_hash: str | None


class CashbackPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a user's cashback; `next_cursor` is null on the last one."""

    items: list[CashbackItem]
    next_cursor: str | None


class CashbackStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback, why it is what it is, and its whole timeline."""

    id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    programme_id: str | None
    state: State
    reason: Reason
    explanation: str
    currency: str
    desired_minor: str
    """A whole number, in decimal."""
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    created_at: datetime
    mint: MintStory | None
    timeline: list[StepStory]
    adjustment_id: str | None | UnsetType = UNSET
    adjusted_because: str | None | UnsetType = UNSET


class ChainFigure(msgspec.Struct, frozen=True, kw_only=True):
    """What the token contract says the wallet holds, in base units, at that block."""

    token_units: str
    """A whole number, in decimal."""
    block_number: str
    """A whole number, in decimal."""
    block_hash: str


class ChainWord(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mint has come on the chain by the adapter's live word; what it has not reached is null.

    `state` is `unknown`, `accepted`, `submitted`, `included`, `safe`, `final`, `held` or `refused`.
    """

    state: str
    transaction_hash: str | None
    block_number: str | None
    """A whole number, in decimal."""
    submitted_at: datetime | None
    included_at: datetime | None
    final_at: datetime | None


class ChallengeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet is to sign, character for character, and until when that is worth anything."""

    nonce: str
    user_id: str
    wallet: str
    message: str
    chain_id: int
    issued_at: datetime
    expires_at: datetime


class ChallengeBody(msgspec.Struct, frozen=True, kw_only=True):
    """The wallet that a user says is theirs."""

    wallet: str
    """An EVM address with its EIP-55 checksum."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference: where, in words, and what stands there before and after; None where nothing does.

    Rules, groups, tiers and checks are known by their ids: the pointer of what was removed is that of the old document.
    """

    kind: ChangeKind
    pointer: str
    words: str
    before: object | UnsetType = UNSET
    after: object | UnsetType = UNSET


class ChangeKind(Word):
    """What happened to a place in a document."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class CreditBody(msgspec.Struct, frozen=True, kw_only=True):
    """Cashback for a user that no purchase earned, in minor units of the programme's funding currency.

    Out of a campaign's budget, or, without one, out of the programme's own funds.
    """

    person: str
    """Who decides this."""
    reason: str
    """Why; it is kept."""
    user_id: str
    programme_id: str
    amount_minor: str
    """An integer as a decimal string."""
    campaign_id: str | None | UnsetType = UNSET
    kind: Literal["credit"] = "credit"


class CurrencyAt(msgspec.Struct, frozen=True, kw_only=True):
    """What a user had in one currency, in all and by account: what is in flight counts."""

    currency: str
    exponent: int
    total: str
    """A whole number, in decimal, perhaps below 0."""
    accounts: list[Holding]


class CurrencyTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One currency: debits and credits must be equal (I8)."""

    currency: str
    exponent: int
    debit: str
    """A whole number, in decimal."""
    credit: str
    """A whole number, in decimal."""
    is_balanced: bool
    kinds: list[KindTotal]


class DayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign granted on a day of its programme's time zone, and what came back to its budget."""

    day: str
    granted_minor: str
    """An integer as a decimal string."""
    given_back_minor: str
    """An integer as a decimal string."""


class DebitBody(msgspec.Struct, frozen=True, kw_only=True):
    """So much of a cashback to be taken back, at most what is left of it."""

    person: str
    """Who decides this."""
    reason: str
    """Why; it is kept."""
    cashback_id: str
    amount_minor: str
    """An integer as a decimal string."""
    kind: Literal["debit"] = "debit"


class DebtStory(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked back of a user or of all users of a programme, in base units of the token.

    `requested` is all that was ever asked back; `collected` was kept from later cashback; `uncollected` is the rest, of
    which `written_off` was given up and `open` is still owed.
    """

    id: str
    token: str
    requested: str
    """An integer as a decimal string."""
    collected: str
    """An integer as a decimal string."""
    uncollected: str
    """An integer as a decimal string."""
    written_off: str
    """An integer as a decimal string."""
    open: str
    """An integer as a decimal string."""


class DebtorPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of users in debt; `next_cursor` is null on the last one."""

    items: list[DebtorStory]
    next_cursor: str | None


class DebtorStory(msgspec.Struct, frozen=True, kw_only=True):
    """A user in debt: how much is owed, and since when."""

    user_id: str
    token_units: str
    """An integer as a decimal string."""
    since: datetime


class DecisionDiffers(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that does not come back byte for byte, and why."""

    cashback_id: str
    detail: str


class DecisionStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a decision, in the order of a tree read from the top; those below it are one deeper."""

    depth: int
    code: str
    text: str


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was done: when, with which API key, in whose name, what it is called, and what came of it.

    `merchant_id` is null for the operator's own. `key_id` is null for what came from the command line; `what` and
    `resource` are null for what was done before they were written down, `resource` also where there is nothing to name.
    """

    at: datetime
    key_id: str | None
    merchant_id: str | None
    what: str | None
    resource: str | None


class DeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the log; `next_cursor` is null on the last one, and on no other, however few items there are."""

    items: list[Deed]
    next_cursor: str | None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of deliveries; `next_cursor` is null on the last one."""

    items: list[DeliveryStory]
    next_cursor: str | None


class DeliveryState(Word):
    """Where a delivery stands: `due` and `claimed` are open, the others are its end."""

    DUE = "due"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryStory(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as it is told, with its last try: when that was, and the status of the answer or why there was none.

    `due_at` is when it is tried next; while a worker tries it (`claimed`), when another one may, should that one die.
    The answer to a command that is given again may be older than what is told of the last try.
    """

    id: str
    endpoint_id: str
    event_id: str
    type: str
    occurred_at: datetime
    replay_of: str | None
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None
    last_try_at: datetime | None | UnsetType = UNSET
    last_status: int | None | UnsetType = UNSET
    last_error: str | None | UnsetType = UNSET


class DeliveryWithTries(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery and its tries, the first one first."""

    delivery: DeliveryStory
    tries: list[Try]


class DiffAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one ruleset to another; rules, groups and tiers are told apart by their ids."""

    changes: list[Change]


class DisabledReason(Word):
    """Why an endpoint hears of nothing: by a person's hand, by its own 410, or since it failed for five days."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


class Disclosed(Word):
    """What was done with a user's data as a whole."""

    EXPORT = "export"
    ERASURE = "erasure"


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """That a user's data was told as a whole, or erased: when, with which API key (null: with none), in which trace."""

    at: datetime
    what: Disclosed
    key_id: str | None
    trace_id: str | None


class DocumentBody(msgspec.Struct, frozen=True, kw_only=True):
    """A draft's whole new ruleset."""

    document: dict[str, object]


class DraftAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A draft without its document; `ruleset_id` is the version it was published as."""

    id: str
    programme_id: str
    name: str
    revision: int
    created_at: datetime
    changed_at: datetime
    discarded_at: datetime | None
    ruleset_id: str | None


class DraftBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new draft: for which programme, what people call it, and the ruleset."""

    programme_id: str
    name: str
    document: dict[str, object]


class DraftPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's drafts; `next_cursor` is null on the last one."""

    items: list[DraftAnswer]
    next_cursor: str | None


class DraftStory(msgspec.Struct, frozen=True, kw_only=True):
    """A draft with its document."""

    id: str
    programme_id: str
    name: str
    revision: int
    created_at: datetime
    changed_at: datetime
    discarded_at: datetime | None
    ruleset_id: str | None
    document: dict[str, object]


class Ended(Word):
    """How a change of a wallet ended."""

    APPLIED = "applied"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a merchant hears of events of some types; without a merchant it is the operator's, who hears of all."""

    id: str
    merchant_id: str | None
    url: str
    types: list[str]
    state: EndpointState
    disabled_reason: DisabledReason | None
    disabled_at: datetime | None
    failing_since: datetime | None
    created_at: datetime


class EndpointBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new endpoint; an operator that names no merchant makes one of its own, which hears of everybody's events."""

    url: str
    """`https://`, at a public address."""
    types: list[str]
    """The types of events to hear of."""
    merchant_id: str | None | UnsetType = UNSET


class EndpointChangeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Where an endpoint is, and what it hears of, from now on; what is left out stays."""

    url: str | None | UnsetType = UNSET
    """`https://`, at a public address."""
    types: list[str] | None | UnsetType = UNSET
    """The types of events to hear of."""


class EndpointPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of endpoints; `next_cursor` is null on the last one."""

    items: list[Endpoint]
    next_cursor: str | None


class EndpointSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What deliveries to an endpoint are signed with: `whsec_` and base64, as Standard Webhooks has it."""

    secret: str


class EndpointState(Word):
    """Whether events are delivered to an endpoint."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class ErasureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """That a user's data is erased, since when, and who had it done first and why; the user stays blocked."""

    user_id: str
    erased_at: datetime
    is_news: bool
    person: str
    reason: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the purchase or cashback `object_id`; its `id` is the same wherever it is told.

    `merchant_id` is whose it is: what was given by hand is the operator's alone.
    """

    id: str
    type: str
    object_id: str
    merchant_id: str | None
    occurred_at: datetime
    body: PostedBody


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of events; `next_cursor` is null on the last one."""

    items: list[Event]
    next_cursor: str | None


class Expandable(Word):
    """What is told of mints on demand alone: it takes a question to somebody else."""

    CHAIN = "chain"


class ExpiringList(msgspec.Struct, frozen=True, kw_only=True):
    """What expires soon; whoever links a wallet leaves the list."""

    items: list[ExpiringStory]


class ExpiringStory(msgspec.Struct, frozen=True, kw_only=True):
    """An approved cashback that expires unless a wallet is linked, in the words that leave the house."""

    cashback_id: str
    user_id: str
    currency: str
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    expires_at: datetime


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A stored decision: its reason, the sentence of it, and its steps; the first engine stored none.

    What a person gave was decided by no engine, which is 0 then.
    """

    cashback_id: str
    purchase_id: str | None
    engine: int
    reason: str
    text: str
    steps: list[DecisionStep]


class Fault(Word):
    """What is wrong; the codes are stable."""

    RULE_REPEATED = "rule_repeated"
    GROUP_REPEATED = "group_repeated"
    TIER_REPEATED = "tier_repeated"
    GROUP_UNKNOWN = "group_unknown"
    TIER_UNKNOWN = "tier_unknown"
    CAMPAIGN_UNKNOWN = "campaign_unknown"
    CAMPAIGNS_TOO_MANY = "campaigns_too_many"
    GROUP_UNUSED = "group_unused"
    MCC_MALFORMED = "mcc_malformed"
    CURRENCY_UNKNOWN = "currency_unknown"
    CURRENCY_WITHDRAWN = "currency_withdrawn"
    TIME_ZONE_UNKNOWN = "time_zone_unknown"
    WINDOW_REVERSED = "window_reversed"
    AMOUNTS_REVERSED = "amounts_reversed"
    HOURS_WHOLE_DAY = "hours_whole_day"
    AMOUNT_ZERO = "amount_zero"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    RATE_ZERO = "rate_zero"
    RATE_ABSURD = "rate_absurd"
    RATES_ABSURD = "rates_absurd"
    BRACKETS_OUT_OF_ORDER = "brackets_out_of_order"
    LIMITS_OUT_OF_ORDER = "limits_out_of_order"
    REVIEW_NEVER = "review_never"
    NEVER_HOLDS = "never_holds"
    GATE_CONTRADICTS = "gate_contradicts"
    NEVER_WINS = "never_wins"
    SHADOWED = "shadowed"
    COUNTED_TWICE = "counted_twice"
    CHECK_REPEATED = "check_repeated"
    TIME_WITHOUT_OFFSET = "time_without_offset"
    GRANT_ABOVE_LIMIT = "grant_above_limit"
    GRANT_UNBOUNDED = "grant_unbounded"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A currency's balance at the beginning and at the end of a period."""

    currency: str
    exponent: int
    opening: str
    """A whole number, in decimal, perhaps below 0."""
    closing: str
    """A whole number, in decimal, perhaps below 0."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where it stands in the document (RFC 6901), and a sentence for people."""

    code: Fault
    severity: Severity
    pointer: str
    detail: str


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The day on which a budget ends if spending goes on as it did; `latest` is null when it may last for ever.

    `day` follows the mean of `days_seen` whole days; `earliest` and `latest` the busiest and the quietest stretch of
    `stretch_days` days among them. With less than twice that many days seen the two say little.
    """

    day: str
    earliest: str
    latest: str | None
    days_seen: int
    stretch_days: int
    method: str | UnsetType = UNSET


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """What one of a user's accounts held."""

    account: str
    amount: str
    """A whole number, in decimal, perhaps below 0."""


class KindTotal(msgspec.Struct, frozen=True, kw_only=True):
    """All accounts of a kind in one currency: what they owe under `debit`, what they hold under `credit`."""

    kind: str
    accounts: int
    debit: str
    """A whole number, in decimal."""
    credit: str
    """A whole number, in decimal."""


class LedgerFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger's figures in one currency; `granted` is the sum of all the others, in money and in tokens.

    `pending` is held or in review, `waiting` is approved and has no request yet. What was returned of a cashback before
    its request is in `voided`, the tokens that were kept against debt are in `netted`.
    """

    currency: str
    granted: SumStory
    pending: SumStory
    waiting: SumStory
    in_flight: SumStory
    stuck: SumStory
    minted: SumStory
    voided: SumStory
    netted: SumStory
    expired: SumStory


class LimitCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many purchases a limit would have cut."""

    limit: str
    purchases: int


class LineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase, as it was given."""

    amount_minor: str
    """An integer as a decimal string."""
    sku: str | None | UnsetType = UNSET
    category: str | None | UnsetType = UNSET
    quantity: int | None | UnsetType = UNSET


class LineBody(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase; it may be returned by itself."""

    amount_minor: str
    """An integer as a decimal string."""
    sku: str | None | UnsetType = UNSET
    category: str | None | UnsetType = UNSET
    quantity: int | None | UnsetType = UNSET


class LineProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line was not recorded; its `pointer` is one into the line."""

    line: int
    problem: Problem


class LintAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a ruleset, errors first; `is_publishable` without any error."""

    is_publishable: bool
    findings: list[Finding]


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant; also the answer to creating one."""

    id: str
    name: str
    is_active: bool
    created_at: datetime
    mcc: str | None | UnsetType = UNSET
    owners: list[str] | UnsetType = UNSET
    inactive_since: datetime | None | UnsetType = UNSET


class MerchantBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new merchant."""

    name: str
    mcc: str | None | UnsetType = UNSET
    """The category code of ISO 18245."""
    owners: list[str] | UnsetType = UNSET
    """The users who own it: what they buy there is self-dealing."""


class MerchantFactsBody(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's category code (ISO 18245) and the users who own it; both are set, what is left out is none."""

    mcc: str | None | UnsetType = UNSET
    owners: list[str] | UnsetType = UNSET


class MerchantNameBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant is called from now on."""

    name: str


class MerchantPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of merchants, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[Merchant]
    next_cursor: str | None


class Mint(msgspec.Struct, frozen=True, kw_only=True):
    """A mint of a cashback, by the number that the token allows once.

    `minted` stands in a final block, whose place is given, also when its purchase was returned since. `stuck` wants a
    person, and `failure` says why; `retired` gave its number up for good, and its cashback may have another one by now.

    `chain` is the adapter's live word, where it was asked for by `expand=chain`; `is_stale` says that the adapter did
    not answer in time, and that the ledger's own figures are all that is told.
    """

    number: str
    """A whole number, in decimal."""
    state: MintStanding
    cashback_id: str
    purchase_id: str | None
    user_id: str
    merchant_id: str | None
    recipient: str
    token_units: str
    """A whole number, in decimal."""
    requested_at: datetime
    minted_at: datetime | None
    transaction_hash: str | None
    block_number: str | None
    """A whole number, in decimal."""
    block_hash: str | None
    failure: str | None
    chain: ChainWord | None
    is_stale: bool


class MintPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of mints; `next_cursor` is null on the last one."""

    items: list[Mint]
    next_cursor: str | None


class MintStanding(Word):
    """Where a mint stands: under way, on the chain, stopped until a person has looked, or its number given up."""

    REQUESTED = "requested"
    MINTED = "minted"
    STUCK = "stuck"
    RETIRED = "retired"


class MintStory(msgspec.Struct, frozen=True, kw_only=True):
    """The mint of a cashback: what was frozen at its request, and how far it has come on the chain.

    `chain_state` is the adapter's live word (`unknown`, `accepted`, `submitted`, `included`, `safe`, `final`, `held`,
    `refused`), or null and `is_stale` when the adapter did not answer in time; the ledger's own figures are given all
    the same.
    """

    number: str
    """A whole number, in decimal."""
    recipient: str
    token_units: str
    """A whole number, in decimal."""
    requested_at: datetime
    chain_state: str | None
    is_stale: bool
    transaction_hash: str | None
    block_number: str | None
    """A whole number, in decimal."""
    submitted_at: datetime | None
    included_at: datetime | None
    final_at: datetime | None
    failure: str | None


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request, in the `code` and `detail` that it would have had alone.

    `pointer` is a JSON pointer (RFC 6901) into the request's body; `parameter` names a header, a part of the path or of
    the query.
    """

    code: str
    detail: str
    pointer: str | None | UnsetType = UNSET
    parameter: str | None | UnsetType = UNSET


class NewApiKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new API key; `secret` is told in the first answer alone, and null in every other: who lost it rotates."""

    id: str
    kind: str
    merchant_id: str | None
    label: str
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    replaces: str | None
    created_by: str | None
    secret: str | None


class NoBody(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing: an empty object."""


class NothingBody(msgspec.Struct, frozen=True, kw_only=True):
    """An empty object: the path says it all."""


class OpenStory(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what a user owes: since when, and of which programme."""

    programme_id: str
    token_units: str
    """An integer as a decimal string."""
    since: datetime


class Order(Word):
    """Newest first (`desc`), or oldest first (`asc`)."""

    ASC = "asc"
    DESC = "desc"


class OrderBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who orders something, and why; both are kept."""

    person: str
    """Who decides this."""
    reason: str
    """Why; it is kept."""


class ParkedPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of parked refunds; `next_cursor` is null on the last one."""

    items: list[RefundAnswer]
    next_cursor: str | None


class PauseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a programme stands after a pause, or after the end of one; `is_news` is false when it stood so before."""

    programme_id: str
    is_paused: bool
    is_news: bool
    person: str
    reason: str
    at: datetime


class PausePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's pauses and their ends; `next_cursor` is null on the last one."""

    items: list[PauseStory]
    next_cursor: str | None


class PauseStory(msgspec.Struct, frozen=True, kw_only=True):
    """One pause of a programme, or the end of one, as it was written down: who, why and when."""

    number: str
    """A whole number, in decimal."""
    is_paused: bool
    person: str
    reason: str
    at: datetime


class PostedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What endpoints are posted of an event, byte for byte; `data` is as its type has it in docs/events.md."""

    type: str
    timestamp: datetime
    data: dict[str, object]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document: `code` is for programs and never changes, `detail` is for people, `type` is a page about it.

    `pointer` is a JSON pointer (RFC 6901) into the request's body; `parameter` names a header, a part of the path or of
    the query. Where several things are wrong, `errors` are all of them, the first one included, and no more than 20.
    Further members belong to the code.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str
    pointer: str | None | UnsetType = UNSET
    parameter: str | None | UnsetType = UNSET
    errors: list[Mistake] | UnsetType = UNSET


class ProgrammeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with what is left of its budget, in the words that leave the house."""

    id: str
    name: str
    currency: str
    exponent: int
    rate_bps: int | None
    ruleset_id: str | None
    ruleset_version: int | None
    token_rate_numerator: int
    token_rate_denominator: int
    budget_minor: str
    """An integer as a decimal string."""
    budget_left_minor: str
    """An integer as a decimal string."""
    created_at: datetime
    ended_at: datetime | None
    time_zone: str
    hold_days: int
    refund_policy: str
    expire_after_days: int | None
    write_off_after_days: int | None
    accepts: list[str]
    review_above_minor: str | None
    """An integer as a decimal string."""
    second_above_minor: str | None
    """An integer as a decimal string."""
    users_per_wallet: int | UnsetType = UNSET


class ProgrammeBody(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a new programme; the same name with the same terms again changes nothing.

    With `rate_bps` and `budget_minor` it starts with one percentage paid by a campaign `base`; with neither, empty.
    A grant above `review_above_minor` waits for a person, and what is reviewed above `second_above_minor` for two.
    A wallet is one user's, or of up to `users_per_wallet` while this programme is in force.
    """

    name: str
    currency: str
    rate_bps: int | None | UnsetType = UNSET
    budget_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    token_rate_numerator: int | UnsetType = UNSET
    token_rate_denominator: int | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    hold_days: int | UnsetType = UNSET
    refund_policy: Literal["net_future", "write_off"] | UnsetType = UNSET
    expire_after_days: int | None | UnsetType = UNSET
    write_off_after_days: int | None | UnsetType = UNSET
    accepts: list[str] | UnsetType = UNSET
    review_above_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    second_above_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    users_per_wallet: int | UnsetType = UNSET


class ProgrammeDebtPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what programmes asked back; `next_cursor` is null on the last one."""

    items: list[DebtStory]
    next_cursor: str | None


class ProgrammePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of programmes; `next_cursor` is null on the last one."""

    items: list[ProgrammeAnswer]
    next_cursor: str | None


class ProofAnchor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the hash of a stretch's last seal stands on the chain: `Anchored(root, upTo)` of the minter contract."""

    state: AnchorState
    root: str
    up_to: str
    transaction_hash: str | None
    block_number: str | None
    """A whole number, in decimal."""
    minter: str | None


class ProofBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the wallet has signed: the message of the challenge with this nonce, as `personal_sign` does."""

    nonce: str
    signature: str
    """Hexadecimal with 0x: of a key, or whatever a contract takes."""


class ProofStretch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive seals as their bytes; the hash of the last one is anchored, unless `anchor` is null: not yet."""

    seals: list[str]
    anchor: ProofAnchor | None


class ProvedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer of the cashback: its number among the leaves, its bytes, and the path to the root of its seal."""

    leaf: str
    seal: str
    content: str
    path: list[str]


class PurchaseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a recorded purchase; `lines` is there when the purchase came with lines."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    occurred_at: datetime
    received_at: datetime
    cashback: CashbackAnswer
    lines: list[LineAnswer] | UnsetType = UNSET


class PurchaseBody(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase; `merchant_id` may be left out by a merchant's own key."""

    user_id: str
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: str
    """When it was bought, with its offset: from 1970 on, and at most a day ahead of our clock."""
    merchant_id: str | None | UnsetType = UNSET
    reference: str | None | UnsetType = UNSET
    lines: list[LineBody] | None | UnsetType = UNSET
    """Together they are the amount."""


class PurchaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase that would have been granted another amount."""

    purchase_id: str
    user_id: str
    recorded_minor: str
    """An integer as a decimal string."""
    draft_minor: str
    """An integer as a decimal string."""
    difference_minor: str
    """Minor units, below 0 where it falls."""
    reason: str


class PurchaseItem(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase in a list; `lines` when it came with lines, `cashback` and `refunds` when they were asked for."""

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    occurred_at: datetime
    received_at: datetime
    lines: list[LineAnswer] | UnsetType = UNSET
    cashback: CashbackItem | None | UnsetType = UNSET
    refunds: RefundsShown | None | UnsetType = UNSET


class PurchasePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of purchases, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[PurchaseItem]
    next_cursor: str | None


class PurchaseStory(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as it was recorded, and its cashback with the whole timeline.

    `lines` are there when it came with lines, `refunds` when they were asked for.
    """

    id: str
    merchant_id: str
    user_id: str
    reference: str | None
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    occurred_at: datetime
    received_at: datetime
    cashback: CashbackStory
    lines: list[LineAnswer] | UnsetType = UNSET
    refunds: RefundsShown | None | UnsetType = UNSET


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as it is stored and told: in force from `as_of` until the next one of its pair."""

    base: str
    quote: str
    numerator: int
    denominator: int
    source: str
    as_of: datetime
    is_confirmed: bool
    recorded_at: datetime


class RateBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whole units of `quote` for one whole unit of `base`, as a ratio; as of now when no time is named.

    `is_confirmed` lets a rate pass that is more than twice the one before, or less than half of it.
    """

    base: str
    quote: str
    numerator: int
    denominator: int
    source: str
    as_of: str | None | UnsetType = UNSET
    is_confirmed: bool | UnsetType = UNSET


class RatePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of exchange rates; `next_cursor` is null on the last one."""

    items: list[Rate]
    next_cursor: str | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every dependency answers, and what is wrong with those that do not, by name."""

    status: str
    problems: dict[str, str]


class Reason(Word):
    """Why a decision fell as it did; the codes are stable, their sentences are those of `rules.explain`."""

    GRANTED = "granted"
    GRANTED_PARTLY = "granted_partly"
    NO_PROGRAMME = "no_programme"
    USER_BLOCKED = "user_blocked"
    MERCHANT_INACTIVE = "merchant_inactive"
    CURRENCY_UNSUPPORTED = "currency_unsupported"
    BELOW_MINOR_UNIT = "below_minor_unit"
    BUDGET_EXHAUSTED = "budget_exhausted"
    BELOW_TOKEN_UNIT = "below_token_unit"
    ABOVE_TOKEN_RANGE = "above_token_range"
    NO_RULESET = "no_ruleset"
    PROGRAMME_PAUSED = "programme_paused"
    MERCHANT_EXCLUDED = "merchant_excluded"
    MCC_EXCLUDED = "mcc_excluded"
    NO_EXCHANGE_RATE = "no_exchange_rate"
    NOTHING_PAID = "nothing_paid"
    BELOW_MINIMUM = "below_minimum"
    TOO_OLD = "too_old"
    NO_RULE_MATCHED = "no_rule_matched"
    TIER_EARNS_NOTHING = "tier_earns_nothing"
    TOO_MANY_PURCHASES = "too_many_purchases"
    WALLET_SHARED = "wallet_shared"
    REFUND_RATIO_HIGH = "refund_ratio_high"
    SELF_DEALING = "self_dealing"
    PURCHASE_LIMIT = "purchase_limit"
    USER_DAY_LIMIT = "user_day_limit"
    USER_MONTH_LIMIT = "user_month_limit"
    USER_LIFETIME_LIMIT = "user_lifetime_limit"
    MERCHANT_DAY_LIMIT = "merchant_day_limit"
    CAMPAIGN_DAY_LIMIT = "campaign_day_limit"
    BUDGET_WAITLISTED = "budget_waitlisted"
    ABOVE_MONEY_RANGE = "above_money_range"
    REVIEW_ABOVE = "review_above"
    CAMPAIGN_OVER = "campaign_over"
    WAITED_TOO_LONG = "waited_too_long"
    ADJUSTED = "adjusted"


class ReasonBody(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is ordered, for whoever reads the records."""

    reason: str


class ReasonCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many purchases were decided for a reason, and would have been."""

    reason: str
    recorded: int
    draft: int


class RecomputationPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the computations of all balances; `next_cursor` is null on the last one."""

    items: list[RecomputationStory]
    next_cursor: str | None


class RecomputationStory(msgspec.Struct, frozen=True, kw_only=True):
    """One computation of every balance from its transfers; `first_difference` names the first account that differed."""

    number: str
    """A whole number, in decimal."""
    by: str
    began_at: datetime
    ended_at: datetime
    accounts: int
    entries: int
    differences: int
    first_difference: str | None


class ReconciliationPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the reconciliation's runs; `next_cursor` is null on the last one."""

    items: list[ReconciliationStory]
    next_cursor: str | None


class ReconciliationStory(msgspec.Struct, frozen=True, kw_only=True):
    """One run of `cashback reconcile`: what was compared up to which block, and how many findings of each kind it had.

    `after_block` is where the run that it went on from had ended, null for a whole one; `settled_to` is null where no
    other goes on from it. `requested` and `logs` are counted, the other figures are base units of the token.
    """

    number: str
    """A whole number, in decimal."""
    mode: str
    reason: str
    asked_by: str
    began_at: datetime
    ended_at: datetime
    after_block: str | None
    """A whole number, in decimal."""
    at_block: str
    """A whole number, in decimal."""
    at_block_hash: str
    requested: str
    """A whole number, in decimal."""
    logs: str
    """A whole number, in decimal."""
    logs_amount: str
    """A whole number, in decimal."""
    burned: str
    """A whole number, in decimal."""
    explained: str | None
    """A whole number, in decimal."""
    total_supply: str
    """A whole number, in decimal."""
    findings_count: int
    kinds: dict[str, int]
    settled_to: str | None
    """A whole number, in decimal."""


class RefundAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a refund; while it is parked there is neither a purchase nor a cashback.

    `code` says why it was refused when its purchase came.
    """

    id: str
    state: RefundState
    merchant_id: str
    purchase_id: str | None
    purchase_reference: str | None
    reference: str | None
    kind: RefundKind
    reason: str
    amount_minor: str
    """An integer as a decimal string."""
    currency: str | None
    lines: list[RefundLineAnswer]
    created_at: datetime
    cashback: TakenBack | None
    code: str | None | UnsetType = UNSET


class RefundBody(msgspec.Struct, frozen=True, kw_only=True):
    """A refund, by lines or by amount, of a purchase named by its id or by the merchant's reference.

    With a reference that no purchase has yet it is parked for 90 days, and applied when that is recorded. An operator
    names the merchant with a reference.
    """

    reason: str
    purchase_id: str | None | UnsetType = UNSET
    purchase_reference: str | None | UnsetType = UNSET
    lines: list[RefundLineBody] | None | UnsetType = UNSET
    amount_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    kind: RefundKind | UnsetType = UNSET
    merchant_id: str | None | UnsetType = UNSET
    reference: str | None | UnsetType = UNSET


class RefundKind(Word):
    """Who takes the money back: the merchant gives it, or the cardholder's bank."""

    REFUND = "refund"
    CHARGEBACK = "chargeback"


class RefundLineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one line of the purchase, counted from 1."""

    line: int
    amount_minor: str
    """An integer as a decimal string."""


class RefundLineBody(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one line of the purchase, counted from 1."""

    line: int
    amount_minor: str
    """An integer as a decimal string."""


class RefundPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of refunds that were applied, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[RefundAnswer]
    next_cursor: str | None


class RefundState(Word):
    """What became of a refund: it was applied, waits for its purchase, waited in vain, or was refused by it."""

    APPLIED = "applied"
    PARKED = "parked"
    LAPSED = "lapsed"
    REFUSED = "refused"


class RefundsShown(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase's refunds, the oldest first; when there are more, `GET /v1/purchases/{purchase_id}/refunds` has them.

    What stands parked is not among them.
    """

    items: list[RefundAnswer]
    has_more: bool


class ReplayBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to make again: those that ended, of events that happened in `[since, until)`.

    Of these types, each one that there is, and in these states, `delivered` and `failed`, of all of them when none is
    named.
    """

    since: str
    """With its offset."""
    until: str
    """With its offset."""
    types: list[str] | UnsetType = UNSET
    states: list[DeliveryState] | UnsetType = UNSET
    dry_run: bool | UnsetType = UNSET
    """Count them alone."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many decisions were replayed, how many came back as another, and the first of those."""

    decisions: int
    different: int
    differences: list[DecisionDiffers]


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict as it was said."""

    verdict: Verdict
    person: str
    reason: str
    at: datetime


class ReviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a verdict; once it is decided, the ledger's worker does what was said within seconds."""

    cashback_id: str
    verdict: Verdict
    approvals: int
    approvals_needed: int
    is_decided: bool


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """A person's verdict; each has one, and one rejection is enough."""

    person: str
    """Who decides this."""
    reason: str
    """Why; it is kept."""
    verdict: Literal["approve", "reject"]


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what waits for verdicts; `next_cursor` is null on the last one."""

    items: list[ReviewStory]
    next_cursor: str | None


class ReviewStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for people, in the words that leave the house."""

    cashback_id: str
    user_id: str
    merchant_id: str | None
    currency: str
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    waiting_since: datetime
    approvals_needed: int
    reviews: list[Review]


class RevocationBody(msgspec.Struct, frozen=True, kw_only=True):
    """An empty object: the path says which key."""


class RotationBody(msgspec.Struct, frozen=True, kw_only=True):
    """How long the key that is replaced goes on, and the end of the new one: that of the old one when left out."""

    overlap_s: int | UnsetType = UNSET
    expires_at: str | None | UnsetType = UNSET
    """From then on it opens nothing."""


class SealPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of seals; `next_cursor` is null on the last one."""

    items: list[SealStory]
    next_cursor: str | None


class SealStory(msgspec.Struct, frozen=True, kw_only=True):
    """A seal: the Merkle `root` over the leaves from `first_leaf` to `last_leaf`, hashes in lowercase hex.

    `hash` is that of the seal, what is published on the chain: the `root` of an anchor in a proof.

    `anchor` is that of this very seal, null where none was asked for; `anchored_by` is the first seal from this one on
    that is final on the chain, and covers it.
    """

    number: str
    """A whole number, in decimal."""
    first_leaf: str
    """A whole number, in decimal."""
    last_leaf: str
    """A whole number, in decimal."""
    root: str
    head: str
    previous: str
    hash: str
    sealed_at: datetime
    anchor: AnchorStory | None
    anchored_by: str | None
    """A whole number, in decimal."""


class Severity(Word):
    """An error keeps a ruleset from being published; a warning is most likely a mistake, and may be meant."""

    ERROR = "error"
    WARNING = "warning"


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """How many would have been granted more, less, and the same."""

    gain: int
    lose: int
    stay: int


class SimulatedDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase would earn: nothing of it was stored, and no budget was touched."""

    ruleset: str
    outcome: str
    reason: str
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    token_units: str
    """An integer as a decimal string."""
    text: str
    steps: list[DecisionStep]


class SimulatedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase that is only tried."""

    amount_minor: str
    """An integer as a decimal string."""
    sku: str | None | UnsetType = UNSET
    category: str | None | UnsetType = UNSET


class SimulationBody(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase to be tried, on a draft or a version by its id; received when it occurred unless told otherwise."""

    ruleset: str
    merchant_id: str
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: str
    """With its offset; past, present or future."""
    received_at: str | None | UnsetType = UNSET
    """With its offset; past, present or future."""
    mcc: str | None | UnsetType = UNSET
    lines: list[SimulatedLine] | UnsetType = UNSET
    user_tier: str | None | UnsetType = UNSET
    is_first_purchase: bool | UnsetType = UNSET
    is_first_at_merchant: bool | UnsetType = UNSET


class State(Word):
    """Where a cashback stands."""

    DECLINED = "declined"
    WAITLISTED = "waitlisted"
    PENDING = "pending"
    REVIEW = "review"
    APPROVED = "approved"
    MINT_REQUESTED = "mint_requested"
    MINTED = "minted"
    STUCK = "stuck"
    VOIDED = "voided"
    NETTED = "netted"
    EXPIRED = "expired"
    REVERSED = "reversed"


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was written down from `since` on and before `until`; `next_cursor` is null on the last one.

    `is_before_first` says that the user's first movement is later than the whole period.
    """

    user_id: str
    since: datetime
    until: datetime
    is_before_first: bool
    money: list[Figure]
    tokens: list[Figure]
    money_lines: list[StatementLine]
    token_lines: list[StatementLine]
    next_cursor: str | None


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """One movement: `amount` went from one of the user's accounts to another, or from or to somebody else (null).

    What moved at once and for one reason is one line, from however many budgets it came: `transfers` are its parts,
    each proved by itself, and `position` is the first one's.

    `change` is what it did to the balance in its currency, and `balance` what that was afterwards: everything that the
    user has there, in flight and stuck included. `adjusted_because` is the reason that a person gave for giving it or
    taking it back by hand; null for everything else.
    """

    position: str
    """A whole number, in decimal."""
    at: datetime
    effective_at: datetime | None
    cause: str
    text: str
    cashback_id: str | None
    currency: str
    exponent: int
    amount: str
    """A whole number, in decimal."""
    change: str
    """A whole number, in decimal, perhaps below 0."""
    balance: str
    """A whole number, in decimal, perhaps below 0."""
    from_account: str | None
    to_account: str | None
    transfers: list[StatementPart]
    adjusted_because: str | None | UnsetType = UNSET


class StatementPart(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer of a line: `position` and `amount` are those that its proof shows."""

    position: str
    """A whole number, in decimal."""
    amount: str
    """A whole number, in decimal."""


class StepStory(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a cashback's life; `from_state` is null for the first."""

    from_state: State | None
    to_state: State
    actor: str
    cause: str
    at: datetime


class StoredDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is stored: `document` is its canonical bytes as text, `sha256` their digest in lowercase hex.

    `sequence` counts the decisions of a cashback from 1: one that waited for budget is decided again. `ruleset_id` is
    the version that decided, null where there was none; `engine` is null where nobody can read the document. The
    statement line of its grant holds the same digest.
    """

    cashback_id: str
    sequence: int
    engine: int | None
    ruleset_id: str | None
    sha256: str
    document: str


class StoredDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of one cashback, the first one first; none where a person gave it by hand."""

    items: list[StoredDecision]


class StreamAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines were recorded, replayed and refused, and of the first 1,000 that were refused why."""

    recorded: int
    replayed: int
    refused: int
    problems: list[LineProblem]


class SumStory(msgspec.Struct, frozen=True, kw_only=True):
    """How many cashbacks, and how much they are in money and in base units of the token."""

    cashbacks: int
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """What a refund has left of the cashback: its state, its money, and the tokens its user owes for this refund.

    The money is in the currency of the cashback, which may be another than that of the purchase.
    """

    id: str
    state: str
    net_minor: str
    """An integer as a decimal string."""
    currency: str
    debt_units: str
    """An integer as a decimal string."""


class TierBody(msgspec.Struct, frozen=True, kw_only=True):
    """A user's tier, null for none, and since when; since now when no time is named."""

    tier: str | None
    since: str | None | UnsetType = UNSET


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Every account by kind and currency; `at` is null for balances as they stand, else as known at that instant."""

    at: datetime | None
    is_balanced: bool
    currencies: list[CurrencyTrial]


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """How a try went: the `status` of an answer and the beginning of its words, or the `error` that kept it from us."""

    attempt: int
    at: datetime
    address: str | None
    status: int | None
    error: str | None
    took_ms: int
    answer: str


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the wallet in use; also the answer to creating one or to setting a wallet.

    `wallet_proof` is `operator` where an operator said so, `eip4361` where the wallet has signed. `next_wallet` is one
    that waits to be used from `next_wallet_at` on. Of one whose data was erased (`erased_at`) nothing else is known.
    """

    id: str
    reference: str | None
    wallet: str | None
    is_blocked: bool
    created_at: datetime
    tier: str | None | UnsetType = UNSET
    tier_since: datetime | None | UnsetType = UNSET
    blocked_since: datetime | None | UnsetType = UNSET
    wallet_proof: str | None | UnsetType = UNSET
    next_wallet: str | None | UnsetType = UNSET
    next_wallet_at: datetime | None | UnsetType = UNSET
    erased_at: datetime | None | UnsetType = UNSET


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new user; cashback waits until a wallet is known."""

    reference: str | None | UnsetType = UNSET
    wallet: str | None | UnsetType = UNSET
    """An EVM address with its EIP-55 checksum."""
    tier: str | None | UnsetType = UNSET
    """A name that rules know, such as `gold`."""


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """One user who would have been granted another amount in all."""

    user_id: str
    recorded_minor: str
    """An integer as a decimal string."""
    draft_minor: str
    """An integer as a decimal string."""
    difference_minor: str
    """Minor units, below 0 where it falls."""


class UserDebtStory(msgspec.Struct, frozen=True, kw_only=True):
    """What a user was asked back, and the oldest hundred parts of what is open."""

    figures: DebtStory
    open: list[OpenStory]


class UserExport(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a user.

    `balances` are those of `made_at`. Lists begin with what is oldest, those of wallet changes, blocks and adjustments
    with what is newest. What happens while it is written may be in one list and not yet in another.
    """

    made_at: datetime
    user: User
    balances: BalanceAt
    wallets: list[WalletStory]
    wallet_challenges: list[ChallengeAnswer]
    wallet_changes: list[WalletChange]
    blocks: list[BlockItem]
    purchases: list[PurchaseItem]
    refunds: list[RefundAnswer]
    cashback: list[CashbackItem]
    adjustments: list[AdjustmentAnswer]
    statement: list[StatementLine]
    disclosures: list[Disclosure]


class UserPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of users, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[User]
    next_cursor: str | None


class UserReferenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator calls a user from now on; null for nothing."""

    reference: str | None


class Verdict(Word):
    """What a person says of a cashback in review."""

    APPROVE = "approve"
    REJECT = "reject"


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset without its document; `digest` is the SHA-256 of its canonical bytes."""

    id: str
    programme_id: str
    version: int
    digest: str
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime
    published_by: str
    withdrawn_at: datetime | None


class VersionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's versions; `next_cursor` is null on the last one."""

    items: list[VersionAnswer]
    next_cursor: str | None


class VersionStory(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset with its document."""

    id: str
    programme_id: str
    version: int
    digest: str
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime
    published_by: str
    withdrawn_at: datetime | None
    document: dict[str, object]


class WaitingPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of who waits for a campaign's budget; `next_cursor` is null on the last one."""

    items: list[WaitingStory]
    next_cursor: str | None


class WaitingStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for a campaign's budget: how much of it it wants, since when, and for how long at most."""

    cashback_id: str
    user_id: str
    merchant_id: str | None
    currency: str
    wanted_minor: str
    """A whole number, in decimal."""
    waiting_since: datetime
    waits_until: datetime


class WalletBody(msgspec.Struct, frozen=True, kw_only=True):
    """The wallet to use from now on; what was requested before goes where it was going.

    Where the user has proved another one, a person decides it and says why; then it waits.
    """

    wallet: str
    """An EVM address with its EIP-55 checksum."""
    person: str | None | UnsetType = UNSET
    """Who decides this."""
    reason: str | None | UnsetType = UNSET
    """Why; it is kept."""


class WalletChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a user's wallet: with which proof or in whose name, from when on, and how it ended.

    It is also the answer to a proof. While it waits, `ended_at` and `ended_as` are null.
    """

    id: str
    user_id: str
    wallet: str
    proof: OwnershipProof
    person: str | None
    reason: str | None
    asked_at: datetime
    effective_at: datetime
    ended_at: datetime | None | UnsetType = UNSET
    ended_as: Ended | None | UnsetType = UNSET
    ended_person: str | None | UnsetType = UNSET
    ended_reason: str | None | UnsetType = UNSET


class WalletChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the changes that were asked of a user's wallet; `next_cursor` is null on the last one."""

    items: list[WalletChange]
    next_cursor: str | None


class WalletPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a user's wallets; `next_cursor` is null on the last one."""

    items: list[WalletStory]
    next_cursor: str | None


class WalletStory(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet that a user has, or had, since when, and how it is known to be theirs: by whose word, or by a proof.

    What was requested before it was linked goes where it was going.
    """

    wallet: str
    proof: OwnershipProof
    linked_at: datetime
    is_in_use: bool


class WebhookReplay(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are made again, or would be in a `dry_run`; `more` when there are others beyond those.

    Then `next_since` is when the first of them happened: the `since` by which to go on, and nothing is made twice. An
    answer that is given again may be older than this member.
    """

    count: int
    dry_run: bool
    more: bool
    next_since: datetime | None | UnsetType = UNSET


class WindowBody(msgspec.Struct, frozen=True, kw_only=True):
    """When a version is to decide: from its start, or at once, until its end, or until the next one begins."""

    starts_at: str | None | UnsetType = UNSET
    ends_at: str | None | UnsetType = UNSET


class WithdrawalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was withdrawn, and the one that continues what it would have ended, if it had closed one."""

    withdrawn: VersionAnswer
    continued_by: VersionAnswer | None


class WriteOffAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a user's debt was given up, in base units of the token."""

    user_id: str
    token_units: str
    """An integer as a decimal string."""
    person: str
    reason: str
    at: datetime


class WriteOffBody(msgspec.Struct, frozen=True, kw_only=True):
    """Who gives up how much of a debt, and why; all of it when `token_units` is left out."""

    person: str
    """Who decides this."""
    reason: str
    """Why; it is kept."""
    token_units: str | None | UnsetType = UNSET
    """An integer as a decimal string."""


class WriteOffPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what was given up; `next_cursor` is null on the last one."""

    items: list[WriteOffStory]
    next_cursor: str | None


class WriteOffStory(msgspec.Struct, frozen=True, kw_only=True):
    """A debt that was given up: of which programme, how much, by whom and why; the ledger itself does so by age."""

    number: str
    """An integer as a decimal string."""
    user_id: str
    programme_id: str
    token_units: str
    """An integer as a decimal string."""
    person: str
    reason: str
    at: datetime


class ProofsProof(msgspec.Struct, frozen=True, kw_only=True):
    """Every statement line of one cashback, and what proves them."""

    format: str
    cashback_id: str
    lines: list[ProvedLine]
    stretches: list[ProofStretch]


class OwnershipProof(Word):
    """How it is known whose wallet it is: an operator says so, or it has signed a challenge (ERC-4361)."""

    OPERATOR = "operator"
    EIP4361 = "eip4361"
