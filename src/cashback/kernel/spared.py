"""What libraries load because it is installed, and nobody here uses: 9 MB of a relay's 39, and a quarter of its start.

Each place that does without something says in a line why it can.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def spared(*names: str) -> Iterator[None]:
    """Have what is imported inside do without these packages, as it does where they are not installed.

    A package that is loaded already is not kept from anybody, and afterwards all of them can be imported as ever.
    """
    absent = [name for name in names if name not in sys.modules]
    # This is how Python is told that there is no such module (docs.python.org/3/reference/import, 5.3.1).
    sys.modules.update(dict.fromkeys(absent, cast("ModuleType", None)))
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
