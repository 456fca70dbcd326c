"""Minting's tables: `mints` by number, the `cursor` of outcomes, and `halts`; who locks mints does so by number."""
