"""What a benchmark says: figures, each with its target or none, and whether it holds."""

from collections.abc import Sequence

import msgspec


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One figure; without a `target` it is only reported, and holds."""

    name: str
    value: float
    unit: str
    target: str | None = None
    holds: bool = True


def at_least(name: str, value: float, unit: str, *, bound: float) -> Check:
    """Return a figure that must reach `bound`."""
    return Check(name=name, value=value, unit=unit, target=f">= {bound:g}", holds=value >= bound)


def at_most(name: str, value: float, unit: str, *, bound: float) -> Check:
    """Return a figure that must not exceed `bound`."""
    return Check(name=name, value=value, unit=unit, target=f"<= {bound:g}", holds=value <= bound)


def below(name: str, value: float, unit: str, *, bound: float) -> Check:
    """Return a figure that must stay below `bound`."""
    return Check(name=name, value=value, unit=unit, target=f"< {bound:g}", holds=value < bound)


def exactly(name: str, value: int, unit: str, *, expected: int) -> Check:
    """Return a count that must be `expected`: what a run claims to have done, it must have done."""
    return Check(name=name, value=value, unit=unit, target=f"= {expected}", holds=value == expected)


def reported(name: str, value: float, unit: str) -> Check:
    """Return a figure that no target is set for."""
    return Check(name=name, value=value, unit=unit)


def cells(checks: Sequence[Check]) -> list[tuple[str, str, str, str]]:
    """Return the rows of a table: name, value with unit, target, verdict."""
    return [
        (
            check.name,
            f"{_digits(check.value)} {check.unit}",
            check.target or "reported",
            "" if check.target is None else "holds" if check.holds else "MISSED",
        )
        for check in checks
    ]


def _digits(value: float) -> str:
    """Return a number with as many digits as a person reads."""
    if value == int(value) or abs(value) >= 1_000:  # four digits say enough
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
