"""Installing, listing, verifying, going back and removing; nothing is overwritten, nothing half done stays."""

import json
import os
import time
from pathlib import Path

import pytest

from roleplay.cards.find import find_cards, open_card
from roleplay.errors import NotFound, PackError
from roleplay.models.find import adapter_choices, adapter_folders, answering_adapter, base_of_adapter
from roleplay.packs.export import export_pack
from roleplay.packs.install import opened_pack, refuse_problems, what_changes
from roleplay.packs.keep import changed_files, find_pack, installed_packs, remove, roll_back
from roleplay.packs.verdict import read_verdict, run_canaries
from roleplay.paths import Home
from tests.packs.conftest import Install
from tests.packs.mimi import CARD, write_adapter, write_mimi


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """Version 2 of mimi, with another adapter."""
    author = Home(tmp_path / "author")
    card = write_mimi(author)
    card.write_text(CARD.replace('version: "1.2"', 'version: "2.0 beta"').replace("A mole with", "A mole without"))
    write_adapter(author, seed=1)
    return export_pack("mimi", author, tmp_path / "later.charx").path


def names(home: Home) -> list[tuple[str, bool]]:
    return [(pack.version.rsplit("-", 1)[0], pack.used) for pack in installed_packs(home)]


@pytest.mark.parametrize("source", ["pack", "unpacked"])
def test_an_installed_character_is_found_with_its_adapter(
    source: str, home: Home, installed: Install, request: pytest.FixtureRequest
) -> None:
    folder = installed(request.getfixturevalue(source))
    assert find_cards(home)["mimi"] == (folder / "characters" / "mimi.yaml", "pack")
    card = open_card("mimi", home).card
    assert (card.display_name, [entry.path for entry in card.corpora]) == (
        "Mimi",
        ["mimi/dialogue.yaml", "mimi/more.jsonl"],
    )
    answers = answering_adapter(home, "mimi")
    assert answers is not None
    assert (answers.run, answers.which, answers.step) == (folder.name, "best", 7)
    assert base_of_adapter(answers.folder) == "pocket"
    assert sorted(path.name for path in home.packs.iterdir()) == ["mimi"]


def test_it_says_the_same_here(home: Home, pack: Path, installed: Install) -> None:
    folder = installed(pack)
    (one,) = installed_packs(home)
    assert (one.verdict, read_verdict(folder)) == ("", "")
    assert one.manifest is not None
    verdict = run_canaries(folder, one.manifest, home)
    assert verdict.reproduces, verdict.sentence
    assert read_verdict(folder) == verdict.sentence
    assert verdict.sentence.startswith("reproduces: ")


def test_another_adapter_in_its_place_is_told_by_canaries_and_by_hashes(
    home: Home, pack: Path, later: Path, installed: Install
) -> None:
    folder, other = installed(pack), installed(later)
    weights = "adapter/best/adapter_model.safetensors"
    (folder / weights).write_bytes((other / weights).read_bytes())
    one = find_pack(home, "mimi", folder.name)
    assert changed_files(one) == ["'roleplay/adapter/best/adapter_model.safetensors' was changed"]
    assert one.manifest is not None
    verdict = run_canaries(folder, one.manifest, home)
    assert verdict.reproduces is False
    assert "the adapter's lanes alone differ" in verdict.sentence


