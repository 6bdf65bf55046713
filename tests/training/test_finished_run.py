"""What a finished run leaves, and what was trained."""

import json
import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from roleplay.cards.load import load_card
from roleplay.dataset.build import build_corpus
from roleplay.dataset.corpus import Corpus, Row
from roleplay.dataset.render import make_renderer
from roleplay.errors import RunError
from roleplay.generation.canaries import read_canaries
from roleplay.generation.canary_check import adapter_hash, check_canaries
from roleplay.generation.engine import Engine
from roleplay.generation.lanes import LANES
from roleplay.measures.likelihood import likelihoods, mean_loss
from roleplay.models.adapter import attach_new, load_adapter
from roleplay.models.find import adapter_folders
from roleplay.paths import Home
from roleplay.text import fingerprint
from roleplay.training.finish import finish
from roleplay.training.proof import lane_bits
from roleplay.training.run import Run
from roleplay.training.settings import Settings
from tests.tiny import load_tiny_base
from tests.training.conftest import Finished
from tests.training.pell import SETTINGS, metrics, run_pell, write_pell


@pytest.fixture(scope="module")
def corpus(finished: Finished, tiny_base: Path) -> Corpus:
    """The dataset of the finished run, built again."""
    renderer = make_renderer(load_tiny_base(tiny_base).tokenizer)
    return build_corpus(load_card(finished.card), renderer, limit=512, seed=0)


def test_the_loss_falls(finished: Finished) -> None:
    losses = [entry["loss"] for entry in metrics(finished.run) if "loss" in entry]
    assert losses[-1] < losses[0] - 1


def test_the_folder_holds_everything_and_no_leftovers(finished: Finished) -> None:
    folder = finished.run.folder
    adapter = {"README.md", "adapter_config.json", "adapter_model.safetensors", "roleplay.json"}
    assert {path.name for path in folder.iterdir()} - {".lock"} == {
        "run.json",
        "card.yaml",
        "metrics.jsonl",
        "loss.png",
        "dialogues.jsonl",
        "canaries.json",
        "checkpoints",
        "adapter",
        "summary.json",
    }
    for which in ("best", "last"):
        assert {path.name for path in finished.run.adapter(which).iterdir()} == adapter
    assert {path.name for path in (folder / "adapter").iterdir()} == {"best", "last"}
    assert {path.name for path in finished.run.checkpoints.iterdir()} == {"checkpoint-10", "checkpoint-13"}


def test_the_configuration_says_all_that_decides_the_result(finished: Finished, corpus: Corpus) -> None:
    value = json.loads((finished.run.folder / "run.json").read_text())
    assert value["settings"] == Settings.model_validate(value["settings"]).model_dump(mode="json")
    assert SETTINGS.items() <= value["settings"].items()
    assert value["sources"] == dict.fromkeys(Settings.model_fields, "default") | dict.fromkeys(SETTINGS, "typed") | {
        "epochs": "preset founding",
        "scheduler": "preset founding",
        "weight_decay": "preset founding",
    }
    assert value["preset"] == "founding"
    assert value["card"] == fingerprint(finished.card.read_bytes())
    assert value["dataset"] == corpus.fingerprint
    assert value["decisions"].pop("bytes_per_token") > 0
    assert value["decisions"] == {
        "device": "cpu",
        "dtype": "float32",
        "threads": 1,
        "attention": "eager",
        "batching": "padded",
        "batching_because": "with dropout every pass is another",
        "tree_attention": "tree_grouped",
        "max_tokens_per_pass": None,
    }
    assert value["targets"] == "q_proj, k_proj, v_proj of all 2 layers (6 modules)"
    assert value["environment"].keys() == {"python", "torch", "transformers", "peft", "accelerate", "processes"}


def test_the_configuration_names_the_base_exactly(finished: Finished, tiny_base: Path) -> None:
    config = finished.run.read_config()
    assert config.base == load_tiny_base(tiny_base).identity
    assert config.base.weights is not None
    assert config.base_source == str(tiny_base)


def test_the_card_is_kept_as_it_was(finished: Finished) -> None:
    assert (finished.run.folder / "card.yaml").read_bytes() == finished.card.read_bytes()


def test_the_metrics_hold_step_epoch_and_both_losses(finished: Finished) -> None:
    entries = metrics(finished.run)
    assert [entry["step"] for entry in entries if "loss" in entry] == [3, 6, 9, 12]
    assert [entry["step"] for entry in entries if "eval_loss" in entry] == [0, 4, 8, 12, 13]
    assert all(a["epoch"] <= b["epoch"] for a, b in pairwise(entries))
    assert entries[-1]["epoch"] == 4.3333
    timed = [json.loads(line) for line in finished.run.metrics.read_text().splitlines() if '"loss"' in line]
    assert all(entry["tokens_per_second"] > entry["samples_per_second"] > 0 for entry in timed)


def test_the_picture_is_a_png(finished: Finished) -> None:
    data = finished.run.picture.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert data[12:16] == b"IHDR"
    assert (width, height) == (960, 540)
    assert data[-8:-4] == b"IEND"


