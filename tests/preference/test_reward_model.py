"""A reward model to be trained: it lies on the base's weights and rates as transformers' own classifiers do."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedTokenizerFast
from trl import RewardConfig, RewardTrainer

from roleplay.errors import AdapterError, BaseModelError
from roleplay.models.base import Base, load_base
from roleplay.models.spec import parse_spec
from roleplay.preference.reward_model.attach import attach_reward
from roleplay.preference.reward_model.head import RewardHead, reward_classifier
from tests.tiny import load_tiny_base, save_tiny_base

PAD, WANTED, OTHER = 0, 60, 61
NARROW = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ROTARY = NARROW | {"intermediate_size": 48, "num_key_value_heads": 2, "max_position_embeddings": 64}
FAMILIES = [
    ("llama", ROTARY),
    ("qwen3", ROTARY | {"head_dim": 8}),
    ("phi3", ROTARY),
    ("gpt2", NARROW | {"n_positions": 64}),
    ("opt", NARROW | {"ffn_dim": 48, "word_embed_proj_dim": 16, "max_position_embeddings": 64}),
    ("bloom", NARROW),
]
EVERY_FAMILY = pytest.mark.parametrize(("family", "shape"), FAMILIES, ids=[family for family, _ in FAMILIES])
ROWS = [(5, 6, 7, 8, 9, 10), (11, 12), (13, 14, 15, 16), (17,)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A tiny llama; read only."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture
def base(folder: Path) -> Base:
    return load_tiny_base(folder)


def of_family(base: Base, family: str, shape: dict[str, Any]) -> Base:
    """A random model of another family in `base`'s place."""
    config = AutoConfig.for_model(family, **shape, pad_token_id=PAD, bos_token_id=1, eos_token_id=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval().requires_grad_(False)
    return dataclasses.replace(base, model=model)


def padded(rows: list[tuple[int, ...]]) -> dict[str, torch.Tensor]:
    longest = max(len(row) for row in rows)
    return {
        "input_ids": torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows]),
    }


def rewards(model: Any, rows: list[tuple[int, ...]]) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(**padded(rows)).logits
    return found


def bits(base: Base) -> dict[str, bytes]:
    """Of every weight; four bits kept as floats are no numbers to be compared."""
    return {
        name: bytes(weight.contiguous().view(torch.uint8).numpy()) for name, weight in base.model.state_dict().items()
    }


def draw_lora(tuned: nn.Module, scale: float = 0.3) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in sorted(tuned.named_parameters()):
            if "lora_" in name:
                weight.normal_(0, scale, generator=generator)


@EVERY_FAMILY
def test_rewards_are_those_of_the_classifier_that_transformers_makes_of_the_same_weights(
    family: str, shape: dict[str, Any], base: Base
) -> None:
    ours = of_family(base, family, shape)
    config = AutoConfig.for_model(
        family, **shape, num_labels=1, pad_token_id=PAD, bos_token_id=1, eos_token_id=2, dtype="float32"
    )
    theirs = AutoModelForSequenceClassification.from_config(config).eval()
    theirs.base_model.load_state_dict(ours.model.base_model.state_dict())
    model = reward_classifier(ours).eval()
    assert torch.equal(rewards(model, ROWS), torch.zeros(4, 1))

    model.score.draw()
    theirs.score.weight.data.copy_(model.score.weight)

    assert torch.equal(rewards(model, ROWS), rewards(theirs, ROWS))
    assert len({round(value, 6) for value in rewards(model, ROWS)[:, 0].tolist()}) == len(ROWS)


@EVERY_FAMILY
def test_every_weight_but_the_head_is_the_bases_own_and_the_base_is_left_as_it_was(
    family: str, shape: dict[str, Any], base: Base
) -> None:
    ours = of_family(base, family, shape)
    config, weights = ours.model.config.to_dict(), {name: p.data_ptr() for name, p in ours.model.named_parameters()}

    model = reward_classifier(ours)

    assert {n: p.data_ptr() for n, p in model.named_parameters() if n in weights}.items() <= weights.items()
    assert {n for n, _ in model.named_parameters()} - set(weights) == {"score.weight"}
    assert (model.config.num_labels, model.config.pad_token_id) == (1, PAD)
    model.config.pad_token_id = 7
    assert ours.model.config.to_dict() == config


