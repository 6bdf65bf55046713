"""Packs in repositories of the Hugging Face Hub: fetched at one commit, put there as one commit."""

import glob
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token, snapshot_download
from huggingface_hub.utils.tqdm import tqdm

from roleplay.cards.tavern.own_files import OURS
from roleplay.errors import PackError
from roleplay.packs.download import Tell
from roleplay.packs.hub_trouble import hub_errors
from roleplay.packs.install import opened_pack
from roleplay.packs.manifest import MANIFEST, Manifest, parse_manifest
from roleplay.packs.manifest import MOST_BYTES as MOST_MANIFEST
from roleplay.packs.model_card import model_card
from roleplay.packs.places import installed_place, why_no_place
from roleplay.packs.source import MOST_BYTES
from roleplay.paths import Home, storing
from roleplay.text import fingerprint, one_line

README = "README.md"
_ASSETS = "assets/"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_BYTES = "huggingface_hub.snapshot_download"
"""Name of the library's bar that counts bytes written."""
_WORKERS = 4
_SHOWN = 5


@dataclass(frozen=True)
class Pulled:
    """A pack that was fetched."""

    folder: Path
    """The unpacked pack: plain files among the home's downloads, to be removed by whoever asked."""
    repo_id: str
    """Where it came from."""
    commit: str
    """The commit that was fetched, all of it."""


@dataclass(frozen=True)
class Pushed:
    """A pack that was put into a repository, or would be."""

    repo_id: str
    """Where."""
    private: bool
    """Whether only its owner sees it."""
    files: tuple[tuple[str, int], ...]
    """Path and bytes of every file."""
    calls: tuple[str, ...]
    """What the hub is asked to do, in words."""
    url: str | None = None
    """Of the commit; `None` for a dry run."""
    commit: str | None = None
    """Its hash; `None` for a dry run."""


def pull(repo_id: str, home: Home, *, revision: str | None = None, tell: Tell = lambda done, total: None) -> Pulled:
    """Fetch the pack in `repo_id`; `revision` is a branch, tag or commit, the main branch where it is `None`.

    The revision becomes a commit before anything is fetched, so a branch that moves meanwhile changes nothing. The
    manifest comes first, then exactly the files that it lists: nothing else of a repository is ever fetched. Sizes are
    held against the hub's listing before, and against what comes. Raises PackError or StorageError.
    """
    with storing(home.downloads), hub_errors(repo_id):
        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True)
        commit, listed = str(info.sha), {one.rfilename: one.size for one in info.siblings or []}
        if not _COMMIT.fullmatch(commit):
            raise PackError(f"the hub names no commit of {repo_id} but '{one_line(commit)}'; try again later")
        called, size = f"{repo_id}@{commit[:12]}", listed.get(MANIFEST)
        if size is None:
            raise PackError(f"{called} has no {MANIFEST}, so it is no pack of roleplay; check the name")
        if size > MOST_MANIFEST:
            raise PackError(f"{called}: {MANIFEST} has {size:,} bytes; it is none of ours")
        target = home.downloads / f"hub-{fingerprint(f'{repo_id}@{commit}')[:32]}"
        _fetch(repo_id, commit, {MANIFEST: size}, target, lambda done, total: None)
        manifest = parse_manifest((target / MANIFEST).read_bytes(), called)
        _check_listing(manifest, listed, called)
        sizes = {entry.path: entry.size for entry in manifest.entries}
        _fetch(repo_id, commit, sizes, target, tell)
    return Pulled(target, repo_id, commit)


def _check_listing(manifest: Manifest, listed: dict[str, int | None], called: str) -> None:
    """Raises PackError for a repository that is not as its manifest says, before more of it is fetched."""
    problems = []
    for entry in manifest.entries:
        why, path = why_no_place(entry.path, manifest.name), one_line(entry.path)
        if why is not None:
            problems.append(f"'{path}' is refused: {why}")
        elif entry.path not in listed:
            problems.append(f"'{path}' is missing")
        elif listed[entry.path] != entry.size:
            problems.append(f"'{path}' has {listed[entry.path]} bytes, and the manifest says {entry.size}")
    whole = sum(entry.size for entry in manifest.entries)
    if whole > MOST_BYTES:
        problems.append(f"it has {whole:,} bytes, and {MOST_BYTES:,} are fetched")
    if problems:
        told = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        raise PackError(f"{called} is not as its manifest says; ask its author for another:\n{told}")


