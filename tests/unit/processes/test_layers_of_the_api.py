"""`make bench ONLY=api_layers` takes away one layer at a time, and finds each of them by itself."""

from typing import Any, cast

import pytest
from litestar import Litestar

from cashback.kernel.clock import SystemClock
from cashback.kernel.config import Secret
from cashback.processes.api import application, services_over
from cashback.purchases import ApiKeys
from tests.benchmarks.api_layers import layers
from tests.benchmarks.layered_api import EVERYTHING, INSIDE, NOTHING, ROUTER, layers_of, made

ALL = layers()


def make() -> Litestar:
    """Return an application that reaches nothing."""
    nothing, clock = cast("Any", None), SystemClock()
    return application(
        services=services_over(nothing, nothing, nothing, clock=clock, endpoints=nothing),
        keys=ApiKeys(nothing, clock=clock, pepper=Secret("")),
        checks={},
    )


def names_of(app: Any) -> list[str]:  # noqa: ANN401  # an ASGI application
    """Return the names of what stands around a router."""
    return [type(layer).__name__ for layer in layers_of(app)]


def test_the_layers_are_found_by_walking_inwards() -> None:
    """What watches stands outermost, what looks at parameters inside the router."""
    assert ALL[0] == "Observe"
    assert ALL[-1] == INSIDE
    assert {"Head", "ApiKeyAuth"} < set(ALL)


@pytest.mark.parametrize("name", [each for each in ALL if each not in ("Observe", INSIDE)])
def test_one_layer_is_taken_away_and_the_others_stay(name: str) -> None:
    """What is measured without a layer has all others; up to the one that takes everybody for the operator."""
    kept = names_of(made(make, name))
    assert name not in kept
    assert kept == [each for each in ALL[:-1] if each != name][: len(kept)]
    assert len(kept) >= ALL.index(name)


@pytest.mark.parametrize("name", [NOTHING, INSIDE])
def test_nothing_taken_away_leaves_all_around_the_router(name: str) -> None:
    """So does what is taken away inside it."""
    assert names_of(made(make, name)) == ALL[:-1]


@pytest.mark.parametrize("name", [EVERYTHING, ROUTER])
def test_everything_taken_away_leaves_none(name: str) -> None:
    """The router alone, and the server alone."""
    app = made(make, name)
    assert not isinstance(app, Litestar) or names_of(app) == []


def test_a_layer_that_is_not_there_is_not_taken_away() -> None:
    """A name that was misspelt measures nothing, and says so."""
    with pytest.raises(ValueError, match="not in list"):
        made(make, "Observer")
