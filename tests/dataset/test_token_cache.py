import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from mimi import CARD

from roleplay.cards.load import CardFile
from roleplay.dataset import corpus
from roleplay.dataset.build import build_corpus
from roleplay.dataset.cache import open_cache
from roleplay.dataset.corpus import Corpus
from roleplay.dataset.counts import count
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample, build_sample, sample_with
from roleplay.dataset.unit import Losses, Plan, Voice
from roleplay.errors import GateError
from roleplay.text import fingerprint

Characters = Callable[..., CardFile]
Build = Callable[..., Corpus]


@pytest.fixture
def build(character: Characters, chatml: Renderer, folder: Path) -> Build:
    """Each call is a run of its own, with a renderer that remembers nothing."""
    card_file = character()

    def make(limit: int = 400, seed: int = 1, place: Path | None = folder) -> Corpus:
        renderer = Renderer(chatml.tokenizer, chatml.traits)
        return build_corpus(card_file, renderer, limit=limit, seed=seed, cache=place)

    return make


def rendered(built: Corpus, epochs: int = 2) -> list[Sample]:
    rows = [row for number in range(epochs) for row in built.epoch(number)]
    return [built.sample(row) for row in [*rows, *built.heldout(), *built.heldout(())]]


def the_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


# Hits


def test_the_second_run_renders_nothing_and_has_the_same_samples(build: Build, calls: list[str]) -> None:
    first, plain = build(), build(place=None)
    assert first.check(2) == plain.check(2)

    assert calls
    calls.clear()
    second = build()
    checked, samples, counts = second.check(2), rendered(second), count(second)
    assert calls == []

    assert samples == rendered(first) == rendered(plain)
    assert (checked, counts) == (plain.check(2), count(plain))
    assert (second.fingerprint, second.longest) == (plain.fingerprint, plain.longest)
    assert [part.heldout for part in second.corpora] == [part.heldout for part in plain.corpora]
    assert [type(token) for token in samples[0].ids[:1]] == [int]


def test_what_the_limit_cost_is_kept_too(character: Characters, chatml: Renderer, folder: Path) -> None:
    card_file = character(talk="- - user: a\n  - char: " + "long " * 100 + "\n- - user: c\n  - char: d\n")
    first = build_corpus(card_file, chatml, limit=150, seed=1, cache=folder)
    first.check(1)
    again = build_corpus(card_file, chatml, limit=150, seed=1, cache=folder)

    assert again.cache is not None
    assert again.cache.plans
    assert [part.plan for part in again.corpora] == [part.plan for part in first.corpora]
    assert again.corpora[1].losses.cut > 0


def test_the_same_dialogue_is_kept_as_each_corpus_renders_it(
    character: Characters, chatml: Renderer, folder: Path
) -> None:
    card = (
        "schema: 1\nname: mimi\ndisplay_name: Mimi\nlanguage: en\n"
        "prefixes: [{id: scene, text: Evening., place: last_user, train: 0.5}]\n"
        "corpora: [{path: talk.yaml, kind: dialogue}, {path: talk.yaml, kind: general}]\n"
    )
    card_file = character(card, talk="- - user: a\n  - char: b\n  - user: c\n  - char: d\n- - user: e\n  - char: f\n")
    built = [build_corpus(card_file, chatml, limit=400, seed=1, cache=place) for place in (None, folder)]
    built[1].check(8)
    built.append(build_corpus(card_file, chatml, limit=400, seed=1, cache=folder))

    assert {len(sample.spans) for sample in rendered(built[2], 8)} == {1, 2}
    assert rendered(built[2], 8) == rendered(built[1], 8) == rendered(built[0], 8)


def test_rows_that_are_not_kept_are_rendered_and_added(build: Build, calls: list[str], folder: Path) -> None:
    build().check(1)
    calls.clear()
    build(seed=2).check(4)
    assert calls
    one_file = the_file(folder)

    calls.clear()
    build().check(1)
    build(seed=2).check(4)
    assert calls == []
    assert the_file(folder) == one_file


