"""`cashback ruleset`: rules as files, drafts and versions."""

from pathlib import Path
from typing import Any

import click
import msgspec

from cashback.cli.api import api, idempotency_option, part
from cashback.cli.backtest import backtest
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records, say, tree
from cashback.cli.ruleset_files import is_file, rules_of_file
from cashback.kernel.ids import new_id

FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.group()
def ruleset() -> None:
    """Draft, lint, compare and publish the rules that decide.

    Example: cashback ruleset show rul_01k9z3v6q8e2r9xw5t4c7m1n0p
    """


@ruleset.command(short_help="Keep a JSON file as a draft, or change one.")
@click.argument("file", type=FILE)
@click.option("--programme", "programme_id", help="For which programme a new draft is.")
@click.option("--name", help="What people call a new draft; the file's name when left out.")
@click.option("--change", "draft_id", help="Change this draft instead of making a new one.")
@click.option("--revision", type=click.IntRange(1), help="The revision that was looked at; needed with --change.")
@idempotency_option
@json_option
def draft(  # click hands options over by name
    file: Path,
    programme_id: str | None,
    name: str | None,
    draft_id: str | None,
    revision: int | None,
    key: str,
    as_json: bool,  # noqa: FBT001  # as above
) -> None:
    """Keep the ruleset of a JSON file as a draft, or as the new document of one.

    Example: cashback ruleset draft ruleset.json --programme prg_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    if (programme_id is None) == (draft_id is None) or (draft_id is None) != (revision is None):
        raise click.UsageError("name --programme for a new draft, or --change with the --revision that was looked at")
    document = msgspec.to_builtins(rules_of_file(file))
    with api() as client:
        if draft_id is None:
            body = {"programme_id": programme_id, "name": name or file.name, "document": document}
            made = client.post("/v1/ruleset-drafts", body, idempotency_key=key)
        else:
            made = client.post(
                f"/v1/ruleset-drafts/{part(draft_id)}",
                {"document": document},
                idempotency_key=key,
                if_match=f'"{revision}"',
            )
    _print("draft", made, as_json=as_json)


@ruleset.command(short_help="Find what is wrong with a JSON file.")
@click.argument("file", type=FILE)
@json_option
def lint(file: Path, as_json: bool) -> int:  # noqa: FBT001  # as above
    """Find what is wrong with the ruleset of a JSON file; exits with 3 when that keeps it from being published.

    Nothing is asked of the API, so campaigns are not looked up; publishing does.

    Example: cashback ruleset lint ruleset.json
    """
    from cashback.ledger import Severity
    from cashback.ledger import lint as find

    found = find(rules_of_file(file))
    print_records("findings", [msgspec.to_builtins(finding) for finding in found], as_json=as_json)
    return EXIT_DIFFERENCE if any(finding.severity is Severity.ERROR for finding in found) else 0


@ruleset.command(short_help="Show what differs between two rulesets.")
@click.argument("before")
@click.argument("after")
@json_option
def diff(before: str, after: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show what differs between two rulesets, each a file, a draft or a version.

    Example: cashback ruleset diff rul_01k9z3v6q8e2r9xw5t4c7m1n0p drf_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    from cashback.ledger import diff as compare

    changes = compare(_either(before), _either(after))
    print_records("differences", [msgspec.to_builtins(change) for change in changes], as_json=as_json)


@ruleset.command(short_help="Publish a draft, now or for later.")
@click.argument("draft_id")
@click.option("--revision", type=click.IntRange(1), required=True, help="The revision that was looked at.")
@click.option("--start", "starts_at", help="RFC 3339 with an offset; at once when left out.")
@click.option("--end", "ends_at", help="RFC 3339 with an offset; until the next version when left out.")
@idempotency_option
@json_option
def publish(  # as above
    draft_id: str,
    revision: int,
    starts_at: str | None,
    ends_at: str | None,
    key: str,
    as_json: bool,  # noqa: FBT001  # as above
) -> None:
    """Publish a draft as a version that never changes, now or for later.

    Example: cashback ruleset publish drf_01k9z3v6q8e2r9xw5t4c7m1n0p --revision 3 --start 2027-01-01T00:00:00Z
    """
    window = {name: told for name, told in (("starts_at", starts_at), ("ends_at", ends_at)) if told is not None}
    path = f"/v1/ruleset-drafts/{part(draft_id)}/publish"
    with api() as client:
        made = client.post(path, window, idempotency_key=key, if_match=f'"{revision}"')
    _print("published", made, as_json=as_json)


@ruleset.command(short_help="Discard a draft.")
@click.argument("draft_id")
@click.option("--reason", required=True, help="Why; it is kept beside the draft.")
@idempotency_option
@json_option
def discard(draft_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Discard a draft: it changes no more and is never published, and can still be read.

    Example: cashback ruleset discard drf_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "a better one is under way"
    """
    with api() as client:
        told = client.post(f"/v1/ruleset-drafts/{part(draft_id)}/discard", {"reason": reason}, idempotency_key=key)
    _print("discarded", told, as_json=as_json)


