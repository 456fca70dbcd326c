"""Consuming in order: one worker at a time has a partition, and its events are applied as they stand in the stream.

    standby ──lease──▶ durable made anew behind its floor ──▶ take, apply, acknowledge, ...
       ▲                    ▲        └── one came again, or is missing ──┘
       └── lease lost, ─────┴── broker lost: made anew
           or given to another

Of one key nothing is ever applied before what stands before it; of a partition nothing either, but for the keys of
which an event failed: those wait and the rest goes on (I6). Nothing is put back, since what is put back is overtaken.
Workers of one consumer have as many partitions each, by the same decision as relays share lanes (`sharing`).
"""

from cashback.kernel.bus.ordered.consumer import LEASE_TTL_S, OrderedConsumer

__all__ = ["LEASE_TTL_S", "OrderedConsumer"]
