"""How long minting waits before it tries again."""

from cashback.minting.rules import RETRY_FIRST_MS, RETRY_LONGEST_MS, retry_delay_ms


def test_waits_double_and_never_exceed_their_bound() -> None:
    """However long an outage, the next look is at most 2 s away."""
    waits = [retry_delay_ms(failures, jitter_per_mille=0) for failures in (1, 2, 3, 4, 5, 1_000)]
    assert waits == [RETRY_FIRST_MS, 500, 1_000, RETRY_LONGEST_MS, RETRY_LONGEST_MS, RETRY_LONGEST_MS]


def test_jitter_takes_away_at_most_a_half() -> None:
    """Those that failed together come back apart, and none of them at once."""
    waits = {retry_delay_ms(3, jitter_per_mille=jitter) for jitter in range(1_000)}
    assert (max(waits), min(waits)) == (1_000, 501)
