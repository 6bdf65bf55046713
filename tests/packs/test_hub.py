"""Packs in repositories of the hub, against a local server that speaks its API."""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from roleplay.cli.pack import pull as pull_command
from roleplay.cli.pack import push as push_command
from roleplay.errors import PackError
from roleplay.packs.build import Wanted, build_folder
from roleplay.packs.hub import Pulled, pull, push
from roleplay.packs.hub_trouble import hub_errors
from roleplay.packs.manifest import MANIFEST, Entry, Manifest, manifest_bytes, parse_manifest
from roleplay.paths import Home
from tests.packs.hub_server import REPO, TOKEN, Hub, hub_server, use_hub

FILES = {
    "card.json": b"{}",
    "assets/icon/[main] 1.png": b"picture",
    "roleplay/characters/yui.yaml": b"name: yui\n",
    "roleplay/adapter/best/adapter_model.safetensors": bytes(range(256)) * 4000,
}
BESIDE = {"README.md": b"# Yui", ".gitattributes": b"", "pytorch_model.bin": b"\x80\x04", "roleplay/evil.py": b"1"}


def packed(files: dict[str, bytes], *extra: Entry) -> dict[str, bytes]:
    """`files` with a manifest of them."""
    entries = [
        Entry(path=path, size=len(body), sha256=hashlib.sha256(body).hexdigest()) for path, body in files.items()
    ]
    facts: dict[str, Any] = dict.fromkeys(("version", "creator", "language", "license", "description", "made_by"), "")
    manifest = Manifest(schema=1, name="yui", display_name="Yui", entries=[*entries, *extra], **facts)
    return {**files, MANIFEST: manifest_bytes(manifest)}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with hub_server() as running:
        use_hub(running, monkeypatch, str(tmp_path / "hf"))
        running.commit({**packed(FILES), **BESIDE})
        running.asked.clear()
        yield running


def content(folder: Path) -> dict[str, bytes]:
    """What an installation sees there."""
    paths = [path for path in folder.rglob("*") if path.is_file() and ".cache" not in path.parts]
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


# Fetching.


def test_a_pack_comes_at_one_commit_as_plain_files_and_nothing_beside_it(hub: Hub, home: Home) -> None:
    told: list[tuple[int, int | None]] = []
    pulled = pull(REPO, home, tell=lambda done, total: told.append((done, total)))
    assert pulled == Pulled(pulled.folder, REPO, hub.main)
    assert pulled.folder.parent == home.downloads
    assert content(pulled.folder) == packed(FILES)
    assert sorted(hub.fetched()) == sorted([*FILES, MANIFEST])
    whole = sum(len(body) for body in FILES.values())
    assert told[-1] == (whole, whole)


def test_everything_is_fetched_at_the_commit_that_the_branch_had(hub: Hub, home: Home) -> None:
    """The branch moves as soon as it was asked for; a commit of before can be asked for by its name."""
    first = hub.main
    other = packed({**FILES, "card.json": b'{"moved": 1}'})
    manifest = hub.commits[first][MANIFEST]

    class Moving(dict[str, bytes]):
        def __getitem__(self, path: str) -> bytes:
            if path == MANIFEST and hub.main == first:
                hub.commit(other)
            return super().__getitem__(path)

    hub.commits[first] = Moving(hub.commits[first])
    pulled = pull(REPO, home)
    assert hub.main != first
    assert pulled.commit == first
    assert content(pulled.folder)["card.json"] == b"{}"
    assert content(pulled.folder)[MANIFEST] == manifest
    assert all(f"/resolve/{first}/" in line for line in hub.asked if "/resolve/" in line)
    assert pull(REPO, home).commit == hub.main
    assert content(pull(REPO, home, revision=first).folder) == content(pulled.folder)


def test_the_same_commit_is_not_fetched_twice(hub: Hub, home: Home) -> None:
    first = pull(REPO, home)
    hub.asked.clear()
    assert pull(REPO, home) == first
    assert hub.fetched() == []


