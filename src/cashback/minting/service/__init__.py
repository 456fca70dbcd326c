"""Minting's use cases: take requests in, hand them over, follow what becomes of them, tell where they stand."""
