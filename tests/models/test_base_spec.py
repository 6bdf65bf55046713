import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from roleplay.errors import BaseModelError
from roleplay.models import spec as spec_module
from roleplay.models.spec import BaseSpec, parse_spec, verify_pocket, weights_fingerprint


def make_pocket(folder: Path) -> Path:
    """A folder with the listing of a shipped base; its files are only hashed."""
    folder.mkdir(parents=True)
    files = {"config.json": b"{}", "model.safetensors": bytes(range(256))}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
    (folder / "SHA256SUMS").write_text("".join(lines))
    return folder


@pytest.fixture
def pocket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped base of the test's own."""
    monkeypatch.setattr(spec_module, "shipped", lambda: tmp_path / "shipped")
    return make_pocket(tmp_path / "shipped" / "data" / "pocket")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("typed", [None, "", "   ", "pocket", " pocket\n"])
def test_no_name_and_pocket_mean_the_shipped_base(typed: str | None, pocket: Path) -> None:
    spec = parse_spec(typed)

    assert spec == BaseSpec("pocket", pocket, None)
    assert spec.reference == "pocket"
    assert spec.source == str(pocket)


def test_the_shipped_base_never_runs_code(pocket: Path) -> None:
    assert parse_spec("pocket", trust_remote_code=True).trust_remote_code is False


@pytest.mark.parametrize("typed", ["models/mine", "./models/mine", "models/mine/"])
def test_a_folder_is_found_from_here_and_referred_to_from_anywhere(typed: str, here: Path) -> None:
    folder = here / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")

    spec = parse_spec(typed, trust_remote_code=True)

    assert spec == BaseSpec(typed, folder, None, trust_remote_code=True)
    assert spec.reference == str(folder)
    assert parse_spec(spec.reference).folder == folder


def test_a_folder_wins_over_a_hub_id_of_the_same_name(here: Path) -> None:
    (here / "Qwen" / "Qwen3-0.6B").mkdir(parents=True)
    (here / "Qwen" / "Qwen3-0.6B" / "config.json").write_text("{}")

    assert parse_spec("Qwen/Qwen3-0.6B").folder == here / "Qwen" / "Qwen3-0.6B"


def test_a_folder_in_the_persons_own_home_may_be_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "config.json").write_text("{}")

    assert parse_spec("~/models").folder == tmp_path / "models"


def test_a_folder_without_a_configuration_is_no_model(here: Path) -> None:
    (here / "empty").mkdir()

    with pytest.raises(BaseModelError, match=r"^empty is no model: it has no config\.json; give the folder that save"):
        parse_spec("empty")


@pytest.mark.parametrize(
    ("typed", "name", "revision"),
    [
        ("Qwen/Qwen3-0.6B", "Qwen/Qwen3-0.6B", None),
        ("Qwen/Qwen3-0.6B@main", "Qwen/Qwen3-0.6B", "main"),
        ("gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e", "gpt2", "607a30d783dfa663caf39e06633721c8d4cfcd7e"),
        ("gpt2@", "gpt2", None),
        ("a/b@refs/pr/1", "a/b", "refs/pr/1"),
    ],
)
def test_anything_else_is_a_hub_id_with_an_optional_revision(
    typed: str, name: str, revision: str | None, here: Path
) -> None:
    spec = parse_spec(typed, trust_remote_code=True)

    assert spec == BaseSpec(name, None, revision, trust_remote_code=True)
    assert spec.source == name
    assert spec.reference == typed.removesuffix("@")
    assert parse_spec(spec.reference) == BaseSpec(name, None, revision)


@pytest.mark.parametrize(
    "typed",
    [
        "/no/such/folder",
        "./mine",
        "../mine",
        "~/mine",
        "~nobody-of-that-name/mine",
        "models/mine/deep",
        "@main",
        pytest.param("mo\0del/../x", id="a name no system has"),
        pytest.param("/" + "m" * 5000, id="a name too long for the system"),
    ],
)
def test_what_is_neither_folder_nor_hub_id_is_refused_with_what_may_be_given(typed: str, here: Path) -> None:
    with pytest.raises(BaseModelError) as caught:
        parse_spec(typed)

    assert "give an existing folder, 'pocket', or a hub id such as Qwen/Qwen3-0.6B" in str(caught.value)
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


def test_an_untouched_pocket_passes(pocket: Path) -> None:
    verify_pocket(pocket)
    (pocket / "README.md").write_text("not listed, not checked")
    verify_pocket(pocket)


def test_a_missing_pocket_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"not in .*; install roleplay again, or make it with 'python -m roleplay"):
        verify_pocket(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_of_pocket_is_named(name: str, pocket: Path) -> None:
    (pocket / name).unlink()

    with pytest.raises(BaseModelError, match=rf"{name} is missing; install roleplay again"):
        parse_spec("pocket")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_changed_file_of_pocket_is_named(name: str, pocket: Path) -> None:
    data = bytearray((pocket / name).read_bytes())
    data[-1] ^= 1
    (pocket / name).write_bytes(data)

    with pytest.raises(BaseModelError, match=rf"{name} was changed: its hash is not the one in SHA256SUMS; restore it"):
        parse_spec("pocket")


@pytest.mark.parametrize("listing", ["", "\n", "nonsense", "nonsense\n\nmore", "\0\xff"])
def test_a_damaged_listing_of_pocket_does_not_pass(listing: str, pocket: Path) -> None:
    (pocket / "SHA256SUMS").write_bytes(listing.encode("latin-1"))

    with pytest.raises(BaseModelError, match="install roleplay again"):
        verify_pocket(pocket)


def tensors(seed: int, rows: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(rows, 256, generator=generator) for name in ("first", "last")}


@pytest.mark.parametrize("rows", [1, 2000], ids=["small", "above two megabytes"])
def test_two_trainings_of_one_shape_have_different_fingerprints(rows: int, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1), ("copy", 0)):
        (tmp_path / name).mkdir()
        save_file(tensors(seed, rows), tmp_path / name / "model.safetensors")
    a, b, copy = (weights_fingerprint(tmp_path / name) for name in ("a", "b", "copy"))

    assert (tmp_path / "a" / "model.safetensors").stat().st_size == (
        tmp_path / "b" / "model.safetensors"
    ).stat().st_size
    assert a == copy
    assert a != b


def test_weights_that_transformers_does_not_read_play_no_part(tmp_path: Path) -> None:
    save_file(tensors(0, 1), tmp_path / "model-1.safetensors")
    save_file(tensors(1, 1), tmp_path / "model-2.safetensors")
    before = weights_fingerprint(tmp_path)
    map_ = {"first": "model-1.safetensors", "last": "model-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": map_}))

    save_file(tensors(2, 1), tmp_path / "consolidated.safetensors")
    assert weights_fingerprint(tmp_path) == before

    save_file(tensors(3, 1), tmp_path / "model.safetensors")
    single = weights_fingerprint(tmp_path)
    (tmp_path / "model-1.safetensors").unlink()
    assert weights_fingerprint(tmp_path) == single != before


def test_a_change_in_any_shard_or_its_name_changes_the_fingerprint(tmp_path: Path) -> None:
    save_file(tensors(0, 1), tmp_path / "model-1.safetensors")
    save_file(tensors(1, 1), tmp_path / "model-2.safetensors")
    before = weights_fingerprint(tmp_path)

    save_file(tensors(2, 1), tmp_path / "model-2.safetensors")
    changed = weights_fingerprint(tmp_path)
    (tmp_path / "model-2.safetensors").rename(tmp_path / "model-3.safetensors")

    assert len({before, changed, weights_fingerprint(tmp_path)}) == 3
