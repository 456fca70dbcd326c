"""The way out to endpoints: names are looked up, every address is judged, and something is posted."""

from cashback.webhooks.gateway.guard import Guard, Names
from cashback.webhooks.gateway.post import Post, Sent

__all__ = ["Guard", "Names", "Post", "Sent"]
