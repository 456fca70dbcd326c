"""The world calls in: gRPC over HTTP/2, bounded in size, time and number.

connection ──▶ edge: bounds, deadline, trace, failures ──▶ calls: wire ⇄ model ──▶ service
                                                    └──▶ health
"""
