"""A pretrained pocket becomes a folder that loads, with a card of its own numbers, or the one before stays."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from roleplay.errors import BaseModelError
from roleplay.generation.settings import Sampling
from roleplay.measures.interval import Interval
from roleplay.models.damage import find_damage
from roleplay.models.spec import verify_pocket, weights_fingerprint
from roleplay.pocket import card as card_module
from roleplay.pocket import compare as compare_module
from roleplay.pocket import compared as compared_module
from roleplay.pocket import ship as ship_module
from roleplay.pocket.card import read_curve, read_pretrained
from roleplay.pocket.compared import Compared, Heldout, Pocket
from roleplay.pocket.config import load_recipe
from roleplay.pocket.prompts import PROMPTS
from roleplay.pocket.ship import main, ship
from tests.pocket.conftest import RECIPE, Pretrained
from tests.tiny import load_tiny_base, tiny_llama

TARGET = Path("data") / "pocket"
RECIPE_FILE = Path("recipe.yaml")
PRETRAINED = {
    "hardware": "one made-up card",
    "tokens": 1536,
    "passes": {"en_novels": 1.25, "own_chats": 2.0},
    "stages": [
        {"name": "language", "tokens": 1024, "seconds": 700.0, "ended": "held-out bits stopped improving"},
        {"name": "dialogue", "tokens": 512, "seconds": 54.2, "ended": "budget"},
    ],
    "weights": "average of 3",
    "candidates": [
        {"weights": "the last", "zh": 3.5, "en": 1.25, "own": 2.5},
        {"weights": "average of 3", "zh": 3.4375, "en": 1.125, "own": 2.375},
    ],
    "versions": {"torch": "9.9.9"},
}


def finish(work: Path, seconds: float) -> None:
    (work / "pretrained.json").write_text(json.dumps({**PRETRAINED, "seconds": seconds}))


def write_work(work: Path, tokenizer: PreTrainedTokenizerFast, seed: int = 0) -> None:
    """What a pretraining leaves: random weights, and figures that nobody measured."""
    tiny_llama(tokenizer, seed=seed).save_pretrained(work / "final")
    tokenizer.save_pretrained(work / "tokenizer")
    (work / "recipe.json").write_text(load_recipe(RECIPE_FILE).model_dump_json())
    finish(work, 754.2 + seed)
    kinds = {f"eval_{kind}_{unit}": 9.0 for kind in ("zh", "en", "own") for unit in ("loss", "bits")}
    entries = [
        {"stage": "language", "step": 0, "tokens": 0, **kinds},
        {"stage": "language", "step": 2, "tokens": 512, "loss": 5.0},
        {"stage": "language", "step": 2, "tokens": 512, **kinds},
        {"stage": "dialogue", "step": 2, "tokens": 1536, **kinds, "eval_own_bits": 2.75},
    ]
    (work / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


@pytest.fixture
def work(tmp_path: Path, text: Path, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A pretraining's end in the current folder, with its recipe; `text` is there, and chats but no pocket."""
    RECIPE_FILE.write_text(RECIPE)
    Path("ablations.md").write_text("## Ablations\n\nNothing was tried.\n")
    write_work(tmp_path / "work", chatml_tokenizer)
    return tmp_path / "work"


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison that takes no time."""

    def compare(folders: Sequence[Path], text: Path, chats: Path) -> Compared:
        bits, replies = Interval(1.0, 0.5, 1.5), tuple(("Hm.",) for _ in PROMPTS)
        varied = {"zh": (0.5, 0.5), "en": (0.5, 0.5)}
        heldout = Heldout(3, 1, (bits,) * len(folders), (bits,) * len(folders), Interval(0, 0, 0))
        return Compared(
            dict.fromkeys(("zh", "en", "own"), heldout),
            tuple(Pocket(weights_fingerprint(one), 7, bits, 99.0, varied, replies) for one in folders),
        )

    monkeypatch.setattr(ship_module, "compare", compare)


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_pretrained_pocket_is_shipped_with_hashes_and_a_card(work: Path, text: Path, unmeasured: None) -> None:
    chats = contents(TARGET / "chats")
    RECIPE_FILE.write_text("changed since: true\n")
    ship(work, text, RECIPE_FILE, TARGET)
    verify_pocket(TARGET)
    assert load_tiny_base(TARGET).context == 512
    assert [path.name for path in TARGET.iterdir() if not path.stat().st_mode & 0o004] == []
    assert {weight.dtype for weight in load_file(TARGET / "model.safetensors").values()} == {torch.bfloat16}
    assert contents(TARGET / "chats") == chats
    hashed = [line.split()[1] for line in (TARGET / "SHA256SUMS").read_text().splitlines()]
    card = (TARGET / "README.md").read_text(encoding="utf-8")
    beside = {"SHA256SUMS", "README.md", "curves.png", "metrics.jsonl", "pretrained.json", "compared.json", "chats"}
    assert {path.name for path in TARGET.iterdir()} == {*hashed, *beside}
    assert {"model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja"} <= set(hashed)
    assert (TARGET / "curves.png").read_bytes().startswith(b"\x89PNG")
    told = (
        "0.0 M tokens in 13 minutes on one made-up card (torch 9.9.9)",
        "| language | 0.0 M of 0.0 M | 12 minutes | held-out bits stopped improving | 32 | 0.004 → 0.001 | en_n",
        "| dialogue | 0.0 M of 0.0 M | 54 seconds | budget |",
        "en_novels 1.2, own_chats 2",
        "ones that ship are: average of 3",
        "| average of 3 | 3.438 | 1.125 | 2.375 |",
        "| dialogue | 0.00 M | 9.000 | 9.000 | 2.750 |",
        "Nothing was tried.",
        "(99 tokens a second with two threads)",
        "| prompt | now |",
    )
    assert [one for one in told if one not in card] == []
    assert "{" not in card
    assert "two CPU cores" not in card
    assert "before" not in card.split("## Held-out chats")[1].split("## Text")[0]


def test_the_curve_has_the_bits_after_each_measuring_and_none_of_the_start(work: Path) -> None:
    curve = read_curve(work / "metrics.jsonl")
    assert [(point.stage, point.tokens) for point in curve] == [("language", 512), ("dialogue", 1536)]
    assert curve[-1].bits == {"zh": 9.0, "en": 9.0, "own": 2.75}


def test_a_long_curve_is_thinned_in_the_card_and_its_end_is_kept(work: Path, text: Path, unmeasured: None) -> None:
    kinds = {f"eval_{kind}_bits": 1.0 for kind in ("zh", "en", "own")}
    rows = [{"stage": "language", "step": i, "tokens": 1_000_000 * i, **kinds} for i in range(1, 102)]
    (work / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ship(work, text, RECIPE_FILE, TARGET)
    lines = (TARGET / "README.md").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| language | ") and line.endswith("| 1.000 |")]
    assert len(shown) == card_module.ROWS
    assert shown[0].startswith("| language | 1.00 M")
    assert shown[-1].startswith("| language | 101.00 M")


def test_the_pocket_that_is_replaced_is_compared_before_it_goes(
    work: Path, text: Path, chatml_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (compare_module, compared_module):
        monkeypatch.setattr(module, "PROMPTS", PROMPTS[7:9])
        monkeypatch.setattr(module, "SEEDS", (1,))
        monkeypatch.setattr(module, "SAMPLING", Sampling(max_new_tokens=4))
    monkeypatch.setattr(compare_module, "CHATS", 2)
    ship(work, text, RECIPE_FILE, TARGET)
    first = weights_fingerprint(TARGET)
    write_work(work, chatml_tokenizer, seed=1)
    ship(work, text, RECIPE_FILE, TARGET)
    compared = json.loads((TARGET / "compared.json").read_text(encoding="utf-8"))
    assert [pocket["weights"] for pocket in compared["pockets"]] == [first, weights_fingerprint(TARGET)]
    assert compared["heldout"]["own"]["change"]["value"] != 0
    card = (TARGET / "README.md").read_text(encoding="utf-8")
    assert "| prompt | before | now |" in card
    assert "| *你是修钟表的老杜，话不多。*<br>你每天都做什么？ |" in card


def test_large_weights_lie_in_several_files_and_never_beside_those_of_another_pocket(
    work: Path, text: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(work, text, RECIPE_FILE, TARGET)
    single = load_file(TARGET / "model.safetensors")
    finish(work, 1)
    with monkeypatch.context() as small:
        small.setattr(ship_module, "FILE_BYTES", 42_500)
        small.setattr(ship_module, "_HEADER_BYTES", 5_000)
        ship(work, text, RECIPE_FILE, TARGET)
    shards = sorted(TARGET.glob("*.safetensors"))
    assert len(shards) > 1
    assert TARGET / "model.safetensors" not in shards
    assert max(path.stat().st_size for path in shards) <= 42_500
    listed = (TARGET / "SHA256SUMS").read_text()
    assert [path.name for path in shards if path.name not in listed] == []
    assert "model.safetensors.index.json" in listed
    verify_pocket(TARGET)
    assert find_damage(TARGET) is None
    loaded = load_tiny_base(TARGET).model.state_dict()
    assert [name for name, weight in single.items() if not torch.equal(loaded[name], weight.float())] == []
    finish(work, 2)
    ship(work, text, RECIPE_FILE, TARGET)
    assert [path.name for path in TARGET.glob("model*")] == ["model.safetensors"]


def test_a_shard_that_is_cut_off_changed_or_gone_is_named(
    work: Path, text: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ship_module, "FILE_BYTES", 42_500)
    monkeypatch.setattr(ship_module, "_HEADER_BYTES", 5_000)
    ship(work, text, RECIPE_FILE, TARGET)
    shard = sorted(TARGET.glob("*.safetensors"))[-1]
    before, whole = weights_fingerprint(TARGET), shard.read_bytes()
    shard.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert weights_fingerprint(TARGET) != before
    with pytest.raises(BaseModelError, match=rf"{shard.name} was changed"):
        ship(work, text, RECIPE_FILE, TARGET)  # nothing is compared with a pocket that is not the one that shipped
    shard.write_bytes(whole[:-10])
    with pytest.raises(BaseModelError, match=rf"{shard.name} is damaged or cut off"):
        load_tiny_base(TARGET)
    shard.unlink()
    with pytest.raises(BaseModelError, match=rf"{shard.name} is missing"):
        verify_pocket(TARGET)


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("PARAMETERS", 10_000, r"model in .*final has 4\d,\d\d\d parameters, and a pocket has 10,000 at most"),
        ("FILE_BYTES", 20_000, r"model-0.* would have 2\d,\d\d\d bytes, and a file of a pocket has 20,000 at most"),
        ("TREE_BYTES", 100_000, r"the checkout would have 1\d\d,\d\d\d bytes, and it has 100,000 at most"),
    ],
)
def test_a_pocket_that_is_too_large_is_refused_and_the_one_before_stays(
    limit: str, value: int, message: str, work: Path, text: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(work, text, RECIPE_FILE, TARGET)
    finish(work, 1)
    before = contents(Path("data"))
    monkeypatch.setattr(ship_module, limit, value)
    with pytest.raises(BaseModelError, match=message):
        ship(work, text, RECIPE_FILE, TARGET)
    assert contents(Path("data")) == before


def test_the_checkout_counts_with_the_new_pocket_in_the_place_of_the_old(
    work: Path, text: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], check=True)
    Path(".gitignore").write_text("/*\n!/data\n")
    ship(work, text, RECIPE_FILE, TARGET)
    whole = sum(path.stat().st_size for path in Path("data").rglob("*") if path.is_file())
    monkeypatch.setattr(ship_module, "TREE_BYTES", whole + 1000)
    finish(work, 1)
    ship(work, text, RECIPE_FILE, TARGET)
    finish(work, 2)
    for large in (TARGET / "chats" / "large", Path("data") / "large"):
        large.write_bytes(bytes(whole))
        with pytest.raises(BaseModelError, match="remove other files"):
            ship(work, text, RECIPE_FILE, TARGET)
        large.unlink()


def test_a_crash_in_the_middle_leaves_the_pocket_before(
    work: Path, text: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(work, text, RECIPE_FILE, TARGET)
    finish(work, 1)
    before = contents(Path("data"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ship_module, "write_card", killed)
    with pytest.raises(KeyboardInterrupt):
        ship(work, text, RECIPE_FILE, TARGET)
    assert contents(Path("data")) == before


def test_a_pocket_set_aside_by_a_crash_comes_back_and_is_compared(work: Path, text: Path, unmeasured: None) -> None:
    ship(work, text, RECIPE_FILE, TARGET)
    TARGET.rename(TARGET.with_name(".pocket.old"))
    finish(work, 1)
    ship(work, text, RECIPE_FILE, TARGET)
    assert len(json.loads((TARGET / "compared.json").read_text(encoding="utf-8"))["pockets"]) == 2
    assert (TARGET / "chats" / "zh.yaml").is_file()


def test_a_pretraining_that_is_not_at_its_end_is_not_shipped(
    work: Path, text: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "pretrained.json").unlink()
    typed = ["ship", "--text", str(text), "--recipe", str(RECIPE_FILE), "--work", str(work), "--target", str(TARGET)]
    monkeypatch.setattr("sys.argv", typed)
    with pytest.raises(SystemExit, match=r"pretrained.json is missing or damaged .*come to its end"):
        main()


def test_what_a_pretraining_leaves_can_be_shipped(
    pretrained: Pretrained, tmp_path: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pretrained.folder / TARGET / "chats", TARGET / "chats")
    ship(pretrained.work, pretrained.text, pretrained.recipe, TARGET)
    verify_pocket(TARGET)
    done = read_pretrained(TARGET / "pretrained.json")
    curve = read_curve(TARGET / "metrics.jsonl")
    assert curve[-1].tokens == done.tokens
    assert set(curve[-1].bits) == {"zh", "en", "own"}
    card = (TARGET / "README.md").read_text(encoding="utf-8")
    assert [one for one in done.stages if f"| {one.ended} |" not in card] == []
    assert done.weights in {one.weights for one in done.candidates}


def test_a_pocket_that_was_shipped_is_not_compared_with_itself(
    work: Path, text: Path, unmeasured: None, capsys: pytest.CaptureFixture[str]
) -> None:
    ship(work, text, RECIPE_FILE, TARGET)
    finish(work, 1)
    ship(work, text, RECIPE_FILE, TARGET)
    before = contents(TARGET)
    capsys.readouterr()
    ship(work, text, RECIPE_FILE, TARGET)
    assert "is the pocket of" in capsys.readouterr().err
    assert contents(TARGET) == before
    assert "| prompt | before | now |" in (TARGET / "README.md").read_text(encoding="utf-8")
