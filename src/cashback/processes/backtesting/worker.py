"""One worker of a backtest: told the rules once, it answers chunks until its pipe ends.

python -m cashback.processes.backtesting.worker
"""

import gc
import sys
from typing import IO

import msgspec

from cashback.ledger.model.backtests import Trial
from cashback.ledger.service.backtesting import earn_chunk
from cashback.processes.backtesting.frames import HEAD_BYTES, framed, length_of


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer every chunk from `source` on `sink`; returns when there are no more, or nobody listens."""
    rules = _frame(source)
    if rules is None:
        return
    trial = msgspec.msgpack.decode(rules, type=Trial)
    while (chunk := _frame(source)) is not None:
        try:
            sink.write(framed(earn_chunk(chunk, trial)))
            sink.flush()
        except BrokenPipeError:
            return


def _frame(source: IO[bytes]) -> bytes | None:
    """Return the next frame, None when there is none or it is cut short."""
    head = source.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    data = source.read(length_of(head))
    return data if len(data) == length_of(head) else None


if __name__ == "__main__":
    # Nothing that a chunk is made into refers to itself: looking for cycles takes a sixth of the time and finds none.
    gc.disable()
    serve(sys.stdin.buffer, sys.stdout.buffer)
