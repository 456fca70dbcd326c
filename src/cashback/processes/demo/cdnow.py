"""The CDNOW sample: real purchases with real dates and dollar amounts; README.md beside this file names the source."""

import csv
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = Path(__file__).parent / "cdnow.csv"


class Sample(msgspec.Struct, frozen=True):
    """One purchase of the sample; amounts stay text until the API has judged them."""

    reference: str
    user: str
    wallet: str
    occurred_at: str
    amount_minor: str
    currency: str


def read_sample(limit: int | None = None) -> list[Sample]:
    """Return the first `limit` purchases in the order of the file, or all 6,919 of them."""
    with FILE.open(encoding="ascii", newline="") as file:
        rows = csv.DictReader(file)
        return [msgspec.convert(row, Sample) for _, row in zip(range(limit or 10_000), rows, strict=False)]
