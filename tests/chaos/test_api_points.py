"""Kill -9 of the API before and after each commit and answer: the same request again, one effect, one mint (I4, I7)."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec
import pytest

from cashback.kernel.failpoints import POINTS
from tests.chaos.api_commands import COMMANDS, OF_PARTS, Scene
from tests.chaos.api_stage import again, dies_of, is_replay, request_of
from tests.support.load import new_key
from tests.support.stack import WholeSystem

TOLD_ONCE: Final = frozenset({"key"})
"""Whose repeat does not tell what the first answer told: a secret."""
NEVER_WITHIN_S: Final = 2.0


class Case(msgspec.Struct, frozen=True):
    """A command, and the point at which an API dies of it, the nth time that it gets there."""

    name: str
    point: str
    nth: int = 1

    @property
    def trap(self) -> str:
        """Return it as a setting says it."""
        return f"{self.point}=kill@{self.nth}"

    @property
    def expected(self) -> "Told":
        """Return what is to be: nothing before the commit of the effects, and after it all, with the very answer."""
        is_early = self.name in OF_PARTS and self.point.startswith("commands.") and self.nth == 1
        was_done = self.point != "commands.committing" and not is_early
        effects = COMMANDS[self.name].effects
        return Told(
            done_then=effects if was_done else 0,
            done=effects,
            is_replay=was_done,
            was_heard=self.point == "answer.sent",
        )


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How many effects there were when the process had died, and in the end, and what was answered."""

    done_then: int
    done: int
    is_replay: bool
    was_heard: bool
    is_same: bool = True


CASES: Final = [
    Case(name, point, nth)
    for name in COMMANDS
    for point in sorted(POINTS["api"])
    if point != "part.recorded" or name in OF_PARTS
    for nth in ((1, 2) if name in OF_PARTS and point.startswith("commands.") else (1,))
]
FIRST_TIER: Final = (
    Case("purchase", "commands.committing"),
    Case("purchase", "commands.committed"),
    Case("purchase", "answer.sending"),
    Case("purchase", "answer.sent"),
    Case("bulk", "part.recorded"),
    Case("key", "answer.sending"),
    Case("proof", "commands.committed"),
)
"""What is tried in every run; the others take a process each as well, and are tried in the deep one."""


@pytest.mark.invariant("I4", "I7")
async def test_an_api_killed_around_its_commits_and_answers_loses_and_doubles_nothing(
    stack: WholeSystem, tmp_path: Path
) -> None:
    """Seven deaths: what is asked again is done once, and all that was accepted is minted and on the chain (I4, I7)."""
    await assert_once_and_minted(stack, FIRST_TIER, tmp_path)


@pytest.mark.deep
@pytest.mark.invariant("I4", "I7")
@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case.name}-{case.trap}") for case in CASES])
async def test_each_command_is_done_once_wherever_the_api_dies_of_it(
    stack: WholeSystem, tmp_path: Path, case: Case
) -> None:
    """It is done then if it was rolled back, and answered as before if it was not (I4, I7)."""
    await assert_once_and_minted(stack, [case], tmp_path)


def test_each_point_is_died_at_with_each_command_that_reaches_it() -> None:
    """None is left out when there is one more."""
    assert {case.point for case in CASES} == {case.point for case in FIRST_TIER} == POINTS["api"]
    assert {case.name for case in CASES} == COMMANDS.keys()
    assert set(FIRST_TIER) <= set(CASES)


async def test_a_point_that_is_never_reached_fails_its_test(stack: WholeSystem, tmp_path: Path) -> None:
    """A single purchase has no parts: the process goes on, and who waits for its death says so."""
    async with Scene.open(stack) as scene:
        command = COMMANDS["purchase"]
        sent = request_of(await command.body(scene), new_key())
        before = scene.rows(command.table)
        with pytest.raises(AssertionError, match=r"it has ended at part\.recorded"):
            await dies_of(
                *(stack, "part.recorded=kill", command.path, sent), log=tmp_path / "log", within_s=NEVER_WITHIN_S
            )
        assert scene.rows(command.table) - before == 1
        await stack.drained()
        await scene.assert_minted(command.cashbacks)


async def assert_once_and_minted(stack: WholeSystem, cases: Iterable[Case], folder: Path) -> None:
    """Assert of each case that it was done once, and of all of them that what they granted was minted once (I4, I7)."""
    told: dict[Case, Told] = {}
    scenes: dict[Case, Scene] = {}
    async with AsyncExitStack() as opened:
        for case in cases:
            opening = Scene.open(stack, has_wallet=COMMANDS[case.name].has_wallet)
            scenes[case] = await opened.enter_async_context(opening)
            told[case] = await what_becomes_of(case, scenes[case], folder)
        assert told == {case: case.expected for case in told}
        assert (await stack.drained()).findings == []
        for case, scene in scenes.items():
            await scene.assert_minted(COMMANDS[case.name].cashbacks)


async def what_becomes_of(case: Case, scene: Scene, folder: Path) -> Told:
    """Return what there is after an API died of a request, and after the same request was sent twice more."""
    command = COMMANDS[case.name]
    path = command.path.format(user_id=scene.customer.id)
    key = new_key()
    sent = request_of(await command.body(scene), key)
    before = scene.rows(command.table)
    heard = await dies_of(scene.stack, case.trap, path, sent, log=folder / f"{key}.log")
    done_then = scene.rows(command.table) - before
    second = await again(scene.shop.http, path, sent)
    third = await again(scene.shop.http, path, sent)
    assert is_replay(third)
    answers = [second.content, third.content, *([] if heard is None else [heard])]
    return Told(
        done_then=done_then,
        done=scene.rows(command.table) - before,
        is_replay=is_replay(second),
        was_heard=heard is not None,
        is_same=all(what_stays(case.name, one) == what_stays(case.name, third.content) for one in answers),
    )


def what_stays(name: str, answer: bytes) -> object:
    """Return what an answer and its repeats tell alike: all of it, but for a secret, and for how many were replays."""
    if name not in TOLD_ONCE | OF_PARTS:
        return answer
    told = msgspec.json.decode(answer)
    if name in TOLD_ONCE:
        return {member: value for member, value in told.items() if member != "secret"}
    return told["recorded"] + told["replayed"], told["refused"], [one["purchase"] for one in told.get("items", ())]
