"""The operations of the API by tag, and their structs: generated from docs/openapi.json."""
