"""Use cases and their transactions.

    acceptance ──▶ mints ──▶ lane: sequencing ──▶ slots, signed attempts ──▶ tending ──▶ (the nodes)
                                                                                            │ blocks
    outcomes   ◀── outcomes ◀── following: sighting, inspection  ◀────────────────────────── ┘

Lanes and the follower each hold a fenced lease; everything else may run in as many processes as wanted.
"""
