"""Composition roots, one per command: each file reads as its own wiring diagram and nothing else."""
