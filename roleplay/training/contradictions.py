"""Settings that cannot hold together."""

from roleplay.errors import UsageError
from roleplay.training.settings import PAIRED, PREFERENCE, REWARDED, Settings


def refuse_contradictions(settings: Settings) -> None:
    """Raises UsageError for settings that cannot hold together, all of them at once."""
    whole, stage = settings.tuning != "lora", settings.stage
    by_choices, rewarded = stage in PREFERENCE, stage in REWARDED
    replies = settings.batch_size * settings.grad_accum
    clashes = [
        (settings.replay > 0 and settings.from_adapter is None, "--replay repeats the run of --from-adapter; name one"),
        (settings.replay > 0 and settings.stage == "pt", "--replay repeats dialogues, and --stage pt trains none"),
        (
            settings.prefix_dropout is not None and settings.stage == "pt",
            "--prefix-dropout is about dialogues, and --stage pt trains none",
        ),
        (whole and settings.from_adapter is not None, f"--tuning {settings.tuning} has no adapter to begin with"),
        (
            whole and settings.quant != "none",
            f"--tuning {settings.tuning} cannot train a base kept in {settings.quant}",
        ),
        (whole and settings.loraplus_lr_ratio > 1, f"--tuning {settings.tuning} has no LoRA for --loraplus-lr-ratio"),
        (settings.optimizer != "adamw" and settings.device == "cpu", f"--optimizer {settings.optimizer} needs a GPU"),
        (settings.dtype == "float16" and settings.device == "cpu", "--dtype float16 needs a GPU"),
        (by_choices and whole, f"--stage {stage} moves an adapter, and --tuning {settings.tuning} has none"),
        (by_choices and settings.batching == "tree", f"--stage {stage} computes no trees; add --batching padded"),
        (
            by_choices and settings.prefix_dropout is not None,
            f"--prefix-dropout is about dialogues, and --stage {stage} trains none",
        ),
        (stage in PAIRED and settings.max_samples is not None, f"--stage {stage} takes all pairs; no --max-samples"),
        (by_choices and settings.replay > 0, f"--stage {stage} trains no dialogues for --replay to repeat"),
        (stage == "rm" and settings.from_adapter is not None, "--stage rm begins with a LoRA of its own"),
        (
            stage in PAIRED and not settings.pairs,
            f"--stage {stage} learns from pairs; name with --pairs what 'roleplay data from-chats' or 'roleplay "
            "prefer' wrote",
        ),
        (not by_choices and bool(settings.pairs), f"--pairs is about choices, and --stage {stage} trains none"),
        (stage in ("dpo", "kto") and settings.beta == 0, f"--stage {stage} needs a --beta above 0"),
        (rewarded and not settings.reward.strip(), f"--stage {stage} draws replies; say with --reward what is good"),
        (
            not rewarded and bool(settings.reward),
            f"--reward is about drawn replies, and --stage {stage} draws none; choose rloo or grpo",
        ),
        (
            rewarded and replies % settings.generations != 0,
            f"--batch-size times --grad-accum is {replies} replies a step, which is no multiple of the "
            f"{settings.generations} --generations of a prompt",
        ),
    ]
    wrong = [told for clash, told in clashes if clash]
    if wrong:
        raise UsageError("these settings cannot hold together: " + "; ".join(wrong))