def test_best_is_the_lowest_heldout_loss_and_last_the_last_step(finished: Finished) -> None:
    heldout = {entry["step"]: entry["eval_loss"] for entry in metrics(finished.run) if "eval_loss" in entry}
    del heldout[0]
    lowest = min(heldout, key=lambda step: heldout[step])
    assert lowest != 13, "the example does not tell best from last"
    passports = {
        which: json.loads((finished.run.adapter(which) / "roleplay.json").read_text()) for which in ("best", "last")
    }
    assert (passports["best"]["step"], passports["best"]["heldout_loss"]) == (lowest, heldout[lowest])
    assert (passports["last"]["step"], passports["last"]["heldout_loss"]) == (13, heldout[13])


@pytest.mark.parametrize("which", ["best", "last"])
def test_an_adapter_has_the_heldout_loss_of_its_passport(
    finished: Finished, corpus: Corpus, tiny_base: Path, which: str
) -> None:
    base = load_tiny_base(tiny_base)
    tuned = load_adapter(base, finished.run.adapter(which))
    samples = [corpus.sample(row) for row in corpus.heldout()]
    passport = json.loads((finished.run.adapter(which) / "roleplay.json").read_text())
    loss = mean_loss(likelihoods(tuned, samples, base.tokenizer.pad_token_id))
    assert loss == pytest.approx(passport["heldout_loss"], rel=1e-5)


def test_an_adapter_is_plain_peft(finished: Finished, tiny_base: Path) -> None:
    model = load_tiny_base(tiny_base).model
    ids = torch.arange(20).unsqueeze(0)
    before = model(ids).logits
    tuned = PeftModel.from_pretrained(model, str(finished.run.adapter("last")))
    config = tuned.peft_config["default"]
    assert (config.r, config.lora_alpha, set(config.target_modules)) == (16, 64.0, {"q_proj", "k_proj", "v_proj"})
    assert not torch.equal(tuned(ids).logits, before)


def test_no_adapter_names_a_place_on_this_machine(finished: Finished, tiny_base: Path) -> None:
    for path in (finished.run.folder / "adapter").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert str(tiny_base.parent).encode() not in data
            assert str(finished.card.parent).encode() not in data


def test_the_readme_of_an_adapter_is_a_model_card(finished: Finished) -> None:
    text = (finished.run.adapter("best") / "README.md").read_text()
    assert text.startswith("---\nbase_model: tiny\nlibrary_name: peft\n")
    assert "rank 16, alpha 64, dropout 0.1" in text
    assert "run `whole`, preset `founding`" in text


def test_the_summary_tells_the_outcome(finished: Finished) -> None:
    summary, entries = finished.run.read_summary(), metrics(finished.run)
    heldout = [entry["eval_loss"] for entry in entries if "eval_loss" in entry]
    assert summary["finished"]
    assert (summary["steps"], summary["epochs"], summary["preset"]) == (13, 4.33, "founding")
    assert summary["training_loss"] == [entry["loss"] for entry in entries if "loss" in entry][-1]
    assert summary["heldout_loss"] == heldout[-1]
    assert summary["best_heldout_loss"] == min(heldout[1:])
    assert summary["parameters"] == 2 * 3 * 16 * (32 + 32)
    assert summary["adapter"] == str(finished.run.adapter("best"))
    assert Path(summary["picture"]).is_file()


def test_the_summary_holds_bits_of_the_best_adapter_in_every_lane(
    finished: Finished, corpus: Corpus, tiny_base: Path
) -> None:
    bits = finished.run.read_summary()["heldout_bits_per_character"]
    base = load_tiny_base(tiny_base)
    again = lane_bits(load_adapter(base, finished.run.adapter("best")), corpus, base.tokenizer.pad_token_id)
    assert list(bits) == list(LANES)
    for lane, interval in bits.items():
        assert interval["low"] <= interval["value"] <= interval["high"]
        assert interval["value"] == pytest.approx(again[lane].value, rel=1e-5)
    assert len({interval["value"] for interval in bits.values()}) == 4


def test_the_canaries_of_a_run_are_reproduced_by_its_best_adapter_and_not_by_its_last(
    finished: Finished, corpus: Corpus, tiny_base: Path
) -> None:
    canaries = read_canaries(finished.run.canaries)
    found = {}
    for which in ("best", "last"):
        base = load_tiny_base(tiny_base)
        engine = Engine(base, load_adapter(base, finished.run.adapter(which)), [base.tokenizer.eos_token_id])
        found[which] = check_canaries(engine, corpus.voice, canaries)

    assert found["best"].reproduces
    assert not found["last"].reproduces
    assert found["last"].sentence.endswith("the adapter's lanes alone differ")
    assert canaries.adapter == adapter_hash(finished.run.adapter("best"))
    assert canaries.prefixes == ["who", "manner"]


