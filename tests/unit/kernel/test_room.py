"""How many connections a process takes: as many as it is to, and as the system lets it open files for."""

import resource

import pytest

from cashback.kernel.lifecycle.listening import FILES_BESIDE, room_for

PLENTY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    "limits, asked, room",
    [
        pytest.param((1_024, 500_000), [(2_000 + FILES_BESIDE, 500_000)], 2_000, id="it-may-have-more"),
        pytest.param((1_024, PLENTY), [(2_000 + FILES_BESIDE, PLENTY)], 2_000, id="it-may-have-any"),
        pytest.param((1_024, 1_500), [(1_500, 1_500)], 1_500 - FILES_BESIDE, id="it-may-have-some"),
        pytest.param((100, 100), [(100, 100)], 1, id="it-may-have-none"),
        pytest.param((500_000, 500_000), [], 2_000, id="it-has-them"),
        pytest.param((PLENTY, PLENTY), [], 2_000, id="nobody-counts"),
    ],
)
def test_a_process_asks_for_the_files_that_its_connections_need(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], asked: list[tuple[int, int]], room: int
) -> None:
    """And takes fewer connections where it may not have them."""
    said: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: said.append(wanted))
    assert (room_for(2_000), said) == (room, asked)
