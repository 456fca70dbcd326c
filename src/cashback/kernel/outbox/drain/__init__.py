"""Draining: what was committed is published, in commit order, as fast as it comes.

    session ─▶ streams ─▶ acquire lanes ─▶ read up to 500 ──some──▶ publish as one batch ──stored──▶ advance ─┐
                  ▲ │                           └──none──▶ wait for a notification, 5 .. 250 ms               │
                  │ └──broker not reached for 2 s──▶ release the lanes, and wait for it                       │
                  └───────────────────────────────────────────────────────────────────────────────────────────┘

At most two statements and one publication per batch, whatever its size, and one statement every 5 s for the age of what
waits. Any number of drainers may run: each lane has one holder, and they share the lanes evenly. Keeps I5 and I6: a
cursor moves only after the stream has stored everything before it, and a batch whose end is unknown is published again
under the same message ids. docs/concepts/outbox.md tells why each part is as it is.
"""

from cashback.kernel.outbox.drain.age import oldest_s
from cashback.kernel.outbox.drain.drainer import LEASE_TTL_S, Drainer
from cashback.kernel.outbox.drain.reading import BATCH_MAX, Row, go_by_index, pending, to_message

__all__ = ["BATCH_MAX", "LEASE_TTL_S", "Drainer", "Row", "go_by_index", "oldest_s", "pending", "to_message"]