def test_a_cut_transfer_goes_on(hub: Hub, home: Home) -> None:
    hub.cut["roleplay/adapter/best/adapter_model.safetensors"] = 300_000
    assert content(pull(REPO, home).folder) == packed(FILES)
    assert hub.fetched().count("roleplay/adapter/best/adapter_model.safetensors") == 2


def test_a_transfer_that_fails_is_told_and_what_came_is_kept(hub: Hub, home: Home) -> None:
    blocked = f"/{REPO}/resolve/{hub.main}/roleplay/adapter"
    hub.refuse[blocked] = (404, {"X-Error-Code": "EntryNotFound"}, b"")
    with pytest.raises(PackError, match=REPO):
        pull(REPO, home)
    hub.refuse.clear()
    hub.asked.clear()
    assert content(pull(REPO, home).folder) == packed(FILES)
    assert MANIFEST not in hub.fetched()


def test_a_file_that_the_library_leaves_out_is_missed(hub: Hub, home: Home) -> None:
    hub.hidden.add("card.json")
    with pytest.raises(PackError, match=r"'card\.json' of ada/yui did not come whole"):
        pull(REPO, home)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"README.md": b"# Nothing"}, "has no roleplay/manifest.json, so it is no pack"),
        ({**packed(FILES), MANIFEST: b"{}"}, "is damaged"),
        ({**packed(FILES), MANIFEST: b"x" * (2 * 2**20 + 1)}, "has 2,097,153 bytes; it is none of ours"),
        ({key: body for key, body in packed(FILES).items() if key != "card.json"}, "'card.json' is missing"),
        ({**packed(FILES), "card.json": b"{ }"}, "'card.json' has 3 bytes, and the manifest says 2"),
        (packed({**FILES, "pytorch_model.bin": b"\x80"}), "'pytorch_model.bin' is refused"),
        (packed({**FILES, "roleplay/run.py": b"1"}), "'roleplay/run.py' is refused"),
    ],
)
def test_what_is_not_as_its_manifest_says_is_refused_before_it_is_fetched(
    files: dict[str, bytes], told: str, hub: Hub, home: Home
) -> None:
    hub.commit(files)
    with pytest.raises(PackError, match=rf"^{REPO}@{hub.main[:12]}") as caught:
        pull(REPO, home)
    assert told in str(caught.value)
    assert set(hub.fetched()) <= {MANIFEST}


def test_a_pack_that_is_too_large_is_refused_before_it_is_fetched(hub: Hub, home: Home) -> None:
    large = Entry(path="assets/large.png", size=3 * 2**30, sha256="0" * 64)
    hub.sizes["assets/large.png"] = 3 * 2**30
    hub.commit({**packed(FILES, large), "assets/large.png": b"small"})
    with pytest.raises(PackError, match=r"has 3,22\d,\d+,\d+ bytes, and 3,221,225,472 are fetched"):
        pull(REPO, home)
    assert hub.fetched() == [MANIFEST]


def test_a_body_that_unpacks_to_more_than_was_announced_is_ended(hub: Hub, home: Home) -> None:
    headers = {"X-Repo-Commit": hub.main, "ETag": '"1"', "Content-Encoding": "gzip", "X-Linked-Size": "2"}
    hub.refuse[f"/{REPO}/resolve/{hub.main}/card.json"] = (200, headers, gzip.compress(bytes(50_000_000)))
    with pytest.raises(PackError, match="sends more than"):
        pull(REPO, home)
    assert sum(path.stat().st_size for path in home.downloads.rglob("*") if path.is_file()) < 20_000_000


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (404, {"X-Error-Code": "RepoNotFound"}, "the hub has no ada/yui that you may see"),
        (401, {}, "the hub does not know you; log in"),
        (403, {"X-Error-Code": "GatedRepo"}, "ada/yui is open to those whom its owner lets in"),
        (404, {"X-Error-Code": "RevisionNotFound"}, "ada/yui has no such revision"),
        (403, {"X-Error-Message": "Access to this resource is disabled."}, "the hub has closed ada/yui"),
        (403, {"X-Error-Message": f"no: {TOKEN}"}, r"does not let you do that; .*status 403: no: …\)"),
        (429, {}, "asked too often"),
        (500, {}, "failed; try again later .*status 500"),
        (200, {}, "no hub; check HF_ENDPOINT|did not give or take"),
    ],
)
def test_an_answer_of_the_hub_is_one_clear_error(
    status: int, headers: dict[str, str], told: str, hub: Hub, home: Home
) -> None:
    hub.refuse["/api/models"] = (status, headers, b"{}")
    with pytest.raises(PackError, match=told) as caught:
        pull(REPO, home)
    assert TOKEN not in str(caught.value)


