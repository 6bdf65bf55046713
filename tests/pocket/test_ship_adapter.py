"""The adapters of a finished run become those that ship, with canaries of the weights as they ship."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, PreTrainedTokenizerFast

from roleplay.cards.find import open_card
from roleplay.chat.open import open_on
from roleplay.generation.canaries import read_canaries
from roleplay.generation.canary_check import adapter_hash, check_canaries
from roleplay.paths import Home, shipped
from roleplay.pocket import adapters
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base
from tests.training.pell import write_pell


@dataclass(frozen=True)
class Trained:
    """A run of Pell's in the current folder, and where it is to be shipped to."""

    run: Path
    """Its folder."""
    target: Path
    """Not there yet."""


@pytest.fixture
def trained(tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch) -> Trained:
    monkeypatch.chdir(tmp_path)
    base = save_tiny_base(tmp_path / "tiny", chatml_tokenizer)
    write_pell(tmp_path / "characters", base)
    run = tmp_path / "run"
    for seed, which in enumerate(("best", "last")):
        save_tiny_adapter(base, run / "adapter" / which, seed, character="pell")
    (run / "metrics.jsonl").write_text("{}\n")
    (run / "loss.png").write_bytes(b"\x89PNG")
    return Trained(run, tmp_path / "shipped" / "pell")


def test_what_ships_is_rounded_and_its_canaries_are_of_the_rounded_weights(trained: Trained, home: Home) -> None:
    card_file = open_card("pell", home)

    adapters.ship_adapter(trained.run, trained.target, card_file, home)

    names = {"best", "last", "metrics.jsonl", "loss.png", "canaries.json"}
    assert {path.name for path in trained.target.iterdir()} == names
    for which in ("best", "last"):
        weights = load_file(trained.target / which / "adapter_model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}
    canaries = read_canaries(trained.target / "canaries.json")
    best = trained.target / "best"
    assert canaries.adapter == adapter_hash(best) != adapter_hash(trained.run / "adapter" / "best")
    opened = open_on(card_file, home, load_tiny_base(Path("tiny")), best)
    assert check_canaries(opened.engine, opened.voice, canaries).reproduces


def test_canaries_are_made_anew_without_training(trained: Trained, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters.ship_adapter(trained.run, trained.target, open_card("pell", home), home)
    first = (trained.target / "canaries.json").read_bytes()
    (trained.target / "canaries.json").write_text("stale")
    typed = ["adapters", "pell", "--canaries", "--work", str(home.root), "--target", str(trained.target.parent)]
    monkeypatch.setattr("sys.argv", typed)

    adapters.main()

    assert (trained.target / "canaries.json").read_bytes() == first
    assert not home.runs.exists()


def test_figures_of_the_adapters_on_the_base_before_are_kept(
    trained: Trained, home: Home, chatml_tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_base(seed: int, measured: str) -> str | None:
        """Ship adapters on a base of their own, in the place of some with figures; what is kept of those before."""
        base = save_tiny_base(Path("tiny"), chatml_tokenizer, seed=seed)
        for which in ("best", "last"):
            save_tiny_adapter(base, trained.run / "adapter" / which, seed, character="pell")
        if measured:
            (trained.target / "bars.json").write_text(measured)
        adapters.ship_adapter(trained.run, trained.target, open_card("pell", home), home)
        kept = trained.target / "before.json"
        return kept.read_text() if kept.exists() else None

    monkeypatch.setattr(adapters, "ship_canaries", lambda *_: None)  # they would take most of the time
    assert on_base(0, measured="") is None
    assert on_base(0, measured="first") is None  # made once more on one base
    assert on_base(1, measured="second") == "second"
    assert on_base(1, measured="third") == "second"
    assert on_base(2, measured="") == "second"  # the newest there are
    (trained.target / "bars.json").write_text("fourth")
    trained.target.rename(trained.target.with_name(".pell.old"))  # as a crash leaves it
    assert on_base(3, measured="") == "fourth"


@pytest.mark.parametrize(("width", "layers", "rank"), [(256, 6, 80), (384, 5, 64), (320, 7, 48)])
def test_the_rank_is_the_highest_whose_file_may_ship(width: int, layers: int, rank: int) -> None:
    config = LlamaConfig(hidden_size=width, num_hidden_layers=layers, num_attention_heads=width // 64)
    assert adapters.rank_that_fits(config) == rank
    assert 2 * rank * layers * 3 * 2 * width < adapters.FILE_BYTES < 2 * (rank + 8) * layers * 3 * 2 * width + 10_000


def test_adapters_of_another_base_or_none_are_stale(trained: Trained, tmp_path: Path) -> None:
    assert not adapters.is_stale(shipped() / "data" / "adapters" / "yui")
    assert adapters.is_stale(trained.run / "adapter")  # of a tiny base
    assert adapters.is_stale(tmp_path / "nowhere")
