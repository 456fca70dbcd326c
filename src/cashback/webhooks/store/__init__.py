"""The SQL of the schema `webhooks`."""
