"""How long the loops wait after a failure."""

from zlib import crc32

from cashback.kernel.backoff import PER_MILLE
from cashback.minting.rules import retry_delay_ms


def retry_after_ms(failures: int, *, holder: str) -> int:
    """Return how long `holder` waits after its n-th failure in a row; other holders wait otherwise.

    A holder's name is random, and so is the hash of it: jitter without a source of randomness of its own.
    """
    return retry_delay_ms(failures, jitter_per_mille=crc32(f"{holder}:{failures}".encode()) % PER_MILLE)
