"""Examples for the OpenAPI document: each operation asked once for real, in a world that is always the same.

story ──▶ recorder ──▶ the API over a fresh database ──▶ written to src/cashback/processes/api/examples.json

    python -m tests.contract.rest.examples      writes them anew

recorder   asks, and keeps what was asked and answered
story      who asks what, in which order; a new operation gets a line here
problems   one problem for each status, and for each operation what is told of ids that nobody has
mistakes   for each operation what is told of what is wrong at a place of its own
world      ids that come in order, and instants and traces that are set afterwards
"""
