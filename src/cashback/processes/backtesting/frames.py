"""Frames on the pipe between a backtest and its workers: a length of four bytes, then as many bytes."""

from typing import Final

HEAD_BYTES: Final = 4


def framed(data: bytes) -> bytes:
    """Return a frame of some bytes."""
    return len(data).to_bytes(HEAD_BYTES) + data


def length_of(head: bytes) -> int:
    """Return how many bytes follow the head of a frame."""
    return int.from_bytes(head)
