"""A process that serves does not walk its whole heap while it does."""

import gc
from collections.abc import Iterator

import pytest

from cashback.kernel.lifecycle import heap


@pytest.fixture(autouse=True)
def usual_collector() -> Iterator[None]:
    """Give the collector back as it was."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_at_the_start_is_never_looked_at_again() -> None:
    """What was made before is no longer among what a full collection walks through."""
    mine = ["made before"]
    heap.settle()
    assert not any(each is mine for each in gc.get_objects())


def test_a_batch_is_over_before_it_is_looked_at() -> None:
    """More objects than a batch keeps are made without a collection, and cycles are still collected."""
    heap.settle()
    before = [each["collections"] for each in gc.get_stats()]
    kept = [[number] for number in range(heap.YOUNG_MAX // 2)]
    assert [each["collections"] for each in gc.get_stats()] == before
    kept += [[number] for number in range(2 * heap.YOUNG_MAX)]
    assert gc.get_stats()[0]["collections"] > before[0]
