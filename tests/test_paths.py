import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.errors import RoleplayError, StorageError
from roleplay.paths import Home, find_home, new_folder, recover_folder, shipped, shown, storing, write_file


def in_child(action: Callable[[], object], largest_file: int | None = None) -> str:
    """What `action` raised in a forked process whose files cannot grow beyond `largest_file` bytes, or nothing."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"never ran"
        try:
            if largest_file is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            action()
            said = b""
        except BaseException as error:
            said = f"{type(error).__name__}: {error}".encode()
        finally:
            os.write(writable, said)
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said.decode()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_is_written_whole_with_its_folders(tmp_path: Path) -> None:
    write_file(tmp_path / "new" / "deep" / "a.txt", "文字")
    write_file(tmp_path / "b.bin", b"\x00\xff")

    assert (tmp_path / "new" / "deep" / "a.txt").read_bytes() == "文字".encode()
    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b.bin").stat().st_mode & 0o777 == 0o644
    assert sorted(contents(tmp_path)) == ["b.bin", "new/deep/a.txt"]


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_write_that_the_system_cuts_off_leaves_the_old_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "history.json"
    write_file(path, "old")

    said = in_child(lambda: write_file(path, "n" * 10_000), largest_file=size)

    assert said.startswith(f"StorageError: cannot write {path}: File too large")
    assert "make room or point ROLEPLAY_HOME elsewhere" in said
    assert contents(tmp_path) == {"history.json": b"old"}


def test_a_file_that_fits_under_the_same_limit_is_written(tmp_path: Path) -> None:
    path = tmp_path / "history.json"

    assert in_child(lambda: write_file(path, "n" * 5000), largest_file=5000) == ""
    assert path.read_text() == "n" * 5000


def test_a_write_below_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError, match="File exists"):
        write_file(tmp_path / "file" / "a.txt", "x")


def test_a_folder_appears_only_when_all_of_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "run"

    with new_folder(target) as fresh:
        (fresh / "sub").mkdir()
        (fresh / "sub" / "a").write_text("1")
        assert not target.exists()

    assert contents(tmp_path) == {"run/sub/a": b"1"}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_is_replaced_and_nothing_of_the_former_stays(tmp_path: Path) -> None:
    target = tmp_path / "run"
    for name in ("first", "second"):
        with new_folder(target) as fresh:
            (fresh / name).write_text(name)

    assert contents(tmp_path) == {"run/second": b"second"}


def test_a_failure_while_filling_keeps_the_former_folder(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with new_folder(target) as fresh:
        (fresh / "a").write_text("old")

    def fail_halfway() -> None:
        with new_folder(target) as fresh:
            (fresh / "a").write_text("new")
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()

    assert contents(tmp_path) == {"run/a": b"old"}


def test_a_folder_the_system_has_no_room_for_keeps_the_former(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with new_folder(target) as fresh:
        (fresh / "a").write_text("old")

    def fill() -> None:
        with new_folder(target) as fresh:
            (fresh / "a").write_text("n" * 10_000)

    assert in_child(fill, largest_file=100).startswith(f"StorageError: cannot write {target}: File too large")
    assert contents(tmp_path) == {"run/a": b"old"}


def test_a_process_killed_while_filling_harms_neither_the_former_folder_nor_the_next_try(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with new_folder(target) as fresh:
        (fresh / "a").write_text("old")

    def die() -> None:
        with new_folder(target) as fresh:
            (fresh / "half").write_text("new")
            os._exit(9)

    in_child(die)
    assert (target / "a").read_text() == "old"

    with new_folder(target) as fresh:
        (fresh / "b").write_text("newer")
    assert contents(tmp_path) == {"run/b": b"newer"}


def test_a_process_killed_between_the_two_renames_loses_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "run"
    with new_folder(target) as fresh:
        (fresh / "a").write_text("old")
    rename = Path.rename

    def die_on_the_second(self: Path, to: Path) -> Path:
        if to == target:
            os._exit(9)
        return rename(self, to)

    def replace() -> None:
        monkeypatch.setattr(Path, "rename", die_on_the_second)
        with new_folder(target) as fresh:
            (fresh / "a").write_text("new")

    in_child(replace)
    assert not target.exists()

    recover_folder(target)

    assert (target / "a").read_text() == "old"
    assert not (tmp_path / ".run.old").exists()


def test_recovering_where_nothing_was_lost_changes_nothing(tmp_path: Path) -> None:
    recover_folder(tmp_path / "absent")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "a").write_text("kept")

    recover_folder(tmp_path / "run")

    assert contents(tmp_path) == {"run/a": b"kept"}


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed writing file data/0"),
    ],
)
def test_a_full_disk_is_one_storage_error_whoever_reports_it(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(StorageError, match="what was saved before is untouched") as caught, storing(tmp_path):
        raise error

    assert str(caught.value).startswith(f"cannot write {tmp_path}: ")
    assert caught.value.__cause__ is error


def test_an_error_that_is_none_of_storage_goes_through_unchanged(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shapes differ"), storing(tmp_path):
        raise ValueError("shapes differ")


def test_the_home_is_the_one_that_the_environment_names(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_home() == home
    assert (home.characters, home.runs) == (home.root / "characters", home.root / "runs")
    assert home.chats.parent == home.root
    assert not home.root.exists()

    monkeypatch.setenv("ROLEPLAY_HOME", "~/elsewhere")
    assert find_home().root == Path.home() / "elsewhere"

    monkeypatch.setenv("ROLEPLAY_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert find_home().root.name == "roleplay"


def test_what_ships_lies_where_the_cards_and_the_data_are() -> None:
    assert (shipped() / "characters" / "yui.yaml").is_file()
    assert (shipped() / "data" / "corpora").is_dir()


def test_a_path_is_shown_as_a_person_would_type_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))

    assert shown(tmp_path / "a" / "b.yaml") == "a/b.yaml"
    assert shown(Path("a/b.yaml")) == "a/b.yaml"
    assert shown(Path("/nowhere/b.yaml")) == "/nowhere/b.yaml"

    monkeypatch.chdir("/")
    monkeypatch.setenv("HOME", "/home/me")
    assert shown(Path("/home/me/b.yaml")) == "home/me/b.yaml"


def test_a_storage_error_is_an_error_a_person_can_meet() -> None:
    assert issubclass(StorageError, RoleplayError)
