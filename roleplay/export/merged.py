"""A base with an adapter merged into its weights: a model like any other."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roleplay.errors import AdapterError, BaseModelError, UsageError
from roleplay.export.page import front_matter, persona, title
from roleplay.export.peft_folder import default_texts
from roleplay.export.subject import Subject, base_config, open_renderer
from roleplay.models.find import quant_of_adapter
from roleplay.paths import shown, write_file

if TYPE_CHECKING:
    import torch

DTYPES = ("float32", "bfloat16", "float16")
"""Formats of numbers that weights are written in."""
SHARD = "4GB"
"""Largest file of weights."""


def write_merged(subject: Subject, folder: Path, dtype: str | None, report: Callable[[str], None]) -> list[str]:
    """Fill `folder`; returns what a person should know. Raises AdapterError, BaseModelError, UsageError, StorageError.

    `dtype` is one of `DTYPES`; `None` is that of the base's own files.
    """
    wanted = _dtype(dtype, subject)
    notes = []
    quant = quant_of_adapter(subject.folder)
    if quant != "none":
        notes.append(
            f"the adapter was trained on a base kept in {quant}; it is merged into the full-precision weights, which "
            "answer a little differently than that one did"
        )
    report(f"loading {subject.passport.base.name} in {str(wanted).removeprefix('torch.')}")
    merged, tokenizer = _merge(subject, wanted, report)
    report("writing")
    merged.save_pretrained(folder, max_shard_size=SHARD)
    tokenizer.save_pretrained(folder)
    base = subject.passport.base.name
    parts = [front_matter(subject.card, base, "transformers"), title(subject), persona(*default_texts(subject.card))]
    write_file(folder / "README.md", "\n".join(part for part in parts if part))
    return notes


def _dtype(dtype: str | None, subject: Subject) -> "torch.dtype":
    import torch

    if dtype is not None and dtype not in DTYPES:
        raise UsageError(f"--dtype {dtype}: choose {', '.join(DTYPES)}")
    open_renderer(subject)  # which says it best where base and adapter do not fit
    config = base_config(subject.spec)
    if config.get("quantization_config"):
        raise BaseModelError(
            f"the files of the base '{subject.passport.base.name}' are quantised, and a merge would quantise the "
            "adapter too; give its full-precision version with --base, or export with --to peft"
        )
    name = dtype or str(config.get("dtype") or "float32").removeprefix("torch.")
    found: torch.dtype = getattr(torch, name)
    return found


def _merge(subject: Subject, dtype: "torch.dtype", report: Callable[[str], None]) -> tuple[Any, Any]:
    """The merged model and its tokenizer. Raises AdapterError where the merge gives a number that is none."""
    from roleplay.models.adapter import load_adapter
    from roleplay.models.base import load_base

    base = load_base(subject.spec, dtype=dtype, device="cpu")
    tuned = load_adapter(base, subject.folder)
    report("merging")
    try:
        return tuned.merge_and_unload(safe_merge=True), base.tokenizer
    except ValueError as error:
        raise AdapterError(
            f"merging the adapter in {shown(subject.folder)} gives numbers that are none ({error}); choose a wider "
            "--dtype, such as float32"
        ) from error
