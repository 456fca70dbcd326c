"""What an API key may be made for, until when, and how often it may ask."""

from datetime import datetime

from cashback.kernel.errors import Rejected
from cashback.kernel.instants import WANTED, in_utc, is_in_range
from cashback.kernel.mistakes import first_of
from cashback.kernel.principal import BURST_MAX, BURST_MIN, RATE_PER_S_MAX, Principal, Rate
from cashback.purchases.model import FieldInvalid
from cashback.purchases.model.scopes import KNOWN_SCOPES
from cashback.purchases.rules.checks import problem_of_blanks, problem_of_text


def problem_of_label(label: str) -> Rejected | None:
    """Return what is wrong with the label of an API key, or None."""
    return problem_of_text(label, "/label") or problem_of_blanks(label, "/label")


def problem_of_scopes(scopes: tuple[str, ...] | None) -> Rejected | None:
    """Return what is wrong with the scopes of a key, or None; a key without any is made for all that its kind may."""
    if scopes is None:
        return None
    if not scopes:
        return FieldInvalid("a key that is made for nothing opens nothing: name a scope", pointer="/scopes")
    return first_of(*(_problem_of_scope(scopes, place) for place in range(len(scopes))))


def _problem_of_scope(scopes: tuple[str, ...], place: int) -> Rejected | None:
    """Return what is wrong with one scope of a key."""
    if scopes[place] not in KNOWN_SCOPES:
        return FieldInvalid("there is no such scope", pointer=f"/scopes/{place}")
    if scopes[place] in scopes[:place]:
        return FieldInvalid("a scope is named once", pointer=f"/scopes/{place}")
    return None


def problem_of_end(expires_at: datetime | None, *, now: datetime) -> Rejected | None:
    """Return what is wrong with the end of a key, or None; a key may have none."""
    if expires_at is None:
        return None
    if expires_at.tzinfo is None or not is_in_range(expires_at):
        return FieldInvalid(WANTED, pointer="/expires_at")
    return None if expires_at > now else FieldInvalid("a key ends after it begins", pointer="/expires_at")


def problem_of_rate(rate: Rate | None) -> Rejected | None:
    """Return what is wrong with how often a key may ask, or None; one without a rate has that of its kind."""
    if rate is None or (1 <= rate.per_s <= RATE_PER_S_MAX and BURST_MIN <= rate.burst <= BURST_MAX):
        return None
    wanted = f"a rate is 1 to {RATE_PER_S_MAX} a second and {BURST_MIN} to {BURST_MAX} at once"
    return FieldInvalid(wanted, pointer="/rate")


def scopes_within(scopes: tuple[str, ...] | None, by: Principal) -> tuple[str, ...] | None:
    """Return the scopes of a key that `by` asks for: none that its own was not made for.

    Raises:
        ScopeMissing: one was asked for that it was not made for.
    """
    if scopes is None:
        return None if by.scopes is None else tuple(sorted(by.scopes))
    for place, scope in enumerate(scopes):
        by.require(scope, pointer=f"/scopes/{place}")
    return scopes


def end_within(expires_at: datetime | None, *, last: datetime | None) -> datetime | None:
    """Return the end of a key that is asked for by one that itself ends at `last`: no later than that, in UTC.

    Raises:
        FieldInvalid: a later one was asked for.
    """
    if last is not None and expires_at is not None and expires_at > last:
        raise FieldInvalid("a key asks for none that ends after it", pointer="/expires_at")
    return in_utc(expires_at or last)
