"""Purchases become ERC-20 tokens in the customer's own wallet: off-chain decides, the chain guarantees."""
