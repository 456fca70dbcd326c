"""`cashback import`: a CSV file through the one write path, `Purchases.record`, a batch at a time.

    file ─▶ rows ─▶ users (looked up, created when asked) ─▶ Purchases.record ─▶ what each row came to

The row's reference is its idempotency key, so a second run records nothing twice, and a run that was killed goes on.
"""

from cashback.processes.importing.importer import Imported, Options, Settings, import_file
from cashback.processes.importing.rows import COLUMNS, LINE_BYTES_MAX, FileUnreadable, Problem, Row, count_rows, rows_of

__all__ = [
    "COLUMNS",
    "LINE_BYTES_MAX",
    "FileUnreadable",
    "Imported",
    "Options",
    "Problem",
    "Row",
    "Settings",
    "count_rows",
    "import_file",
    "rows_of",
]
