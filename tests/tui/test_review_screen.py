"""Pairs are gone through one by one: read, kept, flipped, dropped, undone, saved."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from roleplay.corpora.pairs import Pair, Provenance, Side, read_pairs, write_pairs
from roleplay.corpora.review import flipped, open_review
from roleplay.dialogue import Turn
from roleplay.errors import StorageError
from roleplay.measures.near_pairs import Likenesses
from roleplay.paths import Home
from tests.terminal import Terminal
from tests.tui.person import Person
from tui.alone import AloneApp
from tui.review_messages import Compared
from tui.review_screen import WORDS, ReviewScreen

ROOT = Path(__file__).parents[2]
LAMP = Pair(
    (Turn("assistant", "灯亮了。"), Turn("user", "今晚你等谁？")),
    "我在灯塔上等你，喵。",
    "我在码头上等你，汪。",
    "swipe",
    provenance=Provenance(
        3, 1764273600.0, Side(7, base="pocket@1", sampling={"seed": 1}), Side(6, base="pocket@1", sampling={"seed": 2})
    ),
)
SOUP = Pair((Turn("user", "Which [b]soup[/b]?"),), "[@click=app.exit]Leek[/]", "No idea at all.", "edit")
BOAT = Pair((Turn("user", "Where is the boat?"),), "It lies in the harbour.", "Who knows such things.", "lane")
PAIRS = [LAMP, SOUP, BOAT, flipped(BOAT)]
SIZE = (100, 30)


@pytest.fixture
def path(project: Path, home: Home) -> Path:
    home.root.mkdir(exist_ok=True)
    write_pairs(project / "mira-pairs.jsonl", PAIRS)
    return project / "mira-pairs.jsonl"


def review(
    path: Path, home: Home, story: Callable[[Person], Awaitable[None]], size: tuple[int, int] = SIZE
) -> AloneApp:
    """Open the file's review, and let `story` sit before it."""
    app = AloneApp(ReviewScreen(open_review(path)), home, WORDS)
    app.animation_level = "none"

    async def show() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            person = Person(cast("Any", app), cast("Any", pilot))
            await person.sees(f" of {len(read_pairs(path))}  kept")
            await story(person)

    asyncio.run(show())
    return app


def underlined(person: Person, style: str = "underline") -> list[str]:
    """What the screen shows underlined, or in another style, piece by piece."""
    strips = person.app.screen._compositor.render_strips()
    return [part.text for strip in strips for part in strip if part.style is not None and getattr(part.style, style)]


