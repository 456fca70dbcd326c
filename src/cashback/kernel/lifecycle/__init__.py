"""The life of a process: start, probes, signals, and an orderly end within five seconds.

start ──▶ tasks run ──SIGTERM/SIGINT──▶ `stop` is set, each task finishes its batch ──2.5 s──▶ cancelled
                  └──────a task fails─────▶ the others stop, the process ends with an error   └─ 4.25 s ─▶ cut off
"""

from cashback.kernel.lifecycle.last_resort import ended_in_time
from cashback.kernel.lifecycle.listening import CannotListen, taking
from cashback.kernel.lifecycle.probe import Check, Probe
from cashback.kernel.lifecycle.run import Task, run_until_stopped
from cashback.kernel.lifecycle.stopping import pause, until_stopped

__all__ = [
    "CannotListen",
    "Check",
    "Probe",
    "Task",
    "ended_in_time",
    "pause",
    "run_until_stopped",
    "taking",
    "until_stopped",
]
