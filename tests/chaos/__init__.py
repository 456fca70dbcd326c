"""The whole system under load while its processes and servers are killed, paused, stopped and wiped."""