@ruleset.command(short_help="Withdraw a version that has not started.")
@click.argument("ruleset_id")
@click.option("--reason", required=True, help="Why; it is kept beside the version.")
@idempotency_option
@json_option
def withdraw(ruleset_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Withdraw a version that has not started.

    Example: cashback ruleset withdraw rul_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "the campaign was called off"
    """
    path = f"/v1/rulesets/{part(ruleset_id)}/withdraw"
    with api() as client:
        told = client.post(path, {"reason": reason}, idempotency_key=key)
    if as_json:
        print_json(told)
        return
    print_facts("withdrawn", told["withdrawn"])
    if told["continued_by"] is not None:
        print_facts("what it would have ended goes on as", told["continued_by"])


@ruleset.command(short_help="Try a purchase on a draft or a version.")
@click.argument("name")
@click.option("--merchant", "merchant_id", required=True, help="Where it would be bought, `mer_...`.")
@click.option("--amount", "amount_minor", required=True, help="In minor units.")
@click.option("--currency", default="USD", show_default=True, help="ISO 4217 code.")
@click.option("--at", "occurred_at", required=True, help="When: RFC 3339 with an offset; past, present or future.")
@click.option("--mcc", help="The merchant's category, four digits.")
@click.option("--tier", "user_tier", help="The user's tier.")
@json_option
def simulate(name: str, as_json: bool, **facts: str | None) -> None:  # noqa: FBT001  # as above
    """Try a purchase at any instant on a draft or a version: what it would earn and why; nothing is kept.

    Example: cashback ruleset simulate drf_01k9z3v6q8e2r9xw5t4c7m1n0p --merchant mer_1 --amount 1999 --at 2027-01-01T00Z
    """
    body = {"ruleset": name} | {fact: told for fact, told in facts.items() if told is not None}
    with api() as client:
        told = client.post("/v1/rulesets/simulate", body, idempotency_key=new_id("req"))
    if as_json:
        print_json(told)
        return
    click.echo(f"{told['text']} ({told['reason']})")
    for line in tree(told["steps"]):
        click.echo(line)


@ruleset.command("list", short_help="List versions, the newest first, or drafts.")
@click.argument("programme_id")
@click.option("--drafts", "wants_drafts", is_flag=True, help="Drafts instead of versions.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many, 1 to 200.")
@json_option
def list_rulesets(programme_id: str, wants_drafts: bool, limit: int, as_json: bool) -> None:  # noqa: FBT001  # as above
    """List the versions of a programme, the newest first, or its drafts.

    Example: cashback ruleset list prg_01k9z3v6q8e2r9xw5t4c7m1n0p
    """
    kind = "drafts" if wants_drafts else "rulesets"
    with api() as client:
        page = client.get(f"/v1/programmes/{part(programme_id)}/{kind}?limit={limit}")
    print_records("drafts" if wants_drafts else "versions", page["items"], as_json=as_json)
    if page["next_cursor"] is not None:
        say("there are more: raise --limit")


@ruleset.command(short_help="Show a draft or version, or what is in force.")
@click.argument("name")
@click.option("--at", help="Of a programme, the version in force then: RFC 3339 with an offset.")
@json_option
def show(name: str, at: str | None, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Show a draft, a version, or what is in force in a programme at an instant, with the whole document.

    Example: cashback ruleset show prg_01k9z3v6q8e2r9xw5t4c7m1n0p --at 2027-01-01T00:00:00Z
    """
    if name.startswith("prg_") != (at is not None):
        raise click.UsageError("--at goes with a programme, and a programme with --at")
    story = _story(name, at)
    if as_json:
        print_json(story)
        return
    document = story.pop("document")
    print_facts("ruleset", story)
    print_json(document)


def _print(title: str, told: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer for programs or for people."""
    if as_json:
        print_json(told)
    else:
        print_facts(title, told)


def _either(name: str) -> Any:  # noqa: ANN401  # as above
    """Return the ruleset of a file, a draft or a version."""
    from cashback.ledger import RulesetDocument

    if is_file(name):
        return rules_of_file(Path(name))
    return msgspec.convert(_story(name, None)["document"], RulesetDocument)


def _story(name: str, at: str | None) -> dict[str, Any]:
    """Return what the API tells of a draft, a version, or of what is in force in a programme."""
    with api() as client:
        if at is not None:
            return client.get(f"/v1/programmes/{part(name)}/ruleset?at={part(at)}")
        kind = "ruleset-drafts" if name.startswith("drf_") else "rulesets"
        return client.get(f"/v1/{kind}/{part(name)}")


ruleset.add_command(backtest)
