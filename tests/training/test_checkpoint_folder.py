"""A checkpoint is whole or absent, whatever happens while it is written."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from roleplay.errors import StorageError
from roleplay.training.checkpoints import checkpoints, newest_step, step_of, whole_or_absent


def fill(staging: Path, step: int) -> None:
    """What a Trainer leaves in its output folder, in short."""
    folder = staging / f"checkpoint-{step}"
    (folder / "parts").mkdir(parents=True)
    (folder / "weights").write_bytes(b"w" * step)
    (folder / "parts" / "rng").write_bytes(b"r")
    (folder / "trainer_state.json").write_text(f'{{"step": {step}}}')


def write(folder: Path, *steps: int) -> None:
    """Checkpoints of those steps, one after the other."""
    for step in steps:
        with whole_or_absent(folder, step) as staging:
            fill(staging, step)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_and_raise(folder: Path, error: BaseException) -> None:
    """A checkpoint of step 9 that `error` breaks off at its end."""
    with whole_or_absent(folder, 9) as staging:
        fill(staging, 9)
        raise error


class Killed(BaseException):
    """The process is gone."""


def test_a_written_checkpoint_is_the_newest(tmp_path: Path) -> None:
    write(tmp_path, 5)
    assert names(tmp_path) == {"checkpoint-5"}
    assert newest_step(tmp_path) == 5
    assert contents(tmp_path) == {
        "checkpoint-5/weights": b"wwwww",
        "checkpoint-5/parts/rng": b"r",
        "checkpoint-5/trainer_state.json": b'{"step": 5}',
    }


def test_the_last_two_are_kept_by_number_and_not_by_name(tmp_path: Path) -> None:
    write(tmp_path, 8, 9, 10, 11)
    assert names(tmp_path) == {"checkpoint-10", "checkpoint-11"}
    assert [step_of(path) for path in checkpoints(tmp_path)] == [10, 11]


def test_without_a_checkpoint_there_is_no_newest(tmp_path: Path) -> None:
    assert newest_step(tmp_path) is None
    assert newest_step(tmp_path / "nowhere") is None


@pytest.mark.parametrize("error", [Killed(), KeyboardInterrupt(), ValueError("broken")])
def test_what_breaks_off_a_checkpoint_leaves_the_older_ones_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    write(tmp_path, 3, 6)
    before = contents(tmp_path)
    with pytest.raises(type(error)):
        write_and_raise(tmp_path, error)
    assert contents(tmp_path) == before
    assert names(tmp_path) == {"checkpoint-3", "checkpoint-6"}


def test_a_full_disk_is_one_error_that_names_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, 3)
    before = contents(tmp_path)
    with pytest.raises(StorageError, match=r"cannot write .*checkpoint-9: No space left on device; make room"):
        write_and_raise(tmp_path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert contents(tmp_path) == before


def leave_half(folder: Path, step: int) -> None:
    """What a killed process leaves: everything but the renamed folder."""
    fill(folder / f"tmp-checkpoint-{step}", step)


def test_what_a_killed_writer_left_is_passed_over_and_removed_by_the_next_write(tmp_path: Path) -> None:
    write(tmp_path, 3)
    leave_half(tmp_path, 6)
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-3"]
    write(tmp_path, 7)
    assert names(tmp_path) == {"checkpoint-3", "checkpoint-7"}


def test_the_same_step_written_again_starts_from_nothing(tmp_path: Path) -> None:
    leave_half(tmp_path, 6)
    (tmp_path / "tmp-checkpoint-6" / "checkpoint-6" / "stale").touch()
    with whole_or_absent(tmp_path, 6) as staging:
        assert not staging.exists()
        fill(staging, 6)
    assert "checkpoint-6/stale" not in contents(tmp_path)
    assert newest_step(tmp_path) == 6


def test_a_folder_without_its_state_is_no_checkpoint_and_gives_way(tmp_path: Path) -> None:
    write(tmp_path, 3)
    fill(tmp_path, 6)
    (tmp_path / "checkpoint-6" / "trainer_state.json").unlink()
    assert newest_step(tmp_path) == 3
    write(tmp_path, 6)
    assert newest_step(tmp_path) == 6


def test_everything_is_on_disk_before_the_name_is_and_the_name_before_older_ones_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, 2)
    done: list[str] = []
    renamed, fsync, rmtree = Path.rename, os.fsync, shutil.rmtree

    def note_fsync(handle: int) -> None:
        number = os.fstat(handle).st_ino
        (place,) = (path for path in (tmp_path, *tmp_path.rglob("*")) if path.stat().st_ino == number)
        done.append(f"fsync {place.relative_to(tmp_path)}")
        fsync(handle)

    def note_rename(self: Path, target: Path) -> Path:
        done.append(f"rename {target.relative_to(tmp_path)}")
        return renamed(self, target)

    def note_removal(path: Path, **options: Any) -> None:
        if path.exists():
            done.append(f"remove {path.relative_to(tmp_path)}")
        rmtree(path, **options)

    monkeypatch.setattr("os.fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    monkeypatch.setattr("shutil.rmtree", note_removal)
    write(tmp_path, 3)
    staged = "tmp-checkpoint-3/checkpoint-3"
    at = done.index("rename checkpoint-3")
    assert set(done[:at]) == {
        "fsync tmp-checkpoint-3",
        f"fsync {staged}",
        f"fsync {staged}/weights",
        f"fsync {staged}/trainer_state.json",
        f"fsync {staged}/parts",
        f"fsync {staged}/parts/rng",
    }
    assert done[at + 1 :] == ["fsync .", "remove tmp-checkpoint-3", "remove checkpoint-1"]