def test_an_end_of_turn_that_pads_too_is_rated_where_it_was_said(base: Base) -> None:
    model = reward_classifier(base).eval()
    model.score.draw()

    stopped, cut = rewards(model, [(5, 6, 7, PAD), (5, 6, 7)])

    assert torch.equal(rewards(model, [(5, 6, 7, PAD)])[0], stopped)
    assert abs(stopped - cut) > 1e-3


def test_text_padded_on_the_left_ends_with_its_last_token_as_well(base: Base) -> None:
    model = reward_classifier(base).eval()
    model.score.draw()
    left = {"input_ids": torch.tensor([[PAD, 5, 6]]), "attention_mask": torch.tensor([[0, 1, 1]])}

    torch.testing.assert_close(model(**left).logits, rewards(model, [(5, 6)]), atol=1e-5, rtol=0)


def test_near_rewards_stay_apart_in_bfloat16() -> None:
    head = RewardHead(2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 1.0]]))
    hidden = torch.tensor([[1.0, 2**-9], [1.0, 2**-8]], dtype=torch.bfloat16)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        first, second = head(hidden)

    assert first.dtype == torch.float32
    assert second - first == 2**-9


def test_a_base_whose_decoder_cannot_be_told_is_named(base: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(base.model), "base_model_prefix", "nowhere")

    with pytest.raises(BaseModelError, match=r"'tiny' \(LlamaForCausalLM\) has no part called 'nowhere'"):
        reward_classifier(base)


def test_hidden_states_in_another_order_are_refused(base: Base) -> None:
    model = reward_classifier(base)
    base.model.model.register_forward_hook(
        lambda _, args, out: setattr(out, "last_hidden_state", out.last_hidden_state.transpose(0, 1))
    )

    with pytest.raises(BaseModelError, match=r"hidden states of shape \(6, 4, 32\) for \(4, 6\) tokens"):
        rewards(model, ROWS)


@EVERY_FAMILY
def test_lora_goes_on_q_k_and_v_of_every_layer_and_only_it_and_the_head_learn(
    family: str, shape: dict[str, Any], base: Base
) -> None:
    ours = of_family(base, family, shape)
    untouched = [name for name, _ in ours.model.named_modules()]

    tuned, targets = attach_reward(ours, rank=2, alpha=4, dropout=0.5, seed=3)

    learning = {name for name, parameter in tuned.named_parameters() if parameter.requires_grad}
    assert learning == {
        f"base_model.model.{module}.lora_{half}.default.weight" for module in targets.modules for half in "AB"
    } | {"base_model.model.score.modules_to_save.default.weight"}
    tuned.unload()
    assert [name for name, _ in ours.model.named_modules()] == untouched


def test_the_seed_decides_what_is_drawn_and_nothing_else_is_drawn_from(folder: Path) -> None:
    state = torch.get_rng_state()

    def drawn(seed: int) -> list[torch.Tensor]:
        tuned, _ = attach_reward(load_tiny_base(folder), rank=2, alpha=4, dropout=0, seed=seed)
        return [p.detach() for p in tuned.parameters() if p.requires_grad and p.any()]

    assert all(map(torch.equal, drawn(1), drawn(1)))
    assert not any(map(torch.equal, drawn(1), drawn(2)))
    assert len(drawn(1)) == 7  # six A matrices and the head
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("rslora", "scaling"), [(False, 3.0), (True, 6.0)])
def test_rank_and_alpha_scale_the_lora(rslora: bool, scaling: float, base: Base) -> None:
    tuned, targets = attach_reward(base, rank=4, alpha=12, dropout=0, rslora=rslora, seed=0)

    assert tuned.get_submodule(f"base_model.model.{targets.modules[0]}").scaling == {"default": scaling}


