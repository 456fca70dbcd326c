"""The whole system, every process of it, driven over REST and judged by what the chain and the databases hold."""
