"""Rewards of drawn replies: the reward's own LoRA for the length of a score, then what the base wore before."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast

from roleplay.dialogue import Turn
from roleplay.errors import AdapterError
from roleplay.models.adapter import attach_new, load_adapter, save_adapter
from roleplay.models.base import Base
from roleplay.models.passport import Passport
from roleplay.models.rows import row_adapters
from roleplay.preference.reward_model import scores as reward_scores
from roleplay.preference.reward_model.files import load_reward
from roleplay.preference.reward_model.scale import Scale, save_scale
from roleplay.preference.reward_model.scores import RewardModel, reward_judge
from roleplay.preference.rewards.judged import Judged
from tests.preference.test_reward_model import FAMILIES, PAD, ROWS, of_family
from tests.preference.test_reward_model_files import save_tiny_reward
from tests.tiny import load_tiny_base, save_tiny_adapter, save_tiny_base

IDS = torch.tensor([[1, 40, 41, 42, 43, 2]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, chatml_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A tiny llama; read only."""
    return save_tiny_base(tmp_path_factory.mktemp("bases") / "tiny", chatml_tokenizer)


@pytest.fixture(scope="module")
def persona(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter on `folder`; read only."""
    return save_tiny_adapter(folder, tmp_path_factory.mktemp("adapters") / "mimi", 5)


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A reward model on `folder`, and what it gave ROWS before it was saved; read only."""
    target = tmp_path_factory.mktemp("rewards") / "best"
    return target, save_tiny_reward(load_tiny_base(folder), target)


@pytest.fixture
def base(folder: Path) -> Base:
    return load_tiny_base(folder)


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model(IDS).logits
    return found


def close(found: list[float], expected: list[float]) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_policy_keeps_its_own_adapter_whichever_is_loaded_first(
    folder: Path, persona: Path, trained: tuple[Path, list[float]]
) -> None:
    alone = logits(load_adapter(load_tiny_base(folder), persona))
    for policy_first in (True, False):
        base = load_tiny_base(folder)
        if policy_first:
            tuned = load_adapter(base, persona)
            reward = load_reward(base, trained[0])
        else:
            reward = load_reward(base, trained[0])
            tuned = load_adapter(base, persona)

        close(reward.rewards(ROWS, PAD), trained[1])
        assert torch.equal(logits(tuned), alone)
        with tuned.disable_adapter():
            close(reward.rewards(ROWS, PAD), trained[1])


def test_the_bare_base_rates_too_and_is_left_bare(base: Base, trained: tuple[Path, list[float]]) -> None:
    untouched, names = logits(base.model), [name for name, _ in base.model.named_modules()]

    reward = load_reward(base, trained[0])
    close(reward.rewards(ROWS, PAD), trained[1])

    assert torch.equal(logits(base.model), untouched)
    assert [name for name, _ in base.model.named_modules()] == names


def test_within_a_score_the_base_computes_with_the_reward_and_afterwards_as_before_even_after_an_error(
    base: Base, persona: Path, trained: tuple[Path, list[float]]
) -> None:
    tuned = load_adapter(base, persona)
    reward, before = load_reward(base, trained[0]), logits(tuned)

    def breaks() -> None:
        with reward.applied():
            assert not torch.allclose(logits(tuned), before, atol=1e-3)
            raise KeyError

    with pytest.raises(KeyError):
        breaks()
    assert torch.equal(logits(tuned), before)
    assert not any("forward" in module.__dict__ for module in base.model.modules())


def test_a_policy_that_learns_goes_on_learning(base: Base, trained: tuple[Path, list[float]], tmp_path: Path) -> None:
    tuned, _ = attach_new(base.model, rank=2, alpha=4, dropout=0.5)
    tuned.train()
    base.model.model.norm.eval()
    reward = load_reward(base, trained[0])
    state = [
        {name: parameter.requires_grad for name, parameter in tuned.named_parameters()},
        {name: module.training for name, module in tuned.named_modules()},
        tuned.active_adapters,
    ]

    close(reward.rewards(ROWS, PAD), trained[1])

    assert state == [
        {name: parameter.requires_grad for name, parameter in tuned.named_parameters()},
        {name: module.training for name, module in tuned.named_modules()},
        tuned.active_adapters,
    ]
    tuned(IDS).logits.sum().backward()
    assert all(p.grad is not None for p in tuned.parameters() if p.requires_grad)
    assert not any(p.requires_grad or p.grad is not None for p in reward.head.parameters())
    save_adapter(tuned, tmp_path / "policy", Passport("mimi", base.identity, "second", 1, None), "")
    assert sorted(path.name for path in (tmp_path / "policy").iterdir() if path.is_dir()) == []


def test_a_score_in_the_midst_of_a_batch_of_lanes_leaves_the_lanes_alone(
    base: Base, persona: Path, trained: tuple[Path, list[float]]
) -> None:
    tuned = load_adapter(base, persona)
    reward = load_reward(base, trained[0])
    with row_adapters(tuned, [("persona", 2.0)]):
        before = logits(base.model)
        close(reward.rewards(ROWS, PAD), trained[1])
        assert torch.equal(logits(base.model), before)


@pytest.mark.parametrize(("family", "shape"), FAMILIES, ids=[family for family, _ in FAMILIES])
def test_every_family_is_rated_as_it_was_trained(
    family: str, shape: dict[str, Any], base: Base, tmp_path: Path
) -> None:
    ours = of_family(base, family, shape)
    trained = save_tiny_reward(ours, tmp_path / "reward")

    close(load_reward(ours, tmp_path / "reward").rewards(ROWS, PAD), trained)
    attach_new(ours.model, rank=1, alpha=1, dropout=0.0)[0].train()  # with what a family drops out
    close(load_reward(ours, tmp_path / "reward").rewards(ROWS, PAD), trained)


def test_many_texts_are_rated_in_batches_of_similar_length_and_told_in_their_order(
    base: Base, trained: tuple[Path, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [tuple(range(5, 5 + n)) for n in (30, 2, 29, 3, 1, 28)]
    reward = load_reward(base, trained[0])
    singly = [reward.rewards([row], PAD)[0] for row in rows]
    shapes: list[tuple[int, ...]] = []
    base.model.model.register_forward_pre_hook(
        lambda _, args, options: shapes.append(tuple(options["input_ids"].shape)), with_kwargs=True
    )
    monkeypatch.setattr(reward_scores, "_TOKENS_AT_ONCE", 64)

    close(reward.rewards(rows, PAD), singly)

    assert shapes == [(3, 3), (2, 29), (1, 30)]


def replies() -> list[Judged]:
    return [Judged((Turn("user", "hi"),), "x", True, row[:-1], row[-1:]) for row in ROWS]


def test_the_judge_rates_prompt_and_reply_as_drawn(base: Base, trained: tuple[Path, list[float]]) -> None:
    close(reward_judge(load_reward(base, trained[0]), PAD)(replies()), trained[1])


def test_the_judge_tells_standard_deviations_where_the_scale_is_known(base: Base, folder: Path, tmp_path: Path) -> None:
    raw = save_tiny_reward(load_tiny_base(folder), tmp_path / "reward")
    save_scale(tmp_path / "reward", Scale(mean=1.0, spread=4.0))

    found = reward_judge(load_reward(base, tmp_path / "reward"), PAD)(replies())

    close(found, [(value - 1) / 4 for value in raw])


def test_no_replies_have_no_rewards(base: Base, trained: tuple[Path, list[float]]) -> None:
    assert reward_judge(load_reward(base, trained[0]), PAD)([]) == []


def test_a_reply_without_tokens_cannot_be_rated(base: Base, trained: tuple[Path, list[float]]) -> None:
    with pytest.raises(ValueError, match="a text has none"):
        reward_judge(load_reward(base, trained[0]), PAD)([Judged((Turn("user", "hi"),), "x", True)])


def test_a_reward_that_is_no_number_is_named(base: Base, trained: tuple[Path, list[float]]) -> None:
    reward: RewardModel = load_reward(base, trained[0])
    nn.init.constant_(reward.head.weight, float("inf"))

    with pytest.raises(AdapterError, match=r"mimi/first@7 gives (nan|inf|-inf) for 4 of 4 replies; train it again"):
        reward.rewards(ROWS, PAD)