def test_offline_and_nobody_there_are_told_apart(hub: Hub, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PackError, match="the hub cannot be reached for ada/yui"):
        pull(REPO, home)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(PackError, match="HF_HUB_OFFLINE is set; unset it"):
        pull(REPO, home)


@pytest.mark.parametrize("name", ["a/b/c", "../x", "ada/-", "ada/yui.git", "a b", ""])
def test_what_is_no_name_of_a_repository_is_refused(name: str, hub: Hub, home: Home) -> None:
    with pytest.raises(PackError, match="no name of a repository"):
        pull(name, home)
    assert hub.asked == []


def test_the_endpoint_is_set_as_the_library_says(tmp_path: Path) -> None:
    """In a process of its own, which reads HF_ENDPOINT as a person sets it."""
    program = (
        "from pathlib import Path; from roleplay.packs.hub import pull; from roleplay.paths import Home;"
        f"print(pull('{REPO}', Home(Path(r'{tmp_path}') / 'home')).commit)"
    )
    with hub_server() as hub:
        hub.commit(packed(FILES))
        setting = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf")}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=os.environ | setting, capture_output=True, text=True, check=False)
        assert done.stdout.strip() == hub.main, done.stderr


def test_a_full_disk_is_not_the_hub_s_fault() -> None:
    with pytest.raises(OSError, match="No space"), hub_errors(REPO):
        raise OSError(28, "No space left on device")


