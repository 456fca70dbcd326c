"""What forge reports, read as complaints: branches that no test went both ways, and gas that is not the committed gas.

Pure functions from a report's text; test_forge_reports.py plants what each must see, test_solidity.py asks forge.
"""

import json
import re
from collections.abc import Iterator, Mapping

Counts = dict[int, int]


def uncovered(lcov: str) -> list[str]:
    """Return `file:line: what never happened` for each branch and function of an lcov report that a test left out.

    Of an `if` without `else` forge counts one way only, the taken one; how often it was *not* taken is the line's own
    count less that.
    """
    return [complaint for source, record in _records(lcov) for complaint in _uncovered(source, record)]


def branches(lcov: str) -> dict[str, int]:
    """Return how many branches an lcov report knows, by source file."""
    return {source: len(re.findall(r"^BRDA:", record, re.MULTILINE)) for source, record in _records(lcov)}


def gas_changes(*, committed: Mapping[str, str], measured: Mapping[str, str]) -> list[str]:
    """Return what a person has to answer for: each figure that rose, fell, appeared or vanished, and how to accept it.

    A fall is told as well: unless the snapshot follows it, the same gas could be lost again without a word.
    """
    changes = []
    for name in sorted(committed.keys() | measured.keys()):
        before, after = committed.get(name), measured.get(name)
        if before is None or after is None:
            changes.append(f"{name}: {'not measured any more' if after is None else 'new'}; {_ACCEPT}")
        elif int(after) > int(before):
            changes.append(f"{name}: rose from {before} to {after}; make it cheaper, or say in the commit why it costs")
        elif int(after) < int(before):
            changes.append(f"{name}: fell from {before} to {after}; {_ACCEPT}")
    return changes


def broken_invariants(told: str) -> dict[str, str]:
    """Return the reason by invariant of each that forge saw broken; a compiler's error names none."""
    events = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    return {event["invariant"]: event["reason"] for event in events if event.get("event") == "failure"}


_ACCEPT = "accept it with `npm run gas` in contracts/ and commit the snapshot"


def _records(lcov: str) -> Iterator[tuple[str, str]]:
    """Yield each source file with its part of the report."""
    for record in lcov.split("end_of_record"):
        if source := re.search(r"^SF:(.+)$", record, re.MULTILINE):
            yield source[1], record


def _uncovered(source: str, record: str) -> Iterator[str]:
    """Yield one source file's complaints."""
    evaluated: Counts = {int(line): int(hits) for line, hits in re.findall(r"^DA:(\d+),(\d+)", record, re.MULTILINE)}
    ways: dict[tuple[int, str], list[int]] = {}
    for line, branch, hits in re.findall(r"^BRDA:(\d+),(\d+),\d+,(\d+|-)$", record, re.MULTILINE):
        ways.setdefault((int(line), branch), []).append(0 if hits == "-" else int(hits))
    for (line, _), hits in ways.items():
        # Without an `else` the second way is what is left of the line's own count.
        both = hits if len(hits) > 1 else [*hits, evaluated[line] - hits[0]]
        yield from (
            f"{source}:{line}: way {way + 1} of the branch never went" for way, hit in enumerate(both) if not hit
        )
    for name in re.findall(r"^FNDA:0,(.+)$", record, re.MULTILINE):
        yield f"{source}: {name} was never called"