def _fetch(repo_id: str, commit: str, sizes: dict[str, int], target: Path, tell: Tell) -> None:
    """Put the files of `sizes` into `target`; what is there from an earlier try of the same commit stays."""
    snapshot_download(
        repo_id,
        revision=commit,
        local_dir=target,
        allow_patterns=[glob.escape(path) for path in sizes],
        max_workers=_WORKERS,
        tqdm_class=_counting(tell, sum(sizes.values()), repo_id),
    )
    # Where the hub fails, the library hands back what is there, whole or not.
    lost = [path for path, size in sizes.items() if not _is_there(target / path, size)]
    if lost:
        raise PackError(f"'{one_line(lost[0])}' of {repo_id} did not come whole; run the same command again")


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size == size


def _counting(tell: Tell, total: int, repo_id: str) -> type[Any]:
    """A bar for the library that draws nothing, tells what came, and ends a transfer larger than was announced."""
    lock, came = threading.Lock(), 0

    class Counting(tqdm):
        def __init__(self, *given: Any, name: str | None = None, **options: Any) -> None:
            self._counts = name == _BYTES
            super().__init__(*given, **options | {"disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> None:
            nonlocal came
            if not self._counts:
                return
            with lock:
                came += int(n or 0)
                if came > total:
                    raise PackError(f"{repo_id} sends more than the {total:,} bytes that it announced; try again later")
                tell(came, total)

    return Counting


def push(pack: Path, home: Home, repo_id: str, *, private: bool = True, dry_run: bool = False) -> Pushed:
    """Put the pack at `pack`, a .charx file or an unpacked folder, into `repo_id`, which is made where it is not there.

    It is checked as for an installation first: what nobody could install is refused before the first call, and so is
    anything that is no part of a pack. One commit holds all of it and a README.md made of its manifest; files of an
    earlier pack that this one has no more are deleted by it. `dry_run` asks nobody. Raises PackError or StorageError.
    """
    _check_name(repo_id)
    with opened_pack(pack, home) as opened:
        if opened.problems:
            told = "\n".join(f"  {problem}" for problem in opened.problems[:_SHOWN])
            raise PackError(f"nobody could install this pack, so it is not sent; make it anew:\n{told}")
        name = opened.manifest.name
        paths = [MANIFEST, *(entry.path for entry in opened.manifest.entries)]
        files = {path: opened.folder / installed_place(path, name) for path in paths}
        readme = model_card(opened.manifest, repo_id).encode()
        sizes = (*((path, file.stat().st_size) for path, file in files.items()), (README, len(readme)))
        planned = Pushed(repo_id, private, sizes, _calls(repo_id, private, sizes))
        if dry_run:
            return planned
        title = one_line(f"{opened.manifest.display_name} {opened.manifest.version}".strip(), 100)
        with hub_errors(repo_id):
            return _send(planned, {**files, README: readme}, title)


def _check_name(repo_id: str) -> None:
    """Raises PackError for a name without its owner, or one that is none: it goes into commands that people copy."""
    if not _NAME.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id:
        raise PackError(f"'{one_line(repo_id)}' is no name of a repository; write OWNER/NAME, in Latin letters")


def _calls(repo_id: str, private: bool, files: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    seen = "private" if private else "public"
    size = sum(size for _, size in files)
    calls = [f"create {repo_id}, {seen}, where it is not there yet"]
    calls += [f"look whether {repo_id} is public, and end there if so"] if private else []
    return (
        *calls,
        f"commit {len(files)} files, {size:,} bytes, to the main branch of {repo_id}",
        f"with that commit delete what else of a pack lies there: {OURS}…, {_ASSETS}…",
    )


def _send(planned: Pushed, files: dict[str, Path | bytes], title: str) -> Pushed:
    api, repo_id = HfApi(), planned.repo_id
    if get_token() is None:
        raise PackError(f"the hub does not know who sends {repo_id}; log in with 'hf auth login'")
    api.create_repo(repo_id, private=planned.private, exist_ok=True)
    info = api.model_info(repo_id)
    if planned.private and info.private is False:
        raise PackError(f"{repo_id} is there already and public, so everybody would see it; add --public if they may")
    there = [one.rfilename for one in info.siblings or []]
    stale = [path for path in there if path not in files and path.startswith((OURS, _ASSETS))]
    operations = [CommitOperationDelete(path, is_folder=False) for path in stale]
    added = [CommitOperationAdd(path, content) for path, content in files.items()]
    done = api.create_commit(repo_id, [*operations, *added], commit_message=title)
    return Pushed(repo_id, bool(info.private), planned.files, planned.calls, done.commit_url, done.oid)
