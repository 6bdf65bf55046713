"""Packs that got through once, packs that are too large to keep, and folders in the place of packs."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roleplay.errors import PackError
from roleplay.packs import install as installing
from roleplay.packs import unpack as unpacking
from roleplay.packs.install import opened_pack
from roleplay.packs.source import open_source
from roleplay.packs.weights import read_header
from roleplay.paths import Home
from tests.cli.conftest import refused, roleplay
from tests.packs.payloads import QUICK, SLOW
from tests.packs.test_mutated_packs import lines

KEPT = Path(__file__).with_name("payloads")
TOLD = dict(re.findall(r"^\| (\S+\.charx) \| .+ \| (.*?) ?\|$", (KEPT / "README.md").read_text(), re.M))
DIALOGUE = Path("roleplay/characters/mimi/dialogue.yaml")


@pytest.fixture
def in_time() -> Iterator[None]:
    """What waits for a pipe is ended, and fails."""

    def late(*_: object) -> None:
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_every_payload_that_is_kept_has_its_line() -> None:
    assert sorted(path.name for path in KEPT.glob("*.charx")) == sorted(TOLD)
    assert max(path.stat().st_size for path in KEPT.iterdir()) <= 20_000


@pytest.mark.parametrize("name", sorted(TOLD))
def test_what_got_through_once_is_refused_with_its_reason(name: str, home: Home, project: Path) -> None:
    outcome = roleplay("pack", "install", "--yes", "--no-canaries", KEPT / name)
    if TOLD[name]:
        assert TOLD[name] in refused(outcome, 1)
        assert not home.packs.exists()
    else:
        assert outcome.status == 0, outcome.err


@pytest.mark.parametrize("name", ["packed-with-lzma.charx", "name-that-is-empty.charx"])
def test_a_payload_is_no_card_for_the_importer(name: str, tmp_path: Path, project: Path) -> None:
    refused(roleplay("cards", "import", "--into", tmp_path / "into", KEPT / name), 1)
    assert not (tmp_path / "into").exists()


def test_an_import_takes_the_corpora_of_the_archive_not_those_in_its_card(tmp_path: Path, project: Path) -> None:
    payload = KEPT / "card-json-with-other-corpora.charx"
    assert roleplay("cards", "import", "--into", tmp_path / "into", payload).status == 0
    assert "password" not in (tmp_path / "into" / "mimi" / "dialogue.yaml").read_text()


def hold(which: str, payloads: dict[str, tuple[Any, str]], pack: Path, tmp_path: Path) -> None:
    outcomes = {one["name"]: one for one in lines("payloads", pack, tmp_path, which)}
    assert list(outcomes) == list(payloads)
    for name, (_, told) in payloads.items():
        one = outcomes[name]
        assert (one["status"], told in one["said"]) == (int(bool(told)), True), (name, one["said"][-2000:])
        assert "Traceback" not in one["said"]
        assert one["seconds"] < 10, (name, one["seconds"])
        assert one["peak"] < 500e6, (name, one["peak"])
    print({name: f"{one['seconds']:.1f} s, {one['peak'] / 1e6:.0f} MB" for name, one in outcomes.items()})


def test_what_is_too_large_is_refused_before_it_is_read(pack: Path, tmp_path: Path) -> None:
    hold("quick", QUICK, pack, tmp_path)


@pytest.mark.soak
def test_what_is_as_large_as_may_be_is_read_in_time_and_memory(pack: Path, tmp_path: Path) -> None:
    hold("slow", SLOW, pack, tmp_path)


def link(place: Path, target: Path) -> None:
    place.unlink()
    place.symlink_to(target)


def folder_link(place: Path, target: Path) -> None:
    place.parent.rename(target.with_name("real"))
    place.parent.symlink_to(target.with_name("real"), target_is_directory=True)


def pipe(place: Path, target: Path) -> None:
    place.unlink()
    os.mkfifo(place)


def device(place: Path, target: Path) -> None:
    link(place, Path("/dev/zero"))


@pytest.mark.parametrize("change", [link, folder_link, pipe, device])
def test_a_folder_with_a_link_a_pipe_or_a_device_is_refused(
    change: Callable[[Path, Path], None], home: Home, unpacked: Path, tmp_path: Path, in_time: None
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes((unpacked / DIALOGUE).read_bytes())
    change(unpacked / DIALOGUE, secret)
    with pytest.raises(PackError, match="holds the link or device"), opened_pack(unpacked, home):
        pass
    assert not home.packs.exists()


@pytest.mark.parametrize(
    ("change", "told"), [(link, "cannot be read"), (pipe, "is no file any more"), (device, "cannot be read")]
)
def test_what_was_a_file_when_it_was_listed_is_looked_at_again(
    change: Callable[[Path, Path], None], told: str, unpacked: Path, tmp_path: Path, in_time: None
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes((unpacked / DIALOGUE).read_bytes())
    with open_source(unpacked) as source:
        change(unpacked / DIALOGUE, secret)
        with pytest.raises(PackError, match=told), source.open(DIALOGUE.as_posix()):
            pass


def test_a_file_that_the_manifest_does_not_vouch_for_is_refused(home: Home, unpacked: Path) -> None:
    place = unpacked / DIALOGUE
    place.write_bytes(place.read_bytes().replace(b"lamp", b"bomb"))
    with pytest.raises(PackError, match="its hash differs"), opened_pack(unpacked, home):
        pass


def test_a_header_that_names_a_tensor_twice_is_refused(tmp_path: Path) -> None:
    one = b'"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    text = b"{" + one + b"," + one + b"}"
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"1234")
    with pytest.raises(PackError, match="a key is given twice"):
        read_header(tmp_path / "a.safetensors")


def test_a_file_that_grows_while_it_is_read_is_refused(
    home: Home, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = unpacking.parse_manifest

    def grow(data: bytes, file: str) -> Any:
        (unpacked / DIALOGUE).write_bytes((unpacked / DIALOGUE).read_bytes() + b"more")
        return real(data, file)

    monkeypatch.setattr(unpacking, "parse_manifest", grow)
    with pytest.raises(PackError, match="another size than was announced"), opened_pack(unpacked, home):
        pass


def test_the_manifest_that_is_kept_is_the_one_that_was_checked(
    home: Home, unpacked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real = unpacked / "roleplay" / "manifest.json", unpacking.parse_manifest
    checked = place.read_bytes()

    def swap(data: bytes, file: str) -> Any:
        place.write_text(json.dumps({"name": "evil"}))
        return real(data, file)

    monkeypatch.setattr(unpacking, "parse_manifest", swap)
    with opened_pack(unpacked, home) as pack:
        assert (pack.folder / "manifest.json").read_bytes() == checked


def test_what_repositories_have_beside_a_pack_is_not_taken(home: Home, unpacked: Path) -> None:
    for name in (".git", ".cache"):
        (unpacked / name).mkdir()
        (unpacked / name / "config").write_text("[core]")
    for name in ("README.md", ".gitattributes"):
        (unpacked / name).write_text("\x1b[2J")
    with opened_pack(unpacked, home) as pack:
        assert pack.problems == ()
        assert not [path for path in pack.folder.rglob("*") if path.name in (".git", ".cache", "README.md", "config")]
    (unpacked / "roleplay" / ".git").mkdir()
    (unpacked / "roleplay" / ".git" / "config").write_text("[core]")
    with pytest.raises(PackError, match="git/config' is not in the manifest"), opened_pack(unpacked, home):
        pass


def test_a_base_that_is_a_path_is_never_looked_up(home: Home, unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = unpacked / "roleplay" / "manifest.json"
    manifest = json.loads(place.read_text())
    manifest["base"] |= {"name": "some/body", "revision": "../../../secret"}
    place.write_text(json.dumps(manifest))
    asked: list[object] = []
    monkeypatch.setattr(installing, "weights_here", lambda base: asked.append(base) or [])
    with opened_pack(unpacked, home) as pack:
        assert any("a place on a machine" in problem for problem in pack.problems)
    assert asked == []