def test_a_base_that_is_not_here_is_no_fault_and_nothing_is_fetched(
    home: Home, pack: Path, installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = installed(pack)
    manifest = installed_packs(home)[0].manifest
    assert manifest is not None
    assert manifest.base is not None
    far = manifest.model_copy(
        update={"base": manifest.base.model_copy(update={"name": "who/knows", "revision": "abc"})}
    )
    verdict = run_canaries(folder, far, home)
    assert verdict.reproduces is None
    assert verdict.sentence.startswith("base not here: it needs who/knows at abc;")


def test_versions_lie_side_by_side_and_the_one_before_is_used_again(
    home: Home, pack: Path, later: Path, installed: Install
) -> None:
    first, second = installed(pack), installed(later)
    assert names(home) == [("pack-2.0-beta", True), ("pack-1.2", False)]
    assert open_card("mimi", home).card.description == "A mole without a lamp."
    assert roll_back(home, "mimi").folder == first
    assert open_card("mimi", home).card.description == "A mole with a lamp."
    assert names(home) == [("pack-1.2", True), ("pack-2.0-beta", False)]
    assert roll_back(home, "mimi", second.name).folder == second
    assert installed(pack) == first, "installed again, it is in use again"
    assert names(home)[0] == ("pack-1.2", True)


def test_what_an_install_puts_aside_is_told_before_it_does(
    home: Home, pack: Path, later: Path, installed: Install, project: Path
) -> None:
    def changes(source: Path) -> list[str]:
        with opened_pack(source, home) as opened:
            return what_changes(opened, home)

    assert changes(pack) == []
    installed(pack)
    assert changes(pack) == [], "the same once more changes nothing"
    (told,) = changes(later)
    assert told.startswith("pack-1.2-")
    write_mimi(home, project / "characters")
    assert any(one.startswith("characters/mimi.yaml is found before") for one in changes(pack))
    write_adapter(home)
    assert any("trainings of its own" in one for one in changes(pack))


def test_the_newest_of_trainings_and_pack_answers(home: Home, pack: Path, installed: Install) -> None:
    run = write_adapter(home)
    os.utime(run.parents[1] / "summary.json", (1, 1))
    folder = installed(pack)
    assert adapter_folders(home, "mimi")[:2] == [folder / "adapter" / "best", run]
    ahead = time.time() + 60
    os.utime(run.parents[1] / "summary.json", (ahead, ahead))
    assert adapter_folders(home, "mimi")[:2] == [run, folder / "adapter" / "best"]
    assert [choice.label for choice in adapter_choices(home, "mimi")] == ["attic@best", f"{folder.name}@best"]


def test_one_version_is_removed_and_the_one_before_is_used(
    home: Home, pack: Path, later: Path, installed: Install
) -> None:
    first, second = installed(pack), installed(later)
    remove(home, "mimi", second.name)
    assert names(home) == [("pack-1.2", True)]
    assert (first.is_dir(), second.exists()) == (True, False)
    remove(home, "mimi")
    assert not home.packs.exists()
    assert "mimi" not in find_cards(home)


def test_names_that_are_not_installed_are_told_with_the_nearest(home: Home, pack: Path, installed: Install) -> None:
    folder = installed(pack)
    with pytest.raises(NotFound, match="no pack of 'mimmi' is installed; did you mean 'mimi'"):
        find_pack(home, "mimmi")
    with pytest.raises(NotFound, match=f"has no version 'pack-1.3'; did you mean '{folder.name}'"):
        roll_back(home, "mimi", "pack-1.3")
    with pytest.raises(PackError, match="was never another version"):
        roll_back(home, "mimi")
    with pytest.raises(NotFound):
        remove(home, "nobody")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda folder: (folder / "characters" / "mimi" / "dialogue.yaml").unlink(), "mimi/dialogue.yaml' is missing"),
        (lambda folder: (folder / "card.json").write_text("{}"), "'card.json' was changed"),
        (
            lambda folder: (folder / "manifest.json").write_text(
                (folder / "manifest.json").read_text().replace("CC0-1.0", "MIT-0")
            ),
            "'roleplay/manifest.json' was changed",
        ),
    ],
)
def test_files_that_were_changed_are_named(
    home: Home, pack: Path, installed: Install, change: object, told: str
) -> None:
    change(installed(pack))  # type: ignore[operator]
    (found,) = changed_files(installed_packs(home)[0])
    assert told in found


def test_a_damaged_manifest_is_told_and_the_pack_can_be_removed(home: Home, pack: Path, installed: Install) -> None:
    (installed(pack) / "manifest.json").write_text("{")
    (one,) = installed_packs(home)
    assert one.manifest is None
    with pytest.raises(PackError, match="damaged; remove the pack and install it again"):
        changed_files(one)
    remove(home, "mimi")
    assert installed_packs(home) == []


def test_a_refused_pack_leaves_nothing(home: Home, project: Path, unpacked: Path) -> None:
    (unpacked / "roleplay" / "manifest.json").write_text("{}")
    with pytest.raises(PackError), opened_pack(unpacked, home):
        pass
    assert not home.packs.exists()


def test_all_that_is_wrong_is_told_at_once(home: Home, project: Path, unpacked: Path) -> None:
    (unpacked / "roleplay" / "characters" / "mimi" / "dialogue.yaml").unlink()
    (unpacked / "evil.py").write_text("import os")
    with pytest.raises(PackError) as caught, opened_pack(unpacked, home):
        pass
    assert [line.rsplit(": ", 1)[-1] for line in str(caught.value).splitlines()] == [
        "'evil.py' is not in the manifest",
        "'roleplay/characters/mimi/dialogue.yaml' is missing",
        "files of this ending do not travel",
    ]


def test_problems_forbid_an_install(home: Home, project: Path, pack: Path) -> None:
    with opened_pack(pack, home) as opened:
        bad = type(opened)(opened.folder, opened.manifest, ("the lamp is out",), opened.version)
        with pytest.raises(PackError, match=r"(?s)nothing of it was kept.*the lamp is out"):
            refuse_problems(bad, "mimi.charx")


def test_a_file_of_versions_that_is_damaged_hides_the_pack_and_breaks_nothing(
    home: Home, pack: Path, installed: Install
) -> None:
    folder = installed(pack)
    used = folder.parent / ".active"
    for damage in ("{", '{"a": 1}', '["../../etc", 7]', ""):
        used.write_text(damage)
        assert "mimi" not in find_cards(home)
        assert [one.used for one in installed_packs(home)] == [False]
    used.write_text(json.dumps([folder.name]))
    assert "mimi" in find_cards(home)


def test_installed_again_a_damaged_version_is_whole(home: Home, pack: Path, installed: Install) -> None:
    folder = installed(pack)
    (folder / "card.json").write_text("{}")
    assert installed(pack) == folder
    assert changed_files(installed_packs(home)[0]) == []
    assert [path.name for path in folder.parent.iterdir() if path.name != ".active"] == [folder.name]