# Sending.


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Yui without an adapter, unpacked; leave it as it is."""
    folder = tmp_path_factory.mktemp("built")
    build_folder("yui", Home(folder / "none"), folder, Wanted(adapter=False))
    return folder


@pytest.fixture
def pack(built: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(built, tmp_path / "pack")


@pytest.fixture
def known(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub without the repository, and a person whom it knows."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.main = ""
    return hub


def test_a_pack_that_is_sent_can_be_fetched(known: Hub, pack: Path, home: Home) -> None:
    done = push(pack, home, REPO)
    assert known.created == [{"name": "yui", "organization": "ada", "visibility": "private"}]
    assert (done.private, done.commit, done.url) == (True, known.main, f"{known.url}/{REPO}/commit/{known.main}")
    assert {path for path, _ in done.files} == {*content(pack), "README.md"}
    assert content(pull(REPO, home).folder) == content(pack)
    readme = known.commits[known.main]["README.md"].decode()
    assert f"roleplay pack install {REPO}" in readme
    assert dict(done.files)["README.md"] == len(readme.encode())
    assert known.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in str(done)


def test_what_an_earlier_pack_had_and_this_one_has_not_goes_with_the_same_commit(
    known: Hub, pack: Path, home: Home
) -> None:
    known.private = True
    known.commit({"roleplay/characters/yui/old.yaml": b"", "assets/old.png": b"", "notes.md": b"", "README.md": b""})
    commits = len(known.commits)
    push(pack, home, REPO)
    assert len(known.commits) == commits + 1
    assert set(known.commits[known.main]) == {*content(pack), "README.md", "notes.md"}


def test_a_public_repository_is_not_written_to_unless_that_is_said(known: Hub, pack: Path, home: Home) -> None:
    known.commit({".gitattributes": b""})
    before = known.main
    with pytest.raises(PackError, match="ada/yui is there already and public"):
        push(pack, home, REPO)
    assert known.main == before
    assert push(pack, home, REPO, private=False).private is False
    assert known.main != before


def test_a_dry_run_shows_files_and_calls_and_asks_nobody(known: Hub, pack: Path, home: Home) -> None:
    dry = push(pack, home, REPO, dry_run=True)
    assert known.asked == []
    assert (dry.url, dry.commit) == (None, None)
    assert dry.calls[0] == "create ada/yui, private, where it is not there yet"
    assert f"commit {len(dry.files)} files, {sum(size for _, size in dry.files):,} bytes" in dry.calls[2]
    assert push(pack, home, REPO).files == dry.files


@pytest.mark.parametrize("path", ["pytorch_model.bin", "roleplay/evil.py", "notes.txt"])
def test_a_folder_with_anything_else_is_refused_before_the_first_call(
    path: str, known: Hub, pack: Path, home: Home
) -> None:
    (pack / path).write_bytes(b"1")
    with pytest.raises(PackError, match=path):
        push(pack, home, REPO)
    assert known.asked == []


def test_what_nobody_could_install_is_refused_before_the_first_call(known: Hub, pack: Path, home: Home) -> None:
    """A pickle that calls itself a picture, and is listed with its true hash."""
    body, manifest = b"\x80\x04pickle", parse_manifest((pack / MANIFEST).read_bytes(), "pack")
    listed = Entry(path="assets/icon/x.png", size=len(body), sha256=hashlib.sha256(body).hexdigest())
    (pack / "assets" / "icon").mkdir(parents=True, exist_ok=True)
    (pack / "assets" / "icon" / "x.png").write_bytes(body)
    changed = manifest.model_copy(update={"entries": [*manifest.entries, listed]})
    (pack / MANIFEST).write_bytes(manifest_bytes(changed))
    with pytest.raises(PackError, match=r"nobody could install this pack, so it is not sent; .*\n.*x\.png"):
        push(pack, home, REPO)
    assert known.asked == []


def test_nobody_who_is_not_logged_in_sends(known: Hub, pack: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(PackError, match="log in with 'hf auth login'"):
        push(pack, home, REPO)
    assert known.asked == []


def test_a_token_that_may_not_write_is_told(known: Hub, pack: Path, home: Home) -> None:
    known.refuse["/api/repos/create"] = (403, {"X-Error-Message": f"{TOKEN} may only read"}, b"{}")
    with pytest.raises(PackError, match="log in with a token that may write there") as caught:
        push(pack, home, REPO)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("name", ["yui", "ada/yui/x", "ada/`id`", "ada/..", 'ada/"', "ada/a--b", "-a/yui"])
def test_a_pack_goes_only_to_a_name_with_an_owner(name: str, home: Home, tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no name of a repository; write OWNER/NAME"):
        push(tmp_path, home, name, dry_run=True)


# On the command line.


def command(*arguments: str) -> Result:
    """`roleplay pack ARGUMENTS`."""
    app = typer.Typer()
    app.command("push")(push_command.push)
    app.command("pull")(pull_command.pull)
    return CliRunner().invoke(app, arguments)


def test_a_dry_run_lists_files_on_stdout_and_calls_on_stderr(known: Hub, pack: Path, home: Home) -> None:
    done = command("push", str(pack), REPO, "--dry-run")
    assert done.exit_code == 0
    assert {line.split(maxsplit=1)[1] for line in done.stdout.splitlines()} == {*content(pack), "README.md"}
    assert "would create ada/yui, private" in done.stderr
    assert known.asked == []
    told = json.loads(command("push", str(pack), REPO, "--dry-run", "--public", "--json").stdout)
    assert (told["private"], told["commit"], len(told["files"])) == (False, None, len(content(pack)) + 1)


def test_a_character_is_packed_sent_fetched_and_installed(
    known: Hub, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("roleplay.packs.build.answering_adapter", lambda *_: None)
    sent = command("push", "dot", REPO)
    assert sent.exit_code == 0, sent.output
    assert sent.stdout.splitlines()[-1] == f"{known.url}/{REPO}/commit/{known.main}"
    done = command("pull", REPO, "--yes", "--no-canaries")
    assert done.exit_code == 0, done.output
    assert f"fetched {REPO}@{known.main}" in done.stderr
    (version,) = [path for path in (home.packs / "dot").iterdir() if path.is_dir()]
    assert (version / "characters" / "dot.yaml").is_file()
    assert [path.name for path in home.downloads.iterdir()] == []
