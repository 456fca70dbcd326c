"""What every context stands on and no context is named in: money, ids, time, errors, storage, events, life cycle."""
