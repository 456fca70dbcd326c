"""The SQL of purchases, set-based: arrays in, `unnest`, rows out; each statement stands above its one caller."""
