import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

import roleplay.knowledge.build as building
from roleplay.errors import FileFaults, NotFound, StorageError, UsageError
from roleplay.knowledge.database import VERSION, Database, remove_index
from roleplay.knowledge.passage import Block
from roleplay.knowledge.search import Index
from roleplay.knowledge.source import Source
from tests.knowledge.conftest import Bag, World, read, says


def texts(world: World) -> list[str]:
    with sqlite3.connect(world.index) as file:
        return [text for (text,) in file.execute("SELECT text FROM passages ORDER BY id")]


def found(world: World, question: str) -> list[str]:
    with Index(world.index) as index:
        return [one.passage.text for one in index.search(question)]


def test_a_passage_keeps_its_place_through_the_file(world: World) -> None:
    world.write(harbour="# Tides\n\nHigh water at six.\nLow water at noon.\n")
    assert world.build().passages == 1
    with Index(world.index) as index:
        passage = index.search("water")[0].passage
    assert passage.place.shown == "harbour.md:3 · Tides"
    assert (passage.place.start, passage.place.end) == (9, 46)
    assert (passage.text, passage.tokens) == ("High water at six.\nLow water at noon.", 12)


def test_only_what_changed_is_read_again(world: World) -> None:
    world.write(one="A bell rings.", two="A gull cries.", three="A boat sinks.")
    first = world.build()
    assert (first.read, first.passages) == (3, 3)
    assert world.told[0] == (0, 3, "one.md")
    world.write(one="A horn sounds.", four="A rope snaps.")
    (world.folder / "two.md").unlink()
    os.utime(world.folder / "three.md")
    second = world.build()
    assert (second.read, second.unchanged, second.removed, second.passages) == (2, 1, 1, 2)
    assert world.read_files == ["four.md", "one.md"]
    assert sorted(texts(world)) == ["A boat sinks.", "A horn sounds.", "A rope snaps."]
    assert found(world, "bell gull") == []
    third = world.build()
    assert (third.read, third.unchanged) == (0, 3)


def test_words_of_a_replaced_file_are_gone_from_the_index(world: World) -> None:
    for text in ("图书馆的猫叫逗号。", "图书馆没有猫了。", "港口起雾。"):
        world.write(one=text)
        world.build()
    assert found(world, "图书馆 猫") == []
    with sqlite3.connect(world.index) as file:
        file.execute("INSERT INTO words (words) VALUES ('integrity-check')")


def test_a_file_is_hashed_only_where_its_size_or_time_is_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(one="A bell rings.")
    world.build()
    hashed, digest = [], building.hashlib.file_digest
    monkeypatch.setattr(building.hashlib, "file_digest", lambda *given: hashed.append(1) or digest(*given))
    world.build()
    assert hashed == []
    os.utime(world.folder / "one.md", ns=(1, 1))
    world.build()
    world.build()
    assert hashed == [1]


@pytest.mark.parametrize("option", [{"budget": 16}, {"overlap": 5}, {"tokenizer": "others"}])
def test_what_passages_depend_on_makes_all_be_read_again(world: World, option: dict[str, object]) -> None:
    world.write(one="A bell rings.", two="A gull cries.")
    world.build()
    assert world.build(**option).read == 2
    assert world.build(**option).read == 0


def test_a_file_with_faults_keeps_its_old_passages_and_all_are_named_at_the_end(world: World) -> None:
    world.write(a="A bell rings.", b="A gull cries.", c="A boat sinks.")
    world.build()
    world.write(a="New bell.\nFAULT", b="New gull.", c="FAULT")
    gone = Source("d.md", world.folder / "d.md")
    with pytest.raises(FileFaults) as raised:
        world.build(sources=[*world.sources, gone])
    assert [(fault.file.split("/")[-1], fault.line) for fault in raised.value.faults] == [
        ("a.md", 2),
        ("c.md", 1),
        ("d.md", None),
    ]
    assert sorted(texts(world)) == ["A bell rings.", "A boat sinks.", "New gull."]