def test_a_lora_elsewhere_than_on_q_k_and_v_is_an_error(base: Base) -> None:
    base.model.model.norm.q_proj = nn.Linear(32, 32)

    with pytest.raises(AdapterError, match=r"differing: model\.norm\.q_proj"):
        attach_reward(base, rank=2, alpha=4, dropout=0, seed=0)


class QuietTrainer(RewardTrainer):
    def _send_telemetry(self) -> None:
        pass

    def create_model_card(self, *args: Any, **options: Any) -> None:
        pass


def pairs(count: int, seed: int) -> Dataset:
    """Random texts of several lengths; the chosen one of two has the wanted token in it."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(count):
        length = int(torch.randint(4, 10, (), generator=generator))
        text = torch.randint(5, 60, (length,), generator=generator).tolist()
        at = int(torch.randint(1, length, (), generator=generator))
        rows.append({"chosen_ids": [*text[:at], WANTED, *text[at:]], "rejected_ids": [*text[:at], OTHER, *text[at:]]})
    return Dataset.from_list(rows)


def trainer_of(tuned: Any, base: Base, folder: Path, **options: Any) -> QuietTrainer:
    config = RewardConfig(
        output_dir=str(folder),
        per_device_train_batch_size=16,
        per_device_eval_batch_size=32,
        learning_rate=3e-2,
        lr_scheduler_type="constant",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
        **{"max_steps": 25, "gradient_checkpointing": False} | options,
    )
    return QuietTrainer(
        model=tuned,
        args=config,
        train_dataset=pairs(128, 0),
        eval_dataset=pairs(32, 1),
        processing_class=base.tokenizer,
    )


def test_trls_trainer_teaches_it_what_is_chosen_and_leaves_the_base_bit_for_bit(base: Base, tmp_path: Path) -> None:
    before = bits(base)
    config = base.model.config.to_dict()
    tuned, _ = attach_reward(base, rank=4, alpha=8, dropout=0.0, seed=0)
    trainer = trainer_of(tuned, base, tmp_path)
    assert trainer.evaluate()["eval_accuracy"] < 0.8

    trainer.train()

    assert trainer.evaluate()["eval_accuracy"] > 0.9
    tuned.unload()
    assert bits(base) == before
    assert base.model.config.to_dict() == config


def test_layers_computed_anew_give_the_same_gradient(folder: Path, tmp_path: Path) -> None:
    def learned(anew: bool) -> dict[str, torch.Tensor]:
        base = load_tiny_base(folder)
        tuned, _ = attach_reward(base, rank=2, alpha=4, dropout=0.0, seed=0)
        draw_lora(tuned)
        trainer_of(tuned, base, tmp_path, max_steps=1, gradient_checkpointing=anew).train()
        return {name: p.detach().clone() for name, p in tuned.named_parameters() if p.requires_grad}

    plain, anew = learned(False), learned(True)

    assert all(torch.allclose(plain[name], anew[name], atol=1e-6) for name in plain)


@pytest.mark.parametrize("quant", ["int8", "nf4"])
def test_a_base_kept_in_few_bits_is_trained_on_too(
    quant: str, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    config = AutoConfig.for_model(
        "llama", **ROTARY | {"vocab_size": len(chatml_tokenizer), "hidden_size": 64, "intermediate_size": 128}
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "wide")
    chatml_tokenizer.save_pretrained(tmp_path / "wide")
    base = load_base(parse_spec(str(tmp_path / "wide")), dtype=torch.float32, device="cpu", quant=quant)
    before = bits(base)
    tuned, _ = attach_reward(base, rank=2, alpha=4, dropout=0.0, seed=0)
    head = tuned.base_model.model.score.modules_to_save["default"].weight.detach().clone()

    trainer_of(tuned, base, tmp_path / "out", max_steps=1).train()

    assert not torch.equal(tuned.base_model.model.score.modules_to_save["default"].weight.float(), head)
    tuned.unload()
    assert bits(base) == before
