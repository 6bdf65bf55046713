"""A reward model to be trained: LoRA on q, k and v of every layer, and a head."""

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer

from roleplay.errors import AdapterError
from roleplay.models.base import Base
from roleplay.models.targets import Targets, find_targets
from roleplay.preference.reward_model.head import reward_classifier


def attach_reward(
    base: Base, *, rank: int, alpha: float, dropout: float, rslora: bool = False, seed: int
) -> tuple[PeftModel, Targets]:
    """A trainable model whose logits (B, 1) are rewards; it lies on the base's weights, and `seed` decides its own.

    TRL's `RewardTrainer` takes it as it is. The base wears the LoRA until `unload` of what is returned. Raises
    AdapterError unless each q, k and v got one.
    """
    targets = find_targets(base.model)
    model = reward_classifier(base)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        use_rslora=rslora,
        lora_dropout=dropout,
        target_modules=list(targets.names),
        bias="none",
        fan_in_fan_out=targets.fan_in_fan_out,
        task_type="SEQ_CLS",  # peft then trains and saves the head too
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.score.draw()
        tuned = get_peft_model(model, config)
    odd = {name for name, module in model.named_modules() if isinstance(module, LoraLayer)} ^ set(targets.modules)
    if odd:
        differing = ", ".join(sorted(odd)[:4])
        raise AdapterError(
            f"the reward model would not sit on exactly q, k and v (differing: {differing}); report this"
        )
    return tuned, targets
