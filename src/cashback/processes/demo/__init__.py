"""`cashback demo`: real purchases through every process to the chain, and a proof that ledger and chain agree.

cdnow.csv ─▶ POST /v1/users, /v1/purchases ─▶ the whole system ─▶ final blocks ─▶ reconcile ─▶ table, exit code
"""

from cashback.processes.demo.cdnow import FILE as SAMPLE_FILE
from cashback.processes.demo.cdnow import Sample, read_sample
from cashback.processes.demo.push import Prepared, Pushed, Sum, prepare, push
from cashback.processes.demo.settle import NotSettled, settle

__all__ = [
    "SAMPLE_FILE",
    "NotSettled",
    "Prepared",
    "Pushed",
    "Sample",
    "Sum",
    "prepare",
    "push",
    "read_sample",
    "settle",
]