def test_canaries_ask_how_dialogues_begin_that_were_trained(finished: Finished, corpus: Corpus) -> None:
    asked = [canary.text for canary in read_canaries(finished.run.canaries).canaries]
    trained = {unit.dialogue.turns[0].text for part in corpus.corpora for unit in part.train}
    assert len(asked) == 2
    assert set(asked) <= trained


def test_a_run_whose_canaries_cannot_be_made_is_finished_and_says_so(
    tmp_path: Path, card: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    def told(*given: Any, **options: Any) -> dict[str, Any]:
        return finish(*given, **(options | {"say": said.append}))

    monkeypatch.setattr("roleplay.training.finish.make_canaries", broken)
    monkeypatch.setattr("roleplay.training.tune.finish", told)
    run = run_pell(Home(tmp_path / "home"), card, "bare", max_steps=2)

    assert run.finished
    assert not run.canaries.exists()
    assert said == ["the run has no canaries, by which others could check its adapter: out of memory"]


def test_heldout_dialogues_are_never_trained(finished: Finished, corpus: Corpus) -> None:
    trained = {row.unit.dialogue.identity for row in finished.rows}
    heldout = {row.unit.dialogue.identity for row in corpus.heldout()}
    everything = {unit.dialogue.identity for part in corpus.corpora for unit in (*part.train, *part.heldout)}
    assert heldout
    assert not trained & heldout
    assert trained | heldout == everything


def test_the_trained_rows_are_those_of_the_epochs_in_order(finished: Finished, corpus: Corpus) -> None:
    wanted = [row for number in range(5) for row in corpus.epoch(number)]
    assert finished.rows == wanted[: len(finished.rows)]
    assert len(finished.rows) >= 4 * len(corpus.epoch(0)) + 4
    assert {row.active for row in finished.rows} == {("who",), ("who", "manner")}


@pytest.mark.parametrize(("batch", "accum"), [(1, 4), (2, 2), (4, 1)])
def test_there_is_one_loss(
    tmp_path: Path, tiny_base: Path, card: Path, trained_rows: list[Row], corpus: Corpus, batch: int, accum: int
) -> None:
    """The first step's loss is nats per trained token of all its rows, however they lie in batches."""
    first = {"max_steps": 1, "logging_steps": 1, "dropout": 0.0, "batch_size": batch, "grad_accum": accum}
    run = run_pell(Home(tmp_path / "home"), card, "one", **first)
    base = load_tiny_base(tiny_base)
    fresh, _ = attach_new(base.model, rank=16, alpha=64.0, dropout=0.0)  # says what the base says: lora_B is zero
    samples = [corpus.sample(row) for row in trained_rows[:4]]
    logged = next(entry["loss"] for entry in metrics(run) if "loss" in entry)
    assert len({sample.trained_tokens for sample in samples}) > 1
    assert logged == pytest.approx(mean_loss(likelihoods(fresh, samples, base.tokenizer.pad_token_id)), rel=1e-5)


def test_two_equal_runs_give_the_same_adapters_bit_for_bit(tmp_path: Path, card: Path) -> None:
    short = {"max_steps": 4}
    runs = [run_pell(Home(tmp_path / "home"), card, name, **short) for name in ("one", "two")]
    assert weights(runs[0]) == weights(runs[1])


def test_another_seed_gives_another_adapter(tmp_path: Path, card: Path) -> None:
    short = {"max_steps": 2}
    runs = [run_pell(Home(tmp_path / "home"), card, f"run-{seed}", seed=seed, **short) for seed in (0, 1)]
    assert weights(runs[0]) != weights(runs[1])


def test_a_run_that_diverges_stops_and_says_so(tmp_path: Path, card: Path) -> None:
    told = "diverged: the gradient at step 2 is nan; the checkpoint of step 1 is kept; start a new run with a lower --l"
    home = Home(tmp_path / "home")
    with pytest.raises(RunError, match=told):
        run_pell(home, card, "wild", learning_rate=1e30, save_steps=1)
    run = Run(home.runs / "pell" / "wild")
    assert not run.finished
    for path in run.checkpoints.glob("checkpoint-*/adapter_model.safetensors"):
        assert all(weight.isfinite().all() for weight in load_file(path).values())


def weights(run: Run) -> list[bytes]:
    return [(run.adapter(which) / "adapter_model.safetensors").read_bytes() for which in ("best", "last")]


def test_without_heldout_dialogues_the_last_adapter_is_found_as_the_best(tmp_path: Path, tiny_base: Path) -> None:
    """One dialogue a corpus: there is nothing to hold out, and chat still finds an adapter."""
    card = write_pell(tmp_path, tiny_base, desc="- - user: A?\n  - char: B.\n", talk="- - user: C?\n  - char: D.\n")
    home = Home(tmp_path / "home")
    run = run_pell(home, card, "bare", max_steps=2, logging_steps=5)
    summary = run.read_summary()
    assert weights(run)[0] == weights(run)[1]
    assert adapter_folders(home, "pell")[0] == run.adapter("best")
    assert summary["best_heldout_loss"] is None
    assert summary["heldout_bits_per_character"] == {}
    assert summary["training_loss"] is None
    assert not run.picture.exists()
