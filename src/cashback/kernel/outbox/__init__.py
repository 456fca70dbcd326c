"""The transactional outbox: events are stored with the effect they tell of, and published afterwards, in commit order.

    service ──append──▶ <schema>.outbox_events ──drain──▶ JetStream
                        <schema>.outbox_cursors: (partition, position reached, lease)

`append` takes its partitions' advisory locks as the last act before commit, so that position order is commit order and
a drainer may read by position alone (invariants I5, I6). Rows are never updated; a cursor moves instead.
"""

from cashback.kernel.outbox.append import PARTITIONS, append, partition_of
from cashback.kernel.outbox.event import Event

__all__ = ["PARTITIONS", "Event", "append", "partition_of"]