def test_a_build_that_is_killed_keeps_each_finished_file(world: World) -> None:
    world.write(a="A bell rings.", b="A gull cries.", c="A boat sinks.")
    world.build()
    world.write(a="New bell.", b="New gull.", c="New boat.")
    script = f"""
        import os
        from pathlib import Path
        from tests.knowledge.conftest import World, read

        def killed(path):
            for block in read(path):
                yield block
                if path.name == "b.md":
                    os._exit(9)

        World(Path({str(world.folder)!r})).build(read=killed)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=Path(__file__).parents[2])
    assert done.returncode == 9
    assert sorted(texts(world)) == ["A boat sinks.", "A gull cries.", "New bell."]
    assert found(world, "gull") == ["A gull cries."]
    world.build()
    assert world.read_files == ["b.md", "c.md"]


def test_a_full_disk_is_one_error_and_the_old_index_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(a="A bell rings.")
    world.build()
    world.write(a="\n".join(f"A bell rings {i} times over the harbour." for i in range(3000)))
    connect = sqlite3.connect

    def small(*args: object, **options: object) -> sqlite3.Connection:
        connection = connect(*args, **options)  # type: ignore[call-overload]
        connection.execute("PRAGMA max_page_count = 60")
        return connection  # type: ignore[no-any-return]

    monkeypatch.setattr(sqlite3, "connect", small)
    with pytest.raises(StorageError, match=r"full.*make room.*what was built before is kept"):
        world.build()
    monkeypatch.undo()
    assert found(world, "bell") == ["A bell rings."]


def test_a_second_build_at_once_is_told_so(world: World) -> None:
    world.write(a="A bell rings.")
    world.build()
    with FileLock(world.index.with_name(".mira.sqlite3.lock")):
        with pytest.raises(StorageError, match="another process is building"):
            world.build()
        with pytest.raises(StorageError, match="another process is building"):
            remove_index(world.index)
        assert found(world, "bell") == ["A bell rings."]


def test_the_old_index_answers_while_another_is_built(world: World) -> None:
    world.write(a="A bell rings.")
    world.build()
    world.write(a="A horn sounds.")
    answers = []

    def asking(path: Path) -> Iterator[Block]:
        yield from read(path)
        answers.append(found(world, "bell"))

    world.build(read=asking)
    assert answers == [["A bell rings."]]
    assert found(world, "bell") == []


def test_vectors_are_made_once_for_a_text_and_headings(world: World) -> None:
    bag = Bag()
    world.write(a="# Sea\nA bell rings.\n# Land\nA bell rings.", b="# Sea\nA bell rings.")
    assert world.build(bag).embedded == 2
    assert sorted(bag.given) == ["Land\nA bell rings.", "Sea\nA bell rings."]
    world.write(b="# Sea\nA bell rings.\n# Air\nA gull cries.")
    (world.folder / "a.md").rename(world.folder / "c.md")
    assert world.build(bag).embedded == 1
    assert bag.given[2:] == ["Air\nA gull cries."]


def test_another_embedder_makes_all_vectors_anew_and_none_is_mixed(world: World) -> None:
    world.write(a="A bell rings.", b="A gull cries.")
    world.build(Bag("first"))
    second = Bag("second", 8)
    assert world.build(second).embedded == 2
    with Index(world.index) as index:
        assert (index.stats().embedder, index.stats().vectors) == ("second", 2)
        assert index.search("bell", embedder=second)[0].vector_rank is not None
        with pytest.raises(UsageError, match="vectors of second, none of first"):
            index.search("bell", embedder=Bag("first"))
    with sqlite3.connect(world.index) as file:
        assert file.execute("SELECT DISTINCT embedder FROM vectors").fetchall() == [("second",)]
    assert world.build(None).embedded == 0
    with Index(world.index) as index:
        assert (index.stats().embedder, index.stats().vectors, index.reference) == (None, 0, None)


def test_vectors_that_were_finished_before_a_build_was_cut_off_are_kept(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_BATCH", 2)

    class Stopped(Bag):
        def passages(self, texts: object) -> object:  # type: ignore[override]
            if len(self.given) == 4:
                raise KeyboardInterrupt
            return super().passages(texts)  # type: ignore[arg-type]

    world.write(**{f"f{i}": f"A bell rings {'abcdefgh'[i]}." for i in range(7)})
    world.build(Bag("old"))
    with pytest.raises(KeyboardInterrupt):
        world.build(Stopped("new"))
    with Index(world.index) as index:
        assert index.search("bell", embedder=Bag("old"))[0].vector_rank is not None
    assert world.build(Bag("new")).embedded == 3


def test_an_index_of_another_version_is_untouched_by_reading_and_made_anew_by_building(world: World) -> None:
    world.write(a="A bell rings.")
    world.build()
    with sqlite3.connect(world.index) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 10_000}")
    file.close()
    before = says(world.index)
    with pytest.raises(StorageError, match=r"another version.*'roleplay knowledge build mira'"):
        Index(world.index)
    assert says(world.index) == before
    assert world.build().read == 1
    assert found(world, "bell") == ["A bell rings."]


@pytest.mark.parametrize("kind", ["text", "database"])
def test_what_is_no_index_is_never_written_over(world: World, kind: str) -> None:
    world.write(a="A bell rings.")
    world.index.parent.mkdir(parents=True)
    if kind == "text":
        world.index.write_text("no database " * 100)
    else:
        with sqlite3.connect(world.index) as file:
            file.execute("CREATE TABLE chats (id)")
        file.close()
    before = says(world.index)
    for use in (lambda: Index(world.index), world.build):
        with pytest.raises(StorageError, match=r"mira\.sqlite3"):
            use()
    assert says(world.index) == before


def test_an_index_that_is_not_there_says_how_to_build_it(world: World) -> None:
    with pytest.raises(NotFound, match="roleplay knowledge build mira"):
        Index(world.index)
    assert not world.index.parent.exists()
    world.index.parent.mkdir(parents=True)
    world.index.touch()
    with pytest.raises(NotFound, match="roleplay knowledge build mira"):
        Index(world.index)
    with pytest.raises(NotFound):
        remove_index(world.folder / "none.sqlite3")


def test_an_index_can_be_removed_whole_or_by_file(world: World) -> None:
    world.write(a="A bell rings.", b="A bell is silent.")
    world.build()
    with Index(world.index) as index:
        index.remove("a.md")
        assert [one.passage.text for one in index.search("bell")] == ["A bell is silent."]
        with pytest.raises(NotFound, match=r"did you mean 'b\.md'"):
            index.remove("c.md")
    remove_index(world.index)
    assert not list(world.index.parent.glob("mira*"))


def test_two_files_of_one_name_and_a_wrong_budget_are_told_before_anything_is_written(world: World) -> None:
    world.write(a="A bell rings.")
    with pytest.raises(UsageError, match=r"a\.md"):
        world.build(sources=world.sources * 2)
    with pytest.raises(UsageError, match="3"):
        world.build(budget=3)
    assert not world.index.exists()


def test_a_folder_where_nothing_can_be_written_is_one_error(world: World) -> None:
    (world.folder / "home").write_text("a file")
    with pytest.raises(StorageError, match="ROLEPLAY_HOME"):
        world.build()


def test_a_database_of_a_failed_statement_says_what_to_do(world: World) -> None:
    world.write(a="A bell rings.")
    world.build()
    database = Database(world.index)
    with pytest.raises(StorageError, match="cannot be read or written"):
        database.rows("DELETE FROM files")
    database.close()
