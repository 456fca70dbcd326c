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
    """A merchant's id, `mer_...`."""
    is_active: bool
    """Whether purchases earn there."""
    is_news: bool
    """Whether this changed anything; false where it was so before."""
    person: str | None
    """Who decided it."""
    reason: str | None
    """Why."""
    at: datetime | None
    """When it was."""


class ActivityItem(msgspec.Struct, frozen=True, kw_only=True):
    """A deactivation of a merchant, or the end of one: who said so, why and when."""

    is_active: bool
    """Whether purchases earn there."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


class ActivityPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a merchant's deactivations and the ends of them; `next_cursor` is null on the last one."""

    items: list[ActivityItem]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class AdjustmentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An adjustment in the words that leave the house.

    `token_units` is what a credit granted, or what a debit made the user owe: 0 as long as no mint was requested.
    `cashback_state` and `net_minor` are how its cashback stood when this was answered.
    """

    id: str
    """What it goes by, for ever."""
    kind: AdjustmentKind
    cashback_id: str
    """A cashback's id, `cb_...`."""
    cashback_state: State
    net_minor: str
    """An integer as a decimal string."""
    user_id: str
    """A user's id, `usr_...`."""
    programme_id: str
    """A programme's id, `prg_...`."""
    campaign_id: str | None
    """A campaign's id, `cmp_...`."""
    currency: str
    """A code of ISO 4217."""
    amount_minor: str
    """An integer as a decimal string."""
    token_units: str
    """An integer as a decimal string."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


class AdjustmentKind(Word):
    """Whether a person gives cashback or takes it back."""

    CREDIT = "credit"
    DEBIT = "debit"


class AdjustmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of adjustments, newest first; `next_cursor` is null on the last one."""

    items: list[AdjustmentAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """The transaction that it stands in; null while there is none."""
    block_number: str | None
    """A whole number, in decimal."""
    minter: str | None
    """The minter contract."""
    asked_at: datetime
    """When it was asked for."""
    told_at: datetime | None


class ApiKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret: whose it is, what it was made for (null is all that its kind may), until when.

    `replaces` is the key that it was rotated from, `created_by` the one that asked for it; null is the command line.
    `rate_per_s` and `burst` are how often it may ask, where it has a rate of its own; both are null where it has none.
    `last_used_at` is when it let somebody in the last time, written down within a minute; null is never so far.
    """

    id: str
    """What it goes by, for ever."""
    kind: str
    """Whose it is: an operator's or a merchant's."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    label: str
    """Whose key it is, for people."""
    scopes: list[str] | None
    """What the key was made for; null for all that its kind may."""
    created_at: datetime
    """When it was created."""
    expires_at: datetime | None
    """From then on it opens or does nothing more; null for never."""
    revoked_at: datetime | None
    """When it was revoked; null while it was not."""
    replaces: str | None
    """The key that this one took the place of; null where there was none."""
    created_by: str | None
    """The API key that made it; null where it came from the command line."""
    rate_per_s: int | None | UnsetType = UNSET
    """How many requests a second the key may make in the long run; null for as many as its kind may."""
    burst: int | None | UnsetType = UNSET
    """How many requests at once the key may make after a rest; null for as many as its kind may."""
    last_used_at: datetime | None | UnsetType = UNSET
    """When the key let somebody in the last time, written down within a minute; null for never so far."""


class ApiKeyBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; an operator that names no merchant makes one of its own, a merchant makes its own alone."""

    label: str
    """Whose key it is, for people."""
    merchant_id: str | None | UnsetType = UNSET
    """A merchant's id, `mer_...`."""
    scopes: list[str] | None | UnsetType = UNSET
    """What it is made for; those of the caller's key when left out."""
    expires_at: str | None | UnsetType = UNSET
    """From then on it opens nothing."""


class ApiKeyPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of API keys; `next_cursor` is null on the last one."""

    items: list[ApiKeyAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class BacktestBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which purchases: those recorded in `[since, until)`, all when left out; and how many changes to tell."""

    since: str | None | UnsetType = UNSET
    """With its offset."""
    until: str | None | UnsetType = UNSET
    """With its offset."""
    largest: int | UnsetType = UNSET
    """How many of the largest differences to tell."""


class BacktestStory(msgspec.Struct, frozen=True, kw_only=True):
    """What a backtest has found; nothing of it was stored.

    `passed_over` were decided by the first engine, which kept too little to decide anew. `past_unknown` were decided by
    rules that asked nothing of the user's past, where the rules tried do: they count as nobody's first purchase.
    `without_programme` were recorded within the window and taken by no programme, this one or another, so that no rules
    decide them. `given_back_minor` is what came back to the programme's budgets within the window and is left out.
    """

    ruleset: str
    programme_id: str
    """A programme's id, `prg_...`."""
    currency: str
    """A code of ISO 4217."""
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
    """A user's id, `usr_...`."""
    basis: Literal["known", "effective"]
    at: datetime
    """The instant that was asked for."""
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
    """A user's id, `usr_...`."""
    wallet: str | None
    """The wallet in use, whose tokens are told; null where there is none."""
    ledger: list[LedgerFigures]
    on_chain: ChainFigure | None
    is_stale: bool
    """Whether the chain did not answer in time, so that this is the ledger's word alone."""


class BlockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a user is blocked now, and who said so first; nulls where nobody ever had to."""

    user_id: str
    """A user's id, `usr_...`."""
    is_blocked: bool
    """Whether the user earns nothing at present."""
    is_news: bool
    """Whether this changed anything; false where it was so before."""
    person: str | None
    """Who decided it."""
    reason: str | None
    """Why."""
    at: datetime | None
    """When it was."""


class BlockItem(msgspec.Struct, frozen=True, kw_only=True):
    """A block of a user, or the end of one: who said so, why and when."""

    is_blocked: bool
    """Whether the user earns nothing at present."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


class BlockPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a user's blocks and the ends of them; `next_cursor` is null on the last one."""

    items: list[BlockItem]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class BudgetBody(msgspec.Struct, frozen=True, kw_only=True):
    """By how much a budget is raised or lowered, and why."""

    amount_minor: str
    """An integer as a decimal string."""
    reason: str
    """Why."""


class BudgetStory(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a campaign's budget: `funded` = `left` + `reserved` + `spent`; days without either are left out.

    `forecast` is null where nothing was spent on the whole days that were looked at.
    """

    campaign_id: str
    """A campaign's id, `cmp_...`."""
    currency: str
    """A code of ISO 4217."""
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
    """How many were recorded just now."""
    replayed: int
    """How many were recorded before, under this very key."""
    refused: int
    """How many were refused."""


class BulkBody(msgspec.Struct, frozen=True, kw_only=True):
    """Purchases that are told together; each is one as `POST /v1/purchases` takes it."""

    purchases: list[PurchaseBody]
    """What was bought, in any order."""


class BulkItem(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one purchase: `status` is what it would have been answered with by itself.

    With 201 there is the `purchase`, and `is_replay` where it was recorded before, `is_rebuilt` where that was so long
    ago that it is told as it stands now; with any other the `problem`, whose `pointer` begins at the whole request.
    """

    status: int
    """What the purchase would have been answered with by itself."""
    is_replay: bool | UnsetType = UNSET
    """Whether it was recorded before."""
    is_rebuilt: bool | UnsetType = UNSET
    """Whether that was so long ago that it is told as it stands now."""
    purchase: PurchaseAnswer | None | UnsetType = UNSET
    """The purchase, where it was recorded."""
    problem: Problem | None | UnsetType = UNSET
    """Why it was refused, where it was."""


class CampaignAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign with its budget, in the words that leave the house."""

    id: str
    """What it goes by, for ever."""
    programme_id: str
    """A programme's id, `prg_...`."""
    name: str
    """What people call it."""
    currency: str
    """A code of ISO 4217."""
    starts_at: datetime
    """From when on."""
    ends_at: datetime | None
    """Until when, not included; null for no end."""
    day_limit_minor: str | None
    """An integer as a decimal string."""
    on_exhaustion: str
    """What becomes of a grant that the budget is too small for: a part of it, none, or a place on the waitlist."""
    stripes: int
    """Over how many accounts the budget is split, so that many are granted from it at once."""
    budget_minor: str
    """An integer as a decimal string."""
    budget_left_minor: str
    """An integer as a decimal string."""
    created_at: datetime
    """When it was created."""
    closed_at: datetime | None
    """When it was closed; null while it is open."""


class CampaignBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new campaign: for which programme, with which budget in all; without a start it starts at once.

    `stripes` is over how many accounts the budget is split, so that many are granted from it at the same time.
    """

    programme_id: str
    """A programme's id, `prg_...`."""
    name: str
    """What people call it."""
    budget_minor: str
    """An integer as a decimal string."""
    starts_at: str | None | UnsetType = UNSET
    """From when on."""
    ends_at: str | None | UnsetType = UNSET
    """Until when, not included; null for no end."""
    day_limit_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    on_exhaustion: Literal["partial_fill", "decline", "waitlist"] | UnsetType = UNSET
    """What becomes of a grant that the budget is too small for: a part of it, none, or a place on the waitlist."""
    stripes: int | UnsetType = UNSET
    """Over how many accounts the budget is split, so that many are granted from it at once."""


class CampaignCost(msgspec.Struct, frozen=True, kw_only=True):
    """What one campaign paid and would have paid; its budget for the window, and when that would have run short.

    `given_back_minor` is what refunds, rejections and expiries gave back to its budget within the window: recording
    could pay it out again, a backtest does not.
    """

    campaign_id: str
    """A campaign's id, `cmp_...`."""
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
    """What continues the list as `cursor`; null on the last page."""


class CashbackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a purchase earned, decided when it was recorded; `reason` is a stable code, `explanation` its sentence."""

    id: str
    """What it goes by, for ever."""
    state: str
    """How far it has come."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    token_units: str
    """An integer as a decimal string."""
    reason: str
    """Why."""
    explanation: str
    """The decision in the customer's words."""


class CashbackItem(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback in a list."""

    id: str
    """What it goes by, for ever."""
    purchase_id: str | None
    """A purchase's id, `pur_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    programme_id: str | None
    """A programme's id, `prg_...`."""
    state: State
    """How far it has come."""
    reason: Reason
    """Why."""
    currency: str
    """A code of ISO 4217."""
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    created_at: datetime
    """When it was created."""
    transaction_hash: str | None
    """The transaction that it stands in; null while there is none."""


class CashbackPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of cashback, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[CashbackItem]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class CashbackProof(msgspec.Struct, frozen=True, kw_only=True):
    """Every statement line of one cashback, and what proves them."""

    format: str
    cashback_id: str
    """A cashback's id, `cb_...`."""
    lines: list[ProvedLine]
    """What it consists of, line by line."""
    stretches: list[ProofStretch]


class CashbackStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback, why it is what it is, and its whole timeline."""

    id: str
    """What it goes by, for ever."""
    purchase_id: str | None
    """A purchase's id, `pur_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    programme_id: str | None
    """A programme's id, `prg_...`."""
    state: State
    """How far it has come."""
    reason: Reason
    """Why."""
    explanation: str
    """The decision in the customer's words."""
    currency: str
    """A code of ISO 4217."""
    desired_minor: str
    """A whole number, in decimal."""
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    created_at: datetime
    """When it was created."""
    mint: MintStory | None
    """Its mint; null where none was requested."""
    timeline: list[StepStory]
    """What became of it, step by step."""
    adjustment_id: str | None | UnsetType = UNSET
    """The adjustment that it came of, `adj_...`; null where it came of a purchase."""
    adjusted_because: str | None | UnsetType = UNSET
    """The reason that a person gave; null where nobody did it by hand."""


class ChainFigure(msgspec.Struct, frozen=True, kw_only=True):
    """What the token contract says the wallet holds, in base units, at that block."""

    token_units: str
    """A whole number, in decimal."""
    block_number: str
    """A whole number, in decimal."""
    block_hash: str
    """The block that it stands in."""


class ChainWord(msgspec.Struct, frozen=True, kw_only=True):
    """How far a mint has come on the chain by the adapter's live word; what it has not reached is null.

    `state` is `unknown`, `accepted`, `submitted`, `included`, `safe`, `final`, `held` or `refused`.
    """

    state: str
    transaction_hash: str | None
    """The transaction that it stands in; null while there is none."""
    block_number: str | None
    """A whole number, in decimal."""
    submitted_at: datetime | None
    """When its transaction was sent; null before."""
    included_at: datetime | None
    """When a block took it; null before."""
    final_at: datetime | None
    """When its block became final; null before."""


class ChallengeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a wallet is to sign, character for character, and until when that is worth anything."""

    nonce: str
    """What names the challenge, once."""
    user_id: str
    """A user's id, `usr_...`."""
    wallet: str
    """An address with the capitals of its checksum (EIP-55)."""
    message: str
    """What the wallet signs, character for character (ERC-4361)."""
    chain_id: int
    """The chain that the wallet signs for (EIP-155)."""
    issued_at: datetime
    """When it was made."""
    expires_at: datetime
    """From then on it opens or does nothing more; null for never."""


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
    """A user's id, `usr_...`."""
    programme_id: str
    """A programme's id, `prg_...`."""
    amount_minor: str
    """An integer as a decimal string."""
    campaign_id: str | None | UnsetType = UNSET
    """A campaign's id, `cmp_...`."""
    kind: Literal["credit"] = "credit"
    """That cashback is given."""


class CurrencyAt(msgspec.Struct, frozen=True, kw_only=True):
    """What a user had in one currency, in all and by account: what is in flight counts."""

    currency: str
    """A code of ISO 4217."""
    exponent: int
    """How many decimal places the currency, or the token, has."""
    total: str
    """A whole number, in decimal, perhaps below 0."""
    accounts: list[Holding]


class CurrencyTrial(msgspec.Struct, frozen=True, kw_only=True):
    """One currency: debits and credits must be equal (I8)."""

    currency: str
    """A code of ISO 4217."""
    exponent: int
    """How many decimal places the currency, or the token, has."""
    debit: str
    """A whole number, in decimal."""
    credit: str
    """A whole number, in decimal."""
    is_balanced: bool
    """Whether debits and credits are equal."""
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
    """A cashback's id, `cb_...`."""
    amount_minor: str
    """An integer as a decimal string."""
    kind: Literal["debit"] = "debit"
    """That cashback is taken back."""


class DebtStory(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked back of a user or of all users of a programme, in base units of the token.

    `requested` is all that was ever asked back; `collected` was kept from later cashback; `uncollected` is the rest, of
    which `written_off` was given up and `open` is still owed.
    """

    id: str
    """What it goes by, for ever."""
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
    """What continues the list as `cursor`; null on the last page."""


class DebtorStory(msgspec.Struct, frozen=True, kw_only=True):
    """A user in debt: how much is owed, and since when."""

    user_id: str
    """A user's id, `usr_...`."""
    token_units: str
    """An integer as a decimal string."""
    since: datetime


class DecisionDiffers(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that does not come back byte for byte, and why."""

    cashback_id: str
    """A cashback's id, `cb_...`."""
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
    """When it was."""
    key_id: str | None
    """An API key's id, `key_...`."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    what: str | None
    """What was done, by the name of its command."""
    resource: str | None
    """What came of it, by its id."""


class DeedPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the log; `next_cursor` is null on the last one, and on no other, however few items there are."""

    items: list[Deed]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of deliveries; `next_cursor` is null on the last one."""

    items: list[DeliveryStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """What it goes by, for ever."""
    endpoint_id: str
    """An endpoint's id, `whe_...`."""
    event_id: str
    """An event's id, `evt_...`."""
    type: str
    occurred_at: datetime
    """When it happened."""
    replay_of: str | None
    state: DeliveryState
    attempts: int
    """How often it was tried so far."""
    due_at: datetime | None
    ended_at: datetime | None
    """When it ended; null while it has not."""
    last_try_at: datetime | None | UnsetType = UNSET
    last_status: int | None | UnsetType = UNSET
    last_error: str | None | UnsetType = UNSET


class DeliveryWithTries(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery as a list tells it, and its tries, the first one first: none yet of one that was just made.

    `due_at` is when it is tried next; while a worker tries it (`claimed`), when another one may, should that one die.
    The answer to a command that is given again may be older than what is told of tries.
    """

    id: str
    """What it goes by, for ever."""
    endpoint_id: str
    """An endpoint's id, `whe_...`."""
    event_id: str
    """An event's id, `evt_...`."""
    type: str
    occurred_at: datetime
    """When it happened."""
    replay_of: str | None
    state: DeliveryState
    attempts: int
    """How often it was tried so far."""
    due_at: datetime | None
    ended_at: datetime | None
    """When it ended; null while it has not."""
    last_try_at: datetime | None | UnsetType = UNSET
    last_status: int | None | UnsetType = UNSET
    last_error: str | None | UnsetType = UNSET
    tries: list[Try] | UnsetType = UNSET


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
    """When it was."""
    what: Disclosed
    key_id: str | None
    """An API key's id, `key_...`."""
    trace_id: str | None
    """What the operator finds all by that belongs to the request."""


class DocumentBody(msgspec.Struct, frozen=True, kw_only=True):
    """A draft's whole new ruleset."""

    document: dict[str, object]
    """The ruleset, as docs/ruleset.schema.json has it."""


class DraftAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A draft without its document; `ruleset_id` is the version it was published as."""

    id: str
    """What it goes by, for ever."""
    programme_id: str
    """A programme's id, `prg_...`."""
    name: str
    """What people call it."""
    revision: int
    """How often it was changed: what `If-Match` names, in quotation marks."""
    created_at: datetime
    """When it was created."""
    changed_at: datetime
    """When it was changed last."""
    discarded_at: datetime | None
    """When it was discarded; null while it was not."""
    ruleset_id: str | None
    """A version's id, `rul_...`."""


class DraftBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new draft: for which programme, what people call it, and the ruleset."""

    programme_id: str
    """A programme's id, `prg_...`."""
    name: str
    """What people call it."""
    document: dict[str, object]
    """The ruleset, as docs/ruleset.schema.json has it."""


class DraftPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's drafts; `next_cursor` is null on the last one."""

    items: list[DraftAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class DraftStory(msgspec.Struct, frozen=True, kw_only=True):
    """A draft with its document."""

    id: str
    """What it goes by, for ever."""
    programme_id: str
    """A programme's id, `prg_...`."""
    name: str
    """What people call it."""
    revision: int
    """How often it was changed: what `If-Match` names, in quotation marks."""
    created_at: datetime
    """When it was created."""
    changed_at: datetime
    """When it was changed last."""
    discarded_at: datetime | None
    """When it was discarded; null while it was not."""
    ruleset_id: str | None
    """A version's id, `rul_...`."""
    document: dict[str, object]
    """The ruleset, as docs/ruleset.schema.json has it."""


class Ended(Word):
    """How a change of a wallet ended."""

    APPLIED = "applied"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a merchant hears of events of some types; without a merchant it is the operator's, who hears of all."""

    id: str
    """What it goes by, for ever."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    url: str
    """Where events are posted, `https://`."""
    types: list[str]
    """The types of events, as docs/events.md lists them."""
    state: EndpointState
    """Whether events are posted to it."""
    disabled_reason: DisabledReason | None
    """Why nothing is posted; null while something is."""
    disabled_at: datetime | None
    """Since when nothing is posted; null while something is."""
    failing_since: datetime | None
    """Since when every try fails; null while none does."""
    created_at: datetime
    """When it was created."""


class EndpointBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new endpoint; an operator that names no merchant makes one of its own, which hears of everybody's events."""

    url: str
    """`https://`, at a public address."""
    types: list[str]
    """The types of events to hear of."""
    merchant_id: str | None | UnsetType = UNSET
    """Whose it is; null for the operator's own, which hears of all."""


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
    """What continues the list as `cursor`; null on the last page."""


class EndpointSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What deliveries to an endpoint are signed with: `whsec_` and base64, as Standard Webhooks has it."""

    secret: str
    """The secret itself."""


class EndpointState(Word):
    """Whether events are delivered to an endpoint."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class ErasureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """That a user's data is erased, since when, and who had it done first and why; the user stays blocked."""

    user_id: str
    """A user's id, `usr_...`."""
    erased_at: datetime
    is_news: bool
    """Whether this changed anything; false where it was so before."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to the purchase or cashback `object_id`; its `id` is the same wherever it is told.

    `merchant_id` is whose it is: what was given by hand is the operator's alone.
    """

    id: str
    """What it goes by, for ever."""
    type: str
    """What happened, as docs/events.md lists it."""
    object_id: str
    """What it happened to, by its id."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    occurred_at: datetime
    """When it happened."""
    body: PostedBody


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of events; `next_cursor` is null on the last one."""

    items: list[Event]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class Expandable(Word):
    """What is told of mints on demand alone: it takes a question to somebody else."""

    CHAIN = "chain"


class ExpiringList(msgspec.Struct, frozen=True, kw_only=True):
    """What expires soon; whoever links a wallet leaves the list."""

    items: list[ExpiringStory]


class ExpiringStory(msgspec.Struct, frozen=True, kw_only=True):
    """An approved cashback that expires unless a wallet is linked, in the words that leave the house."""

    cashback_id: str
    """A cashback's id, `cb_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    currency: str
    """A code of ISO 4217."""
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    expires_at: datetime
    """When it expires unless a wallet is linked."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A stored decision: its reason, the sentence of it, and its steps; the first engine stored none.

    What a person gave was decided by no engine, which is 0 then.
    """

    cashback_id: str
    """A cashback's id, `cb_...`."""
    purchase_id: str | None
    """A purchase's id, `pur_...`."""
    engine: int
    """Which engine decided, by its number."""
    reason: str
    """Why."""
    text: str
    steps: list[DecisionStep]
    """How it was decided, step by step."""


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
    """A code of ISO 4217."""
    exponent: int
    """How many decimal places the currency, or the token, has."""
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
    """A code of ISO 4217."""
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
    """The merchant's own number for what was bought."""
    category: str | None | UnsetType = UNSET
    """The merchant's own word for what was bought; rules may ask for it."""
    quantity: int | None | UnsetType = UNSET
    """How many of it."""


class LineBody(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase; it may be returned by itself."""

    amount_minor: str
    """An integer as a decimal string."""
    sku: str | None | UnsetType = UNSET
    """The merchant's own number for what was bought."""
    category: str | None | UnsetType = UNSET
    """The merchant's own word for what was bought; rules may ask for it."""
    quantity: int | None | UnsetType = UNSET
    """How many of it."""


class LineProblem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line was not recorded; its `pointer` is one into the line."""

    line: int
    """Which line, counted from 1."""
    problem: Problem
    """Why it was refused."""


class LintAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a ruleset, errors first; `is_publishable` without any error."""

    is_publishable: bool
    findings: list[Finding]


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant; also the answer to creating one."""

    id: str
    """What it goes by, for ever."""
    name: str
    """What people call it."""
    is_active: bool
    """Whether purchases earn there."""
    created_at: datetime
    """When it was created."""
    mcc: str | None | UnsetType = UNSET
    """The merchant's category, four digits of ISO 18245."""
    owners: list[str] | UnsetType = UNSET
    """The users who own the merchant; rules may have them earn nothing there."""
    inactive_since: datetime | None | UnsetType = UNSET
    """Since when purchases earn nothing there; null while they do."""


class MerchantBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new merchant."""

    name: str
    """What people call it."""
    mcc: str | None | UnsetType = UNSET
    """The category code of ISO 18245."""
    owners: list[str] | UnsetType = UNSET
    """The users who own it: what they buy there is self-dealing."""


class MerchantFactsBody(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's category code (ISO 18245) and the users who own it; both are set, what is left out is none."""

    mcc: str | None | UnsetType = UNSET
    """The merchant's category, four digits of ISO 18245."""
    owners: list[str] | UnsetType = UNSET
    """The users who own the merchant; rules may have them earn nothing there."""


class MerchantNameBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant is called from now on."""

    name: str
    """What people call it."""


class MerchantPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of merchants, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[Merchant]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """A cashback's id, `cb_...`."""
    purchase_id: str | None
    """A purchase's id, `pur_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    recipient: str
    """The wallet that gets the tokens."""
    token_units: str
    """A whole number, in decimal."""
    requested_at: datetime
    """When the ledger asked for it."""
    minted_at: datetime | None
    """When it stood in a final block; null before."""
    transaction_hash: str | None
    """The transaction that it stands in; null while there is none."""
    block_number: str | None
    """A whole number, in decimal."""
    block_hash: str | None
    """The block that it stands in."""
    failure: str | None
    """What went wrong, where something did."""
    chain: ChainWord | None
    is_stale: bool
    """Whether the chain did not answer in time, so that this is the ledger's word alone."""


class MintPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of mints; `next_cursor` is null on the last one."""

    items: list[Mint]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """The wallet that gets the tokens."""
    token_units: str
    """A whole number, in decimal."""
    requested_at: datetime
    """When the ledger asked for it."""
    chain_state: str | None
    is_stale: bool
    """Whether the chain did not answer in time, so that this is the ledger's word alone."""
    transaction_hash: str | None
    """The transaction that it stands in; null while there is none."""
    block_number: str | None
    """A whole number, in decimal."""
    submitted_at: datetime | None
    """When its transaction was sent; null before."""
    included_at: datetime | None
    """When a block took it; null before."""
    final_at: datetime | None
    """When its block became final; null before."""
    failure: str | None
    """What went wrong, where something did."""


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with a request, in the `code` and `detail` that it would have had alone.

    `pointer` is a JSON pointer (RFC 6901) into the request's body; `parameter` names a header, a part of the path or of
    the query.
    """

    code: str
    """What is wrong, for programs."""
    detail: str
    """What is wrong, for people."""
    pointer: str | None | UnsetType = UNSET
    """Where in the body, a JSON pointer (RFC 6901)."""
    parameter: str | None | UnsetType = UNSET
    """Which header, or part of the path or query."""


class NewApiKeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A new API key; `secret` is told in the first answer alone, and null in every other: who lost it rotates."""

    id: str
    """What it goes by, for ever."""
    kind: str
    """Whose it is: an operator's or a merchant's."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    label: str
    """Whose key it is, for people."""
    scopes: list[str] | None
    """What the key was made for; null for all that its kind may."""
    created_at: datetime
    """When it was created."""
    expires_at: datetime | None
    """From then on it opens or does nothing more; null for never."""
    revoked_at: datetime | None
    """When it was revoked; null while it was not."""
    replaces: str | None
    """The key that this one took the place of; null where there was none."""
    created_by: str | None
    """The API key that made it; null where it came from the command line."""
    rate_per_s: int | None | UnsetType = UNSET
    """How many requests a second the key may make in the long run; null for as many as its kind may."""
    burst: int | None | UnsetType = UNSET
    """How many requests at once the key may make after a rest; null for as many as its kind may."""
    last_used_at: datetime | None | UnsetType = UNSET
    """When the key let somebody in the last time, written down within a minute; null for never so far."""
    secret: str | None
    """The key itself, told once; null when the command is repeated."""


class NoBody(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing: an empty object."""


class NothingBody(msgspec.Struct, frozen=True, kw_only=True):
    """An empty object: the path says it all."""


class OpenStory(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what a user owes: since when, and of which programme."""

    programme_id: str
    """A programme's id, `prg_...`."""
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


class OwnedMerchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant that the user owns; who else does is nothing of theirs."""

    id: str
    """What it goes by, for ever."""
    name: str
    """What people call it."""


class ParkedPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of parked refunds; `next_cursor` is null on the last one."""

    items: list[RefundAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class PauseAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a programme stands after a pause, or after the end of one; `is_news` is false when it stood so before."""

    programme_id: str
    """A programme's id, `prg_...`."""
    is_paused: bool
    """Whether the programme grants nothing at present."""
    is_news: bool
    """Whether this changed anything; false where it was so before."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


class PausePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's pauses and their ends; `next_cursor` is null on the last one."""

    items: list[PauseStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class PauseStory(msgspec.Struct, frozen=True, kw_only=True):
    """One pause of a programme, or the end of one, as it was written down: who, why and when."""

    number: str
    """A whole number, in decimal."""
    is_paused: bool
    """Whether the programme grants nothing at present."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


class PostedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What endpoints are posted of an event, byte for byte.

    `data` is as its type has it in docs/events.md, with `purchase_id`, `user_id` and `merchant_id` whichever it is.
    """

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
    """Leads to the page about its `code`, relative to the address that was asked."""
    title: str
    """The code in words."""
    status: int
    """The status of the answer."""
    code: str
    """What happened, for programs; it never changes."""
    detail: str
    """What happened this time, for people."""
    trace_id: str
    """What the operator finds all by that belongs to the request."""
    pointer: str | None | UnsetType = UNSET
    """Where in the body, a JSON pointer (RFC 6901)."""
    parameter: str | None | UnsetType = UNSET
    """Which header, or part of the path or query."""
    errors: list[Mistake] | UnsetType = UNSET
    """All that is wrong, where that is several things."""
    base: str | UnsetType = UNSET
    """With `rate_unknown`: the currency whose rate was asked for."""
    cashback_id: str | UnsetType = UNSET
    """With `nothing_posted`: the cashback for which nothing moved. With `proof_too_long`: the cashback that has more lines. With `not_sealed`: the cashback whose line is under no seal yet."""
    currency: str | UnsetType = UNSET
    """With `programme_exists`: the currency that another programme takes."""
    endpoint_id: str | UnsetType = UNSET
    """With `endpoint_disabled`: the endpoint that is disabled. With `secret_unreadable`: the endpoint whose secret it is."""
    key_id: str | UnsetType = UNSET
    """With `api_key_ended`: the key that replaced it, or the one that has ended."""
    last: str | UnsetType = UNSET
    """With `rate_absurd`: the rate before it, as a fraction."""
    left_minor: str | UnsetType = UNSET
    """With `refund_above_line`: what is left of the line, in minor units. With `refund_above_purchase`: what is left of the purchase, in minor units. With `budget_too_small`: what the campaign's budget holds, in minor units. With `debit_above_rest`: what is left of the cashback, in minor units. With `budget_below_reserved`: what can be withdrawn, in minor units."""
    name: str | UnsetType = UNSET
    """With `programme_exists`: the name that stands for other terms."""
    next: str | UnsetType = UNSET
    """With `rate_absurd`: the rate after it, as a fraction."""
    problems: list[Finding] | UnsetType = UNSET
    """With `ruleset_invalid`: all that a lint finds, each with code, severity, pointer and words."""
    purchase_id: str | UnsetType = UNSET
    """With `purchase_exists`: the purchase that has the reference."""
    quote: str | UnsetType = UNSET
    """With `rate_unknown`: the currency that it would be told in."""
    refund_id: str | UnsetType = UNSET
    """With `refund_exists`: the refund that has the reference."""
    retry_after_s: int | UnsetType = UNSET
    """With `rate_limited`: after how many seconds the same request will do."""
    ruleset_id: str | UnsetType = UNSET
    """With `window_overlaps`: the version that has this time already."""
    scope: str | UnsetType = UNSET
    """With `scope_missing`: the scope that the key would have to be made for."""
    seal: int | UnsetType = UNSET
    """With `proof_too_long`: the seal from which on there are more up to the one on the chain."""
    secret_version: int | UnsetType = UNSET
    """With `secret_unreadable`: which of the endpoint's secrets, from 1."""
    user_id: str | UnsetType = UNSET
    """With `nothing_owed`: the user who owes nothing."""


class ProgrammeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A programme with what is left of its budget, in the words that leave the house."""

    id: str
    """What it goes by, for ever."""
    name: str
    """What people call it."""
    currency: str
    """A code of ISO 4217."""
    exponent: int
    """How many decimal places the currency, or the token, has."""
    rate_bps: int | None
    """How much of a purchase comes back, in hundredths of a percent: 500 is 5 %."""
    ruleset_id: str | None
    """A version's id, `rul_...`."""
    ruleset_version: int | None
    token_rate_numerator: int
    """How many tokens are given, over `token_rate_denominator`, for a unit of the currency."""
    token_rate_denominator: int
    """What `token_rate_numerator` is divided by."""
    budget_minor: str
    """An integer as a decimal string."""
    budget_left_minor: str
    """An integer as a decimal string."""
    created_at: datetime
    """When it was created."""
    ended_at: datetime | None
    """When it ended; null while it has not."""
    time_zone: str
    """In which time zone days, months and hours of rules are told, by its name in the IANA database."""
    hold_days: int
    """For how many days cashback is held before it is minted."""
    refund_policy: str
    """What becomes of what was minted before its purchase was returned: kept from later cashback (`net_future`), or given up (`write_off`)."""
    expire_after_days: int | None
    """After how many days without a wallet approved cashback expires; null for never."""
    write_off_after_days: int | None
    """After how many days what a user owes is given up; null for never."""
    accepts: list[str]
    """Other currencies in which purchases earn, turned into the programme's own by the exchange rate in force."""
    review_above_minor: str | None
    """An integer as a decimal string."""
    second_above_minor: str | None
    """An integer as a decimal string."""
    users_per_wallet: int | UnsetType = UNSET
    """How many users may share a wallet while the programme is in force."""


class ProgrammeBody(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a new programme; the same name with the same terms again changes nothing.

    With `rate_bps` and `budget_minor` it starts with one percentage paid by a campaign `base`; with neither, empty.
    A grant above `review_above_minor` waits for a person, and what is reviewed above `second_above_minor` for two.
    A wallet is one user's, or of up to `users_per_wallet` while this programme is in force.
    """

    name: str
    """What people call it."""
    currency: str
    """A code of ISO 4217."""
    rate_bps: int | None | UnsetType = UNSET
    """How much of a purchase comes back, in hundredths of a percent: 500 is 5 %."""
    budget_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    token_rate_numerator: int | UnsetType = UNSET
    """How many tokens are given, over `token_rate_denominator`, for a unit of the currency."""
    token_rate_denominator: int | UnsetType = UNSET
    """What `token_rate_numerator` is divided by."""
    time_zone: str | UnsetType = UNSET
    """In which time zone days, months and hours of rules are told, by its name in the IANA database."""
    hold_days: int | UnsetType = UNSET
    """For how many days cashback is held before it is minted."""
    refund_policy: Literal["net_future", "write_off"] | UnsetType = UNSET
    """What becomes of what was minted before its purchase was returned: kept from later cashback (`net_future`), or given up (`write_off`)."""
    expire_after_days: int | None | UnsetType = UNSET
    """After how many days without a wallet approved cashback expires; null for never."""
    write_off_after_days: int | None | UnsetType = UNSET
    """After how many days what a user owes is given up; null for never."""
    accepts: list[str] | UnsetType = UNSET
    """Other currencies in which purchases earn, turned into the programme's own by the exchange rate in force."""
    review_above_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    second_above_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    users_per_wallet: int | UnsetType = UNSET
    """How many users may share a wallet while the programme is in force."""


class ProgrammeDebtPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what programmes asked back; `next_cursor` is null on the last one."""

    items: list[DebtStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class ProgrammePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of programmes; `next_cursor` is null on the last one."""

    items: list[ProgrammeAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class ProofAnchor(msgspec.Struct, frozen=True, kw_only=True):
    """Where the hash of a stretch's last seal stands on the chain: `Anchored(root, upTo)` of the minter contract."""

    state: AnchorState
    root: str
    up_to: str
    transaction_hash: str | None
    """The transaction that it stands in; null while there is none."""
    block_number: str | None
    """A whole number, in decimal."""
    minter: str | None
    """The minter contract."""


class ProofBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the wallet has signed: the message of the challenge with this nonce, as `personal_sign` does."""

    nonce: str
    """What names the challenge, once."""
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
    """What it goes by, for ever."""
    merchant_id: str
    """A merchant's id, `mer_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    reference: str | None
    """The caller's own name for it."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: datetime
    """When it happened."""
    received_at: datetime
    """When it came to us."""
    cashback: CashbackAnswer
    """What was decided for it."""
    lines: list[LineAnswer] | UnsetType = UNSET
    """What it consists of, line by line."""


class PurchaseBody(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase; `merchant_id` may be left out by a merchant's own key."""

    user_id: str
    """Who bought it, `usr_...`."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: str
    """When it was bought, with its offset: from 1970 on, and at most a day ahead of our clock."""
    merchant_id: str | None | UnsetType = UNSET
    """Where it was bought; a merchant's own key may leave it out."""
    reference: str | None | UnsetType = UNSET
    """The merchant's name for this one purchase, such as the number of an order."""
    lines: list[LineBody] | None | UnsetType = UNSET
    """Together they are the amount."""


class PurchaseChange(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase that would have been granted another amount."""

    purchase_id: str
    """A purchase's id, `pur_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    recorded_minor: str
    """An integer as a decimal string."""
    draft_minor: str
    """An integer as a decimal string."""
    difference_minor: str
    """Minor units, below 0 where it falls."""
    reason: str
    """Why."""


class PurchaseItem(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase in a list; `lines` when it came with lines, `cashback` and `refunds` when they were asked for."""

    id: str
    """What it goes by, for ever."""
    merchant_id: str
    """A merchant's id, `mer_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    reference: str | None
    """The caller's own name for it."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: datetime
    """When it happened."""
    received_at: datetime
    """When it came to us."""
    lines: list[LineAnswer] | UnsetType = UNSET
    """What it consists of, line by line."""
    cashback: CashbackItem | None | UnsetType = UNSET
    """What was decided for it."""
    refunds: RefundsShown | None | UnsetType = UNSET


class PurchasePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of purchases, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[PurchaseItem]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class PurchaseStory(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as it was recorded, and its cashback with the whole timeline.

    `lines` are there when it came with lines, `refunds` when they were asked for.
    """

    id: str
    """What it goes by, for ever."""
    merchant_id: str
    """A merchant's id, `mer_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    reference: str | None
    """The caller's own name for it."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: datetime
    """When it happened."""
    received_at: datetime
    """When it came to us."""
    cashback: CashbackStory
    """What was decided for it."""
    lines: list[LineAnswer] | UnsetType = UNSET
    """What it consists of, line by line."""
    refunds: RefundsShown | None | UnsetType = UNSET


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A rate as it is stored and told: in force from `as_of` until the next one of its pair."""

    base: str
    """The currency that is worth something, of ISO 4217."""
    quote: str
    """The currency in which it is told what `base` is worth, of ISO 4217."""
    numerator: int
    """How many units of `quote`, over `denominator`, one unit of `base` is worth."""
    denominator: int
    """What the rate's `numerator` is divided by."""
    source: str
    """Who says so."""
    as_of: datetime
    """From when on the rate holds."""
    is_confirmed: bool
    """Whether somebody said that it is meant, though far from the rate beside it."""
    recorded_at: datetime
    """When it was recorded."""


class RateBody(msgspec.Struct, frozen=True, kw_only=True):
    """Whole units of `quote` for one whole unit of `base`, as a ratio; as of now when no time is named.

    `is_confirmed` lets a rate pass that is more than twice the one before, or less than half of it.
    """

    base: str
    """The currency that is worth something, of ISO 4217."""
    quote: str
    """The currency in which it is told what `base` is worth, of ISO 4217."""
    numerator: int
    """How many units of `quote`, over `denominator`, one unit of `base` is worth."""
    denominator: int
    """What the rate's `numerator` is divided by."""
    source: str
    """Who says so."""
    as_of: str | None | UnsetType = UNSET
    """From when on the rate holds."""
    is_confirmed: bool | UnsetType = UNSET
    """Whether somebody said that it is meant, though far from the rate beside it."""


class RatePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of exchange rates; `next_cursor` is null on the last one."""

    items: list[Rate]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every dependency answers, and what is wrong with those that do not, by name."""

    status: str
    """`ready`, or `not ready`."""
    problems: dict[str, str]
    """What is wrong, by the name of each dependency."""


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
    """Why."""


class ReasonCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many purchases were decided for a reason, and would have been."""

    reason: str
    """Why."""
    recorded: int
    draft: int


class RecomputationPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the computations of all balances; `next_cursor` is null on the last one."""

    items: list[RecomputationStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class RecomputationStory(msgspec.Struct, frozen=True, kw_only=True):
    """One computation of every balance from its transfers; `first_difference` names the first account that differed."""

    number: str
    """A whole number, in decimal."""
    by: str
    began_at: datetime
    """When it began."""
    ended_at: datetime
    """When it ended; null while it has not."""
    accounts: int
    entries: int
    differences: int
    first_difference: str | None


class ReconciliationPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the reconciliation's runs; `next_cursor` is null on the last one."""

    items: list[ReconciliationStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class ReconciliationStory(msgspec.Struct, frozen=True, kw_only=True):
    """One run of `cashback reconcile`: what was compared up to which block, and how many findings of each kind it had.

    `after_block` is where the run that it went on from had ended, null for a whole one; `settled_to` is null where no
    other goes on from it. `requested` and `logs` are counted, the other figures are base units of the token.
    """

    number: str
    """A whole number, in decimal."""
    mode: str
    reason: str
    """Why."""
    asked_by: str
    began_at: datetime
    """When it began."""
    ended_at: datetime
    """When it ended; null while it has not."""
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

    `created_at` is when it was asked for, whatever became of it since, and `applied_at` when it was applied: at once,
    or when the purchase came that it had waited for. `code` says why it was refused when its purchase came.
    """

    id: str
    """What it goes by, for ever."""
    state: RefundState
    """Whether it was applied, or waits for its purchase."""
    merchant_id: str
    """A merchant's id, `mer_...`."""
    purchase_id: str | None
    """A purchase's id, `pur_...`."""
    purchase_reference: str | None
    """The merchant's own name for the purchase."""
    reference: str | None
    """The caller's own name for it."""
    kind: RefundKind
    """Whether it was returned, or charged back by the bank."""
    reason: str
    """Why."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str | None
    """A code of ISO 4217."""
    lines: list[RefundLineAnswer]
    """What it consists of, line by line."""
    created_at: datetime
    """When it was asked for; it stays so when it is applied later."""
    cashback: TakenBack | None
    """What was decided for it."""
    code: str | None | UnsetType = UNSET
    """Why it was refused when its purchase came; null otherwise."""
    applied_at: datetime | None | UnsetType = UNSET
    """When it was applied; null while it waits, and where it waited in vain or was refused."""


class RefundBody(msgspec.Struct, frozen=True, kw_only=True):
    """A refund, by lines or by amount, of a purchase named by its id or by the merchant's reference.

    With a reference that no purchase has yet it is parked for 90 days, and applied when that is recorded. An operator
    names the merchant with a reference.
    """

    reason: str
    """Why."""
    purchase_id: str | None | UnsetType = UNSET
    """A purchase's id, `pur_...`."""
    purchase_reference: str | None | UnsetType = UNSET
    """The merchant's own name for the purchase."""
    lines: list[RefundLineBody] | None | UnsetType = UNSET
    """What is returned, line by line; instead of an amount."""
    amount_minor: str | None | UnsetType = UNSET
    """An integer as a decimal string."""
    kind: RefundKind | UnsetType = UNSET
    """Whether it was returned, or charged back by the bank."""
    merchant_id: str | None | UnsetType = UNSET
    """Whose purchase it is; a merchant's own key may leave it out."""
    reference: str | None | UnsetType = UNSET
    """The merchant's name for this one refund."""


class RefundKind(Word):
    """Who takes the money back: the merchant gives it, or the cardholder's bank."""

    REFUND = "refund"
    CHARGEBACK = "chargeback"


class RefundLineAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one line of the purchase, counted from 1."""

    line: int
    """Which line of the purchase, counted from 1."""
    amount_minor: str
    """An integer as a decimal string."""


class RefundLineBody(msgspec.Struct, frozen=True, kw_only=True):
    """So much of one line of the purchase, counted from 1."""

    line: int
    """Which line of the purchase, counted from 1."""
    amount_minor: str
    """An integer as a decimal string."""


class RefundPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of refunds that were applied, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[RefundAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """The types of events, as docs/events.md lists them."""
    states: list[DeliveryState] | UnsetType = UNSET
    """How the deliveries ended that are made again."""
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
    """What a person says of it."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


class ReviewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a verdict; once it is decided, the ledger's worker does what was said within seconds."""

    cashback_id: str
    """A cashback's id, `cb_...`."""
    verdict: Verdict
    """What a person says of it."""
    approvals: int
    """How many persons have approved so far."""
    approvals_needed: int
    """How many persons have to approve."""
    is_decided: bool
    """Whether enough has been said."""


class ReviewBody(msgspec.Struct, frozen=True, kw_only=True):
    """A person's verdict; each has one, and one rejection is enough."""

    person: str
    """Who decides this."""
    reason: str
    """Why; it is kept."""
    verdict: Literal["approve", "reject"]
    """What a person says of it."""


class ReviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of what waits for verdicts; `next_cursor` is null on the last one."""

    items: list[ReviewStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class ReviewStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for people, in the words that leave the house."""

    cashback_id: str
    """A cashback's id, `cb_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    currency: str
    """A code of ISO 4217."""
    amount_minor: str
    """A whole number, in decimal."""
    token_units: str
    """A whole number, in decimal."""
    waiting_since: datetime
    """Since when it waits."""
    approvals_needed: int
    """How many persons have to approve."""
    reviews: list[Review]
    """What was said so far."""


class RevocationBody(msgspec.Struct, frozen=True, kw_only=True):
    """An empty object: the path says which key."""


class RotationBody(msgspec.Struct, frozen=True, kw_only=True):
    """How long the key that is replaced goes on, and the end of the new one: that of the old one when left out."""

    overlap_s: int | UnsetType = UNSET
    """For how many seconds the key that is replaced goes on."""
    expires_at: str | None | UnsetType = UNSET
    """From then on it opens nothing."""


class SealPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of seals; `next_cursor` is null on the last one."""

    items: list[SealStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """When it was sealed."""
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
    """What it would have been."""
    reason: str
    """Why."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    token_units: str
    """An integer as a decimal string."""
    text: str
    steps: list[DecisionStep]
    """How it was decided, step by step."""


class SimulatedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a purchase that is only tried."""

    amount_minor: str
    """An integer as a decimal string."""
    sku: str | None | UnsetType = UNSET
    """The merchant's own number for what was bought."""
    category: str | None | UnsetType = UNSET
    """The merchant's own word for what was bought; rules may ask for it."""


class SimulationBody(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase to be tried, on a draft or a version by its id; received when it occurred unless told otherwise."""

    ruleset: str
    """A draft's or a version's id: `drf_...` or `rul_...`."""
    merchant_id: str
    """A merchant's id, `mer_...`."""
    amount_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    occurred_at: str
    """With its offset; past, present or future."""
    received_at: str | None | UnsetType = UNSET
    """With its offset; past, present or future."""
    mcc: str | None | UnsetType = UNSET
    """The merchant's category, four digits of ISO 18245."""
    lines: list[SimulatedLine] | UnsetType = UNSET
    """What is bought, line by line; together they are the amount."""
    user_tier: str | None | UnsetType = UNSET
    """The tier of the user."""
    is_first_purchase: bool | UnsetType = UNSET
    """Whether it is the user's first purchase."""
    is_first_at_merchant: bool | UnsetType = UNSET
    """Whether it is the user's first purchase at this merchant."""


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


class Statement(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One page of what was written down within its period, the end not included; `next_cursor` is null on the last one.

    `is_before_first` says that the user's first movement is later than the whole period.
    """

    user_id: str
    """A user's id, `usr_...`."""
    from_: datetime
    to: datetime
    is_before_first: bool
    money: list[Figure]
    tokens: list[Figure]
    money_lines: list[StatementLine]
    token_lines: list[StatementLine]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


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
    """When it was."""
    effective_at: datetime | None
    """From when on it counts."""
    cause: str
    text: str
    cashback_id: str | None
    """A cashback's id, `cb_...`."""
    currency: str
    """A code of ISO 4217."""
    exponent: int
    """How many decimal places the currency, or the token, has."""
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
    """The reason that a person gave; null where nobody did it by hand."""


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
    """When it was."""


class StoredDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it is stored: `document` is its canonical bytes as text, `sha256` their digest in lowercase hex.

    `sequence` counts the decisions of a cashback from 1: one that waited for budget is decided again. `ruleset_id` is
    the version that decided, null where there was none; `engine` is null where nobody can read the document. The
    statement line of its grant holds the same digest.
    """

    cashback_id: str
    """A cashback's id, `cb_...`."""
    sequence: int
    engine: int | None
    """Which engine decided, by its number."""
    ruleset_id: str | None
    """A version's id, `rul_...`."""
    sha256: str
    """SHA-256 of `document`, in hexadecimal."""
    document: str
    """The ruleset, as docs/ruleset.schema.json has it."""


class StoredDecisions(msgspec.Struct, frozen=True, kw_only=True):
    """The decisions of one cashback, the first one first; none where a person gave it by hand."""

    items: list[StoredDecision]


class StreamAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many lines were recorded, replayed and refused, and of the first 1,000 that were refused why."""

    recorded: int
    """How many lines were recorded just now."""
    replayed: int
    """How many lines were recorded before, under this very key."""
    refused: int
    """How many lines were refused."""
    problems: list[LineProblem]
    """Why, of the first 1,000 that were refused."""


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
    """What it goes by, for ever."""
    state: str
    net_minor: str
    """An integer as a decimal string."""
    currency: str
    """A code of ISO 4217."""
    debt_units: str
    """An integer as a decimal string."""


class TierBody(msgspec.Struct, frozen=True, kw_only=True):
    """A user's tier, null for none, and since when; since now when no time is named."""

    tier: str | None
    """The user's tier, by the name that rules have for it; null for none."""
    since: str | None | UnsetType = UNSET
    """From when on; now when left out."""


class TrialBalance(msgspec.Struct, frozen=True, kw_only=True):
    """Every account by kind and currency; `at` is null for balances as they stand, else as known at that instant."""

    at: datetime | None
    """The instant of which it is told; null for now."""
    is_balanced: bool
    """Whether debits and credits are equal."""
    currencies: list[CurrencyTrial]


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """How a try went: the `status` of an answer and the beginning of its words, or the `error` that kept it from us."""

    attempt: int
    at: datetime
    """When it was."""
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
    """What it goes by, for ever."""
    reference: str | None
    """The caller's own name for it."""
    wallet: str | None
    """An address with the capitals of its checksum (EIP-55)."""
    is_blocked: bool
    """Whether the user earns nothing at present."""
    created_at: datetime
    """When it was created."""
    tier: str | None | UnsetType = UNSET
    """The user's tier, by the name that rules have for it; null for none."""
    tier_since: datetime | None | UnsetType = UNSET
    """Since when the user is of that tier."""
    blocked_since: datetime | None | UnsetType = UNSET
    """Since when the user earns nothing; null where that is not so."""
    wallet_proof: str | None | UnsetType = UNSET
    """How the wallet came to be the user's: proved by itself, or by an operator's word."""
    next_wallet: str | None | UnsetType = UNSET
    """The wallet that waits to take the place of the one in use; null where none does."""
    next_wallet_at: datetime | None | UnsetType = UNSET
    """When it does."""
    erased_at: datetime | None | UnsetType = UNSET


class UserBody(msgspec.Struct, frozen=True, kw_only=True):
    """A new user; cashback waits until a wallet is known."""

    reference: str | None | UnsetType = UNSET
    """Your own name for the user."""
    wallet: str | None | UnsetType = UNSET
    """An EVM address with its EIP-55 checksum."""
    tier: str | None | UnsetType = UNSET
    """A name that rules know, such as `gold`."""


class UserChange(msgspec.Struct, frozen=True, kw_only=True):
    """One user who would have been granted another amount in all."""

    user_id: str
    """A user's id, `usr_...`."""
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

    `balances` are those of `made_at`, `merchants` those that the user owns. Lists begin with what is oldest, those of
    wallet changes, blocks and adjustments with what is newest. What happens while it is written may be in one list and
    not yet in another.
    """

    made_at: datetime
    user: User
    balances: BalanceAt
    wallets: list[WalletStory]
    wallet_challenges: list[ChallengeAnswer]
    wallet_changes: list[WalletChange]
    blocks: list[BlockItem]
    merchants: list[OwnedMerchant]
    purchases: list[PurchaseItem]
    refunds: list[RefundAnswer]
    cashback: list[CashbackItem]
    """What was decided for it."""
    adjustments: list[AdjustmentAnswer]
    statement: list[StatementLine]
    disclosures: list[Disclosure]


class UserPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of users, perhaps a short one; `next_cursor` is null on the last one."""

    items: list[User]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class UserReferenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator calls a user from now on; null for nothing."""

    reference: str | None
    """The caller's own name for it."""


class Verdict(Word):
    """What a person says of a cashback in review."""

    APPROVE = "approve"
    REJECT = "reject"


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset without its document; `digest` is the SHA-256 of its canonical bytes."""

    id: str
    """What it goes by, for ever."""
    programme_id: str
    """A programme's id, `prg_...`."""
    version: int
    """Its number within the programme, from 1."""
    digest: str
    """SHA-256 of its canonical bytes, in hexadecimal."""
    starts_at: datetime
    """From when on."""
    ends_at: datetime | None
    """Until when, not included; null for no end."""
    published_at: datetime
    """When it was published."""
    published_by: str
    """Who published it."""
    withdrawn_at: datetime | None
    """When it was withdrawn; null while it was not."""


class VersionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a programme's versions; `next_cursor` is null on the last one."""

    items: list[VersionAnswer]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class VersionStory(msgspec.Struct, frozen=True, kw_only=True):
    """A published ruleset with its document."""

    id: str
    """What it goes by, for ever."""
    programme_id: str
    """A programme's id, `prg_...`."""
    version: int
    """Its number within the programme, from 1."""
    digest: str
    """SHA-256 of its canonical bytes, in hexadecimal."""
    starts_at: datetime
    """From when on."""
    ends_at: datetime | None
    """Until when, not included; null for no end."""
    published_at: datetime
    """When it was published."""
    published_by: str
    """Who published it."""
    withdrawn_at: datetime | None
    """When it was withdrawn; null while it was not."""
    document: dict[str, object]
    """The ruleset, as docs/ruleset.schema.json has it."""


class WaitingPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of who waits for a campaign's budget; `next_cursor` is null on the last one."""

    items: list[WaitingStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class WaitingStory(msgspec.Struct, frozen=True, kw_only=True):
    """A cashback that waits for a campaign's budget: how much of it it wants, since when, and for how long at most."""

    cashback_id: str
    """A cashback's id, `cb_...`."""
    user_id: str
    """A user's id, `usr_...`."""
    merchant_id: str | None
    """A merchant's id, `mer_...`."""
    currency: str
    """A code of ISO 4217."""
    wanted_minor: str
    """A whole number, in decimal."""
    waiting_since: datetime
    """Since when it waits."""
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
    """What it goes by, for ever."""
    user_id: str
    """A user's id, `usr_...`."""
    wallet: str
    """An address with the capitals of its checksum (EIP-55)."""
    proof: WalletProof
    """Whether the wallet was proved by itself, or set by an operator's word."""
    person: str | None
    """Who decided it."""
    reason: str | None
    """Why."""
    asked_at: datetime
    """When it was asked for."""
    effective_at: datetime
    """From when on it counts."""
    ended_at: datetime | None | UnsetType = UNSET
    """When it ended; null while it has not."""
    ended_as: Ended | None | UnsetType = UNSET
    """How it ended; null while it waits."""
    ended_person: str | None | UnsetType = UNSET
    """Who ended it, where a person did."""
    ended_reason: str | None | UnsetType = UNSET
    """Why a person ended it."""


class WalletChangePage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of the changes that were asked of a user's wallet; `next_cursor` is null on the last one."""

    items: list[WalletChange]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class WalletPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a user's wallets; `next_cursor` is null on the last one."""

    items: list[WalletStory]
    next_cursor: str | None
    """What continues the list as `cursor`; null on the last page."""


class WalletProof(Word):
    """How it is known whose wallet it is: an operator says so, or it has signed a challenge (ERC-4361)."""

    OPERATOR = "operator"
    EIP4361 = "eip4361"


class WalletStory(msgspec.Struct, frozen=True, kw_only=True):
    """A wallet that a user has, or had, since when, and how it is known to be theirs: by whose word, or by a proof.

    What was requested before it was linked goes where it was going.
    """

    wallet: str
    """An address with the capitals of its checksum (EIP-55)."""
    proof: WalletProof
    linked_at: datetime
    """Since when it is the user's."""
    is_in_use: bool
    """Whether tokens go there at present."""


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
    """From when on."""
    ends_at: str | None | UnsetType = UNSET
    """Until when, not included; null for no end."""


class WithdrawalAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was withdrawn, and the one that continues what it would have ended, if it had closed one."""

    withdrawn: VersionAnswer
    continued_by: VersionAnswer | None


class WriteOffAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a user's debt was given up, in base units of the token."""

    user_id: str
    """A user's id, `usr_...`."""
    token_units: str
    """An integer as a decimal string."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""


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
    """What continues the list as `cursor`; null on the last page."""


class WriteOffStory(msgspec.Struct, frozen=True, kw_only=True):
    """A debt that was given up: of which programme, how much, by whom and why; the ledger itself does so by age."""

    number: str
    """An integer as a decimal string."""
    user_id: str
    """A user's id, `usr_...`."""
    programme_id: str
    """A programme's id, `prg_...`."""
    token_units: str
    """An integer as a decimal string."""
    person: str
    """Who decided it."""
    reason: str
    """Why."""
    at: datetime
    """When it was."""