def test_new_rows_meet_the_gate_and_a_failed_gate_keeps_nothing(
    build: Build, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build().check(1)
    before = the_file(folder).read_bytes()

    def wrong(*args: object) -> Sample:
        sample = build_sample(*args)
        return replace(sample, ids=(sample.ids[0] + 1, *sample.ids[1:]))

    monkeypatch.setattr(corpus, "build_sample", wrong)
    with pytest.raises(GateError, match="training and chat differ from token 0 on"):
        build(seed=2).check(4)
    assert the_file(folder).read_bytes() == before
    build().check(1)

    with pytest.raises(GateError):
        build(limit=399).check(1)
    assert the_file(folder).read_bytes() == before


# Damage


@pytest.mark.parametrize(
    "damage",
    [
        lambda data, name: b"",
        lambda data, name: data[:40],
        lambda data, name: data[: len(data) // 2],
        lambda data, name: data[:-1],
        lambda data, name: data + b"x",
        lambda data, name: data[:300] + bytes([data[300] ^ 1]) + data[301:],
        lambda data, name: data[64:],
        lambda data, name: fingerprint(b"other.tokens" + data[64:]).encode() + data[64:],
        lambda data, name: fingerprint(name + b"PK\x03\x04").encode() + b"PK\x03\x04",
        lambda data, name: fingerprint(name + b"text").encode() + b"text",
    ],
    ids=["empty", "stub", "half", "short", "long", "bit", "no digest", "for another name", "no zip", "no arrays"],
)
def test_a_damaged_or_foreign_file_is_ignored_and_rewritten(
    build: Build, folder: Path, calls: list[str], damage: Callable[[bytes, bytes], bytes]
) -> None:
    build().check(2)
    path = the_file(folder)
    sound = path.read_bytes()
    path.write_bytes(damage(sound, path.name.encode()))

    calls.clear()
    again = build()
    again.check(2)

    assert calls
    assert rendered(again) == rendered(build(place=None))
    assert path.read_bytes() == sound


def test_a_file_made_for_another_card_is_not_read_under_this_ones_name(
    character: Characters, chatml: Renderer, folder: Path
) -> None:
    def run(card: str) -> Corpus:
        built = build_corpus(character(card), chatml, limit=400, seed=1, cache=folder)
        built.check(1)
        return built

    run(CARD)
    mine = the_file(folder)
    sound = mine.read_bytes()
    run(CARD.replace("You are", "You were"))
    (other,) = set(folder.iterdir()) - {mine}
    shutil.copy(other, mine)

    assert rendered(run(CARD), 1) == rendered(build_corpus(character(CARD), chatml, limit=400, seed=1), 1)
    assert mine.read_bytes() == sound


@pytest.mark.parametrize("blocked", ["folder", "file"])
def test_a_cache_that_cannot_be_written_is_no_error(build: Build, folder: Path, blocked: str) -> None:
    if blocked == "folder":
        folder.parent.mkdir(parents=True)
        folder.write_text("in the way")
    else:
        build().check(1)
        path = the_file(folder)
        path.unlink()
        path.mkdir()

    assert build().check(2) == build(place=None).check(2)


def some_samples(number: int) -> dict[str, Sample]:
    return {fingerprint(str(i)): sample_with([number] * 50, [(10, 20), (30, 50)], number) for i in range(40)}


def test_readers_meet_whole_files_whatever_writers_do(chatml: Renderer, character: Characters, folder: Path) -> None:
    voice = Voice(character().card, (), chatml)
    plans = [Plan(((0, 0, (1, 3)),), Losses(cut=1))]
    written = [some_samples(number) for number in range(4)]
    open_cache(folder, voice, [], 400).write(plans, written[0])

    def write(number: int) -> None:
        for _ in range(15):
            open_cache(folder, voice, [], 400).write(plans, written[number])

    with ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        met = []
        while not all(writer.done() for writer in writers):
            met.append(open_cache(folder, voice, [], 400))
        for writer in writers:
            writer.result()

    assert met
    assert all(file.samples in written and file.plans == tuple(plans) for file in met)
    assert the_file(folder).suffix == ".tokens"


def test_the_newest_sixteen_files_are_kept_and_strange_ones_left_alone(
    chatml: Renderer, character: Characters, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = Voice(character().card, (), chatml)
    folder.mkdir(parents=True)
    (folder / "note.txt").write_text("mine")
    (folder / ".abc.tokens.x7w1").write_text("left by a killed writer")
    os.utime(folder / ".abc.tokens.x7w1", (0, 0))
    paths = []
    for limit in range(20):
        file = open_cache(folder, voice, [], limit)
        file.write([], {})
        paths.append(file.path)
        os.utime(file.path, (limit + 1, limit + 1))  # times of files made at once may be equal

    assert sorted(folder.iterdir()) == sorted([folder / "note.txt", *paths[-16:]])
