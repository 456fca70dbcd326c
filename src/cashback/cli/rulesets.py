"""`cashback ruleset`: rules as files, drafts and versions."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from cashback.cli.api import ask, body_of, facts, given, idempotency_option, print_answer, print_page
from cashback.cli.backtest import backtest
from cashback.cli.command import EXIT_DIFFERENCE
from cashback.cli.output import json_option, print_facts, print_json, print_records, tree
from cashback.cli.ruleset_files import is_file, rules_of_file
from cashback.kernel.ids import new_id

if TYPE_CHECKING:
    from cashback.client.api.structs import DraftStory, VersionStory
    from cashback.ledger import RulesetDocument

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
    from cashback.client.api import rulesets, structs

    if (programme_id is None) == (draft_id is None) or (draft_id is None) != (revision is None):
        raise click.UsageError("name --programme for a new draft, or --change with the --revision that was looked at")
    document = msgspec.to_builtins(rules_of_file(file))
    if programme_id is not None:
        new = structs.DraftBody(programme_id=programme_id, name=name or file.name, document=document)
        call = rulesets.create_draft(new, idempotency_key=key)
    else:
        changed = structs.DocumentBody(document=document)
        call = rulesets.change_draft(draft_id or "", changed, idempotency_key=key, if_match=f'"{revision}"')
    print_answer("draft", ask(call), as_json=as_json)


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
    from cashback.client.api import rulesets, structs

    window = structs.WindowBody(starts_at=given(starts_at), ends_at=given(ends_at))
    call = rulesets.publish_draft(draft_id, window, idempotency_key=key, if_match=f'"{revision}"')
    print_answer("published", ask(call), as_json=as_json)


@ruleset.command(short_help="Discard a draft.")
@click.argument("draft_id")
@click.option("--reason", required=True, help="Why; it is kept beside the draft.")
@idempotency_option
@json_option
def discard(draft_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Discard a draft: it changes no more and is never published, and can still be read.

    Example: cashback ruleset discard drf_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "a better one is under way"
    """
    from cashback.client.api import rulesets, structs

    call = rulesets.discard_draft(draft_id, structs.ReasonBody(reason=reason), idempotency_key=key)
    print_answer("discarded", ask(call), as_json=as_json)


@ruleset.command(short_help="Withdraw a version that has not started.")
@click.argument("ruleset_id")
@click.option("--reason", required=True, help="Why; it is kept beside the version.")
@idempotency_option
@json_option
def withdraw(ruleset_id: str, reason: str, key: str, as_json: bool) -> None:  # noqa: FBT001  # as above
    """Withdraw a version that has not started.

    Example: cashback ruleset withdraw rul_01k9z3v6q8e2r9xw5t4c7m1n0p --reason "the campaign was called off"
    """
    from cashback.client.api import rulesets, structs

    told = ask(rulesets.withdraw_ruleset(ruleset_id, structs.ReasonBody(reason=reason), idempotency_key=key))
    if as_json:
        print_json(told)
        return
    print_facts("withdrawn", facts(told.withdrawn))
    if told.continued_by is not None:
        print_facts("what it would have ended goes on as", facts(told.continued_by))


@ruleset.command(short_help="Try a purchase on a draft or a version.")
@click.argument("name")
@click.option("--merchant", "merchant_id", required=True, help="Where it would be bought, `mer_...`.")
@click.option("--amount", "amount_minor", required=True, help="In minor units.")
@click.option("--currency", default="USD", show_default=True, help="ISO 4217 code.")
@click.option("--at", "occurred_at", required=True, help="When: RFC 3339 with an offset; past, present or future.")
@click.option("--mcc", help="The merchant's category, four digits.")
@click.option("--tier", "user_tier", help="The user's tier.")
@json_option
def simulate(name: str, as_json: bool, **terms: str | None) -> None:  # noqa: FBT001  # as above
    """Try a purchase at any instant on a draft or a version: what it would earn and why; nothing is kept.

    Example: cashback ruleset simulate drf_01k9z3v6q8e2r9xw5t4c7m1n0p --merchant mer_1 --amount 1999 --at 2027-01-01T00Z
    """
    from cashback.client.api import rulesets, structs

    body = body_of(structs.SimulationBody, ruleset=name, **terms)
    told = ask(rulesets.simulate_ruleset(body, idempotency_key=new_id("req")))
    if as_json:
        print_json(told)
        return
    click.echo(f"{told.text} ({told.reason})")
    for line in tree([facts(step) for step in told.steps]):
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
    from cashback.client.api import rulesets

    if wants_drafts:
        print_page("drafts", rulesets.list_drafts(programme_id, limit=limit), limit=limit, as_json=as_json)
    else:
        print_page("versions", rulesets.list_rulesets(programme_id, limit=limit), limit=limit, as_json=as_json)


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
    print_facts("ruleset", facts(story, but=("document",)))
    print_json(story.document)


def _either(name: str) -> "RulesetDocument":
    """Return the ruleset of a file, a draft or a version."""
    from cashback.ledger import RulesetDocument

    if is_file(name):
        rules: RulesetDocument = rules_of_file(Path(name))
        return rules
    return msgspec.convert(_story(name, None).document, RulesetDocument)


def _story(name: str, at: str | None) -> "DraftStory | VersionStory":
    """Return what the API tells of a draft, a version, or of what is in force in a programme."""
    from cashback.client.api import rulesets

    if at is not None:
        return ask(rulesets.show_ruleset_in_force(name, at=at))
    return ask(rulesets.show_draft(name)) if name.startswith("drf_") else ask(rulesets.show_ruleset(name))


ruleset.add_command(backtest)