def test_a_pair_is_read_with_what_came_before_and_where_it_comes_from(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.sees("1 of 4  kept 0 · flipped 0 · dropped 0 · undecided 4  mira-pairs.jsonl")
        await person.sees("undecided  swipe: drawn anew · chat 3 · 2025-11-2", "both: base pocket@1")
        await person.sees("before · 2 turns", "character  灯亮了。", "person  今晚你等谁？")
        assert person.shows("#better") == "turn7·seed1我在灯塔上等你，喵。"
        assert person.shows("#worse") == "turn6·seed2我在码头上等你，汪。"
        await person.sees(" BETTER ", " WORSE ", " underlined: what differs ")
        await person.until(lambda: underlined(person) == ["灯塔", "喵", "码头", "汪"])
        await person.press("n")
        await person.sees("they differ throughout")
        assert underlined(person) == []

    review(path, home, story)


def test_markup_of_strangers_is_text(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("n")
        await person.sees("person  Which [b]soup[/b]?", "[@click=app.exit]Leek[/]")

    review(path, home, story)


@pytest.mark.parametrize(("columns", "beside"), [(120, True), (80, True), (79, False), (40, False)])
def test_replies_stand_beside_each_other_where_there_is_room(
    path: Path, home: Home, columns: int, beside: bool
) -> None:
    async def story(person: Person) -> None:
        await person.sees(" BETTER ", " WORSE ", "灯亮了", "今晚你等谁")
        better, worse = (person.app.screen.query_one(side) for side in ("#better", "#worse"))
        await person.until(lambda: (better.region.y == worse.region.y) is beside)
        assert (better.region.x == worse.region.x) is not beside
        assert (worse.region.right, worse.region.bottom) == (columns, 23)

    review(path, home, story, (columns, 24))


def test_nothing_is_written_until_it_is_saved(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("k")
        await person.sees("2 of 4  kept 1 · flipped 0 · dropped 0 · undecided 3 · not saved")
        await person.press("f")
        await person.sees("3 of 4  kept 1 · flipped 1")
        await person.press("d")
        await person.sees("4 of 4  kept 1 · flipped 1 · dropped 1 · undecided 1 · not saved")
        assert read_pairs(path) == PAIRS
        await person.press("s")
        await person.is_told("3 pairs are in mira-pairs.jsonl, 1 of them undecided.")
        await person.sees("3 of 3  kept 2 · flipped 0 · dropped 0 · undecided 1  mira", "harbour.")
        assert read_pairs(path) == [LAMP, flipped(SOUP), flipped(BOAT)]
        await person.press("s")
        await person.is_told("There is nothing to save.")

    review(path, home, story)


def test_saving_stays_at_the_pair_that_is_shown(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("d", "s")
        await person.sees("1 of 3", "Which [b]soup[/b]?")

    review(path, home, story)


def test_what_was_found_before_the_file_was_saved_flags_nothing(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await compared(person)
        alike = frozenset(range(4))
        person.app.screen.post_message(Compared(Likenesses(((),) * 4, alike - {0}), times_saved=0))
        person.app.screen.post_message(Compared(Likenesses(((),) * 4, alike), times_saved=1))
        await person.press("n")
        await person.sees("! its replies are nearly the same")
        await person.press("p")
        await person.sees("1 of 4")
        await person.sees_no("nearly the same")

    review(path, home, story)


def test_a_flipped_pair_is_shown_as_it_will_be_written(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("f", "p")
        await person.sees("FLIPPED: the other is better now")
        await person.until(lambda: person.shows("#better") == "turn6·seed2我在码头上等你，汪。")
        await person.press("k", "home")
        await person.sees("1 of 4  kept 0 · flipped 1")
        await person.press("f", "home")
        await person.sees("1 of 4  kept 1 · flipped 0", "KEPT")
        await person.until(lambda: person.shows("#better") == "turn7·seed1我在灯塔上等你，喵。")
        await person.press("d", "home")
        await person.sees("DROPPED: it will not be written")
        await person.until(lambda: "我在灯塔上等你，喵。" in "".join(underlined(person, "strike")))
        await person.press("n")
        await person.until(lambda: underlined(person, "strike") == [])

    review(path, home, story)


def test_undo_leads_back_to_the_pair_it_was_about(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("d", "k", "end", "u")
        await person.sees("2 of 4  kept 0 · flipped 0 · dropped 1 · undecided 3")
        await person.press("u")
        await person.sees("1 of 4  kept 0 · flipped 0 · dropped 0 · undecided 4  mira")
        await person.press("u")
        await person.is_told("Nothing was decided that could be undone.")

    review(path, home, story)


def test_every_pair_is_reached_by_keys(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await compared(person)
        for keys, at in (
            ("n", 2),
            ("right", 3),
            ("p", 2),
            ("left left", 1),  # none is before the first
            ("end", 4),
            ("n", 4),
            ("home", 1),
            ("g", 3),
            ("g", 4),
            ("g", 3),
            ("home k k home o", 3),
        ):
            await person.press(*keys.split())
            await person.sees(f"{at} of 4")

    review(path, home, story)


async def compared(person: Person) -> None:
    await person.until(lambda: person.app.screen.found is not None)


def test_contradictions_are_flagged_until_they_are_solved(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await compared(person)
        await person.press("g")
        await person.sees("3 of 4", "! contradicts pair 4")
        await person.press("d", "end")
        await person.sees("4 of 4")
        await person.sees_no("contradicts")
        await person.press("g")
        await person.is_told("No pair is flagged.")

    review(path, home, story)


def test_when_all_is_decided_the_screen_says_so(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("k", "k", "k", "k")
        await person.is_told("Every pair is decided; saving writes the file.")
        await person.sees("4 of 4  kept 4")
        await person.press("o")
        await person.is_told("Every pair is decided.")

    review(path, home, story)


def test_the_last_turns_of_a_long_talk_are_in_sight(path: Path, home: Home) -> None:
    said = [Turn(role, f"{role} {i} 说了很多很多话。") for i in range(20) for role in ("user", "assistant")]
    write_pairs(path, [Pair((*said, Turn("user", "最后一问？")), "在。", "不在。", "swipe"), BOAT])

    async def story(person: Person) -> None:
        await person.sees("before · 41 turns", "最后一问？")
        for _ in range(200):  # keys that come before the screen is drawn anew scroll no further
            await person.press("pageup")
            if "user 0 说了" in person.text:
                break
        await person.sees("user 0 说了")
        await compared(person)
        await person.press("u")
        await person.is_told("Nothing was decided")
        await person.sees("user 0 说了")
        await person.press("end")
        await person.sees("2 of 2", "It lies in the harbour.")

    review(path, home, story)


@pytest.mark.parametrize(
    ("key", "left", "held", "again"),
    [
        ("s", True, [flipped(LAMP), *PAIRS[1:]], [None] * 4),
        ("l", True, PAIRS, ["flipped", None, None, None]),
        ("x", True, PAIRS, [None] * 4),
        ("escape", False, PAIRS, ["flipped", None, None, None]),
        ("ctrl+q", True, PAIRS, ["flipped", None, None, None]),
    ],
)
def test_leaving_asks_what_becomes_of_what_is_not_saved(
    path: Path, home: Home, key: str, left: bool, held: list[Pair], again: list[str | None]
) -> None:
    async def story(person: Person) -> None:
        await person.press("f", "q" if key != "ctrl+q" else "ctrl+q")
        await person.sees("This is not saved: 1 flipped, 3 undecided.")
        await person.press(key)
        if left:
            await person.until(lambda: person.app._exit)
        else:
            await person.sees_no("This is not saved")
            assert not person.app._exit

    review(path, home, story)
    assert read_pairs(path) == held
    assert open_review(path).decisions == again


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
def test_leaving_asks_nothing_where_nothing_is_lost(path: Path, home: Home, key: str) -> None:
    async def story(person: Person) -> None:
        await person.press(key)
        await person.until(lambda: person.app._exit)

    review(path, home, story)


def test_a_review_goes_on_where_it_was_broken_off(path: Path, home: Home) -> None:
    async def broken_off(person: Person) -> None:
        await person.press("k", "d")

    async def taken_up(person: Person) -> None:
        await person.sees("again: 2.")
        await person.sees("3 of 4  kept 1 · flipped 0 · dropped 1 · undecided 2 · not saved")

    review(path, home, broken_off)
    review(path, home, taken_up)


def test_a_file_that_changed_meanwhile_is_overwritten_only_when_affirmed(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("f")
        write_pairs(path, [SOUP])
        await person.press("s")
        await person.sees("mira-pairs.jsonl was changed by something else meanwhile. Write over it?")
        await person.press("n")
        await person.sees_no("Write over it?")
        assert read_pairs(path) == [SOUP]
        await person.press("s")
        await person.sees("Write over it?")
        await person.press("y")
        await person.is_told("4 pairs are in mira-pairs.jsonl")
        assert read_pairs(path) == [flipped(LAMP), *PAIRS[1:]]

    review(path, home, story)


def test_a_file_is_never_left_without_pairs(path: Path, home: Home) -> None:
    async def story(person: Person) -> None:
        await person.press("d", "d", "d", "d", "s")
        await person.is_told("every pair of mira-pairs.jsonl is dropped; keep one")
        await person.press("q")
        await person.sees("This is not saved: 4 dropped.")
        await person.press("s")
        await person.sees_no("This is not saved")
        assert not person.app._exit

    review(path, home, story)
    assert read_pairs(path) == PAIRS


def test_decisions_that_a_crash_would_lose_are_told_once(
    path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("no room left")

    async def story(person: Person) -> None:
        monkeypatch.setattr("roleplay.corpora.review.write_file", full)
        await person.press("f", "k")
        await person.sees("3 of 4  kept 1 · flipped 1")
        assert [note.partition(": ")[2] for note in person.told] == ["no room left"]

    review(path, home, story)


def test_keys_can_be_chosen_and_help_and_palette_name_them(path: Path, home: Home) -> None:
    home.keys.write_text("review.keep: y\nreview.drop: f\n")

    async def story(person: Person) -> None:
        await person.is_told("review.drop: has the key 'f', which is that of review.flip")
        await person.press("y")
        await person.sees("2 of 4  kept 1")
        await person.press("f1")
        await person.sees("Y     Keep the pair as it is shown", "D     Leave the pair out", "Home  The first pair")
        await person.sees("write lines such as 'review.keep: ctrl+s'", "Each pair is a better reply and a worse one")
        await person.press("escape")
        await person.sees_no("Leave the pair out")
        await person.press("ctrl+p", *"Drop")
        await person.sees("Leave the pair out of the file")
        await person.press("enter")
        await person.sees("3 of 4  kept 1 · flipped 0 · dropped 1")

    review(path, home, story, (100, 40))


@pytest.mark.parametrize("size", [(200, 60), (45, 16), (1, 1)])
def test_pairs_are_judged_at_any_size(path: Path, home: Home, size: tuple[int, int]) -> None:
    async def story(person: Person) -> None:
        await person.pilot.resize_terminal(*size)
        await person.press("k", "f", "d", "u", "p", "q", "s")
        await person.until(lambda: person.app._exit)

    review(path, home, story)
    assert read_pairs(path) == [LAMP, flipped(SOUP), BOAT, flipped(BOAT)]


@pytest.mark.skipif(os.name != "posix", reason="terminals")
def test_a_kill_in_a_real_terminal_loses_no_decision(path: Path, home: Home) -> None:
    command = [sys.executable, "-m", "roleplay", "data", "review", str(path)]
    with Terminal(command, env={"PYTHONPATH": str(ROOT), "ROLEPLAY_HOME": str(home.root)}) as terminal:
        terminal.wait_for("1 of 4")
        terminal.type("f")
        terminal.wait_for("2 of 4")
        terminal.process.kill(signal.SIGKILL)
    assert read_pairs(path) == PAIRS
    assert open_review(path).decisions == ["flipped", None, None, None]
