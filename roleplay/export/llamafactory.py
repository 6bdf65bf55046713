"""The training of a character as LLaMA-Factory would do it: data folder, configuration, and what differs.

Names of arguments: `src/llamafactory/hparams/` and, of those that transformers has, its `TrainingArguments`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from roleplay.authoring.export_corpus import Exported, export_corpora
from roleplay.errors import RunError, UsageError
from roleplay.export.families import Family, family_of
from roleplay.export.quoting import fenced, marked
from roleplay.export.subject import Subject, is_public, open_renderer
from roleplay.models.find import SHIPPED
from roleplay.paths import Home, write_file
from roleplay.training.resolve import resolve
from roleplay.training.run import Run
from roleplay.training.settings import PREFERENCE, Settings

if TYPE_CHECKING:
    from roleplay.dataset.render import Renderer

DATA, CONFIG = "data", "train.yaml"
_OPTIMIZERS = {"adamw": "adamw_torch", "paged_adamw_8bit": "paged_adamw_8bit"}
_BITS = {"int8": 8, "nf4": 4}


def write_llamafactory(subject: Subject, home: Home, folder: Path) -> list[str]:
    """Fill `folder`; returns what a person should know. Raises what its parts raise."""
    settings, dtype, targets, told = _training(subject, home)
    renderer = open_renderer(subject)
    family = family_of(renderer)
    exported = export_corpora(str(subject.file.path), home, "llamafactory", folder / DATA)
    values = {
        **_model(subject, settings),
        **_method(settings, targets),
        **_data(exported, settings, family),
        **_steps(settings, dtype),
    }
    differing = [*_differences(subject, settings, exported, family, renderer)]
    write_file(folder / CONFIG, yaml.safe_dump(values, allow_unicode=True, sort_keys=False))
    write_file(folder / "README.md", _page(subject, told, differing))
    notes = ["LLaMA-Factory itself was not run to make this: the names follow its sources", *differing]
    if not is_public(subject.spec):
        notes.append(f"the base: llamafactory-cli train {CONFIG} model_name_or_path={subject.spec.folder}")
    return notes


def _training(subject: Subject, home: Home) -> tuple[Settings, str, str, str]:
    """(settings, dtype of products, names of the adapted modules, where all of it is from)."""
    adapter = subject.adapter
    if adapter is not None and adapter.run != SHIPPED:
        try:
            config = Run(home.runs / subject.card.name / adapter.run).read_config()
        except RunError:
            pass  # of an adapter whose run was tidied away, the card is all there is
        else:
            if config.settings.stage in PREFERENCE:
                raise UsageError(
                    f"the adapter {adapter.label} was tuned by choices (--stage {config.settings.stage}), which is not "
                    "written for LLaMA-Factory; name with --adapter one that learned from dialogues, such as that it "
                    "began with"
                )
            names = config.targets.split(" of all")[0].replace(" ", "")
            return config.settings, config.decisions.dtype, names, "the run that made the adapter"
    name = subject.spec.name
    resolved = resolve(subject.file, name, None, {})
    where = f"the preset {resolved.preset}, as the card changes it"
    return resolved.settings, resolved.settings.dtype, "q_proj,k_proj,v_proj", where


def _model(subject: Subject, settings: Settings) -> dict[str, Any]:
    spec = subject.spec
    values: dict[str, Any] = {"model_name_or_path": spec.name if is_public(spec) else "FOLDER-OF-THE-BASE"}
    if spec.revision is not None:
        values["model_revision"] = spec.revision
    if settings.quant != "none":
        values |= {"quantization_method": "bnb", "quantization_bit": _BITS[settings.quant]}
        if settings.quant == "nf4":
            values["quantization_type"] = "nf4"
    return values


def _method(settings: Settings, targets: str) -> dict[str, Any]:
    values: dict[str, Any] = {"stage": settings.stage, "do_train": True, "finetuning_type": settings.tuning}
    if settings.tuning == "freeze":
        values["freeze_trainable_layers"] = settings.freeze_layers
    if settings.tuning != "lora":
        return values
    values |= {"lora_target": targets, "lora_rank": settings.rank, "lora_alpha": _whole(settings.alpha)}
    values["lora_dropout"] = settings.dropout
    if settings.rslora:
        values["use_rslora"] = True
    if settings.loraplus_lr_ratio != 1:
        values["loraplus_lr_ratio"] = settings.loraplus_lr_ratio
    return values


def _data(exported: Exported, settings: Settings, family: Family | None) -> dict[str, Any]:
    sets = [one for one in exported.sets if (one.kind == "text") == (settings.stage == "pt") and one.rows]
    if not sets:
        raise UsageError(f"no corpus of the card is trained at stage {settings.stage}; add one to its corpora")
    values: dict[str, Any] = {"dataset_dir": DATA, "dataset": ",".join(one.name for one in sets)}
    if family is not None:
        values["template"] = family.factory
        if family.asking:
            values["enable_thinking"] = False
    values["cutoff_len"] = settings.max_length
    if len({one.weight for one in sets}) > 1:
        shares = [one.rows * one.weight for one in sets]
        values["mix_strategy"] = "interleave_over"
        values["interleave_probs"] = ",".join(f"{share / sum(shares):.6f}" for share in shares)
    return values


def _steps(settings: Settings, dtype: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "output_dir": "saves",
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.batch_size,
        "gradient_accumulation_steps": settings.grad_accum,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": settings.scheduler,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.max_grad_norm,
        "adam_beta2": settings.adam_beta2,
        "optim": _OPTIMIZERS[settings.optimizer],
        "seed": settings.seed,
        "bf16": dtype == "bfloat16",
        "fp16": dtype == "float16",
        "logging_steps": settings.logging_steps,
        "save_steps": settings.save_steps,
        "report_to": "none",
    }
    if settings.max_steps is not None:
        values["max_steps"] = settings.max_steps
    if settings.scheduler_options:
        values["lr_scheduler_kwargs"] = dict(settings.scheduler_options)
    if settings.warmup_steps:
        whole = settings.warmup_steps >= 1
        values["warmup_steps" if whole else "warmup_ratio"] = (
            int(settings.warmup_steps) if whole else settings.warmup_steps
        )
    return values


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


def _differences(
    subject: Subject, settings: Settings, exported: Exported, family: Family | None, renderer: "Renderer"
) -> Sequence[str]:
    """What cannot be repeated there, a sentence each."""
    card = subject.card
    drawn = [prefix.id for prefix in card.prefixes if prefix.default and 0 < prefix.train_probability < 1]
    weights = {one.weight for one in exported.sets if one.kind != "text"}
    checks = [
        (True, "the held-out tenth is trained on too"),
        (
            family is None,
            "template is left out: none of LLaMA-Factory's is known to write what this base's does, and it then reads "
            "one out of the tokenizer; compare its first sample with 'roleplay data build'",
        ),
        (
            bool(family and family.asking),
            "an empty thought stands before every answer of a dialogue there, and before the last one alone here",
        ),
        (bool(drawn), f"prefixes are drawn for each sample here, and always there: {', '.join(drawn)}"),
        (settings.prefix_dropout is not None, "samples without any prefix (prefix_dropout) are not made there"),
        (
            weights != {1.0},
            "weights of corpora become probabilities, so that an epoch is as long as the last set to end",
        ),
        (
            any(one.kind == "general" for one in exported.sets),
            "general corpora are rows without a system prompt; where the template has one of its own, it is added",
        ),
        (not renderer.traits.takes_system, "what is folded into the first user turn may stand otherwise there"),
        (settings.max_samples is not None, "max_samples counts an epoch here and a set there, and is left out"),
        (settings.replay > 0 or settings.from_adapter is not None, "it does not go on from an older adapter there"),
        (settings.early_stopping is not None, "there is no early stopping there without held-out data"),
        (settings.alpha != int(settings.alpha), f"lora_alpha is a whole number there; here it is {settings.alpha:g}"),
    ]
    return [told for holds, told in checks if holds]


def _page(subject: Subject, told: str, differing: Sequence[str]) -> str:
    begin = f"llamafactory-cli train {CONFIG}"
    if not is_public(subject.spec):
        begin += " model_name_or_path=FOLDER-OF-THE-BASE"
    parts = [
        f"# {subject.card.name}\n",
        f"What trains {marked(subject.card.display_name)} in LLaMA-Factory, from {told}.\n",
        "## Begin\n\nIn this folder:\n\n" + fenced(begin, "sh"),
        "## What differs\n\n" + "".join(f"- {one}\n" for one in differing),
    ]
    return "\n".join(parts)
