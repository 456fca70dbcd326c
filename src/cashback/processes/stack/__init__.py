"""The whole system on one machine: embedded servers, migrated databases, deployed contracts, every process of ours.

    Stack(folder)
    ├── servers      PostgreSQL   NATS JetStream   anvil
    ├── furnished    schemas, operator's API key   streams   contracts
    └── processes    adapter   api   relay x 2   worker ledger   worker mint   worker webhooks

`cashback dev`, the demo, the end-to-end tests, the fault tests and the benchmarks all start this one.
"""

from cashback.processes.stack.keeping import FolderInUse, FolderUnusable, sole_use
from cashback.processes.stack.plan import DEVELOPMENT_MNEMONIC, PROCESSES, Plan, Ports
from cashback.processes.stack.stack import Stack, StackAbandoned

__all__ = [
    "DEVELOPMENT_MNEMONIC",
    "PROCESSES",
    "FolderInUse",
    "FolderUnusable",
    "Plan",
    "Ports",
    "Stack",
    "StackAbandoned",
    "sole_use",
]
