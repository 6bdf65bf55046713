"""Write a character in the form that another program takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from roleplay.errors import StorageError, UsageError
from roleplay.export.llamafactory import write_llamafactory
from roleplay.export.merged import write_merged
from roleplay.export.ollama import write_ollama
from roleplay.export.peft_folder import write_peft
from roleplay.export.subject import Subject, find_subject
from roleplay.export.vllm import write_vllm
from roleplay.paths import Home, new_folder, shown
from roleplay.text import did_you_mean, one_line

Form = Literal["peft", "merged", "vllm", "ollama", "llamafactory"]
FORMS: tuple[Form, ...] = get_args(Form)
"""Names of the forms."""
_MARKS: dict[Form, str] = {
    "peft": "adapter_config.json",
    "merged": "config.json",
    "vllm": "serve.sh",
    "ollama": "Modelfile",
    "llamafactory": "train.yaml",
}
"""A file that tells an earlier export from somebody's folder."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    folder: Path
    """The folder."""
    form: Form
    """What it is."""
    adapter: str | None
    """Label of the adapter, `RUN@which`; `None` where the form needs none and the character has none."""
    files: tuple[str, ...]
    """Files in it, by their paths in the folder."""
    notes: tuple[str, ...]
    """What a person should know, a sentence each; may name folders of this machine, as no file does."""


def check_form(name: str) -> Form:
    """`name` as a form. Raises UsageError."""
    for known in FORMS:
        if name == known:
            return known
    raise UsageError(f"--to {one_line(name)}: {did_you_mean(name, FORMS)}")


def export(
    home: Home,
    name: str,
    form: Form,
    out: Path | None = None,
    *,
    adapter: str | None = None,
    base: str | None = None,
    dtype: str | None = None,
    force: bool = False,
    report: Callable[[str], None] = lambda told: None,
) -> Exported:
    """Write the character to `out`, or to `NAME-FORM` in the current folder; whole or not at all.

    `adapter` is a label, else the one that answers; `base` where it lies now; `dtype` is for `merged`. Raises what its
    parts raise, and StorageError for a folder that is there, unless `force` is set and it is an earlier export.
    """
    if dtype is not None and form != "merged":
        raise UsageError(f"--dtype is of --to merged; leave it out for --to {form}")
    subject = find_subject(home, name, adapter, base)
    if form != "llamafactory":
        subject.folder  # noqa: B018  # raises where there is none
    folder = (out or Path.cwd() / f"{subject.card.name}-{form}").absolute()
    _check_folder(folder, form, subject, force=force)
    with new_folder(folder) as fresh:
        notes = _write(subject, home, form, fresh, dtype, report)
        files = tuple(sorted(path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file()))
    label = subject.adapter.label if subject.adapter is not None else None
    return Exported(folder, form, label, files, tuple(notes))


def _write(
    subject: Subject, home: Home, form: Form, folder: Path, dtype: str | None, report: Callable[[str], None]
) -> list[str]:
    if form == "merged":
        return write_merged(subject, folder, dtype, report)
    if form == "llamafactory":
        return write_llamafactory(subject, home, folder)
    return {"peft": write_peft, "vllm": write_vllm, "ollama": write_ollama}[form](subject, folder)


def _check_folder(folder: Path, form: Form, subject: Subject, *, force: bool) -> None:
    """Raises StorageError where something would be lost."""
    if not folder.exists():
        return
    used = [subject.file.path.parent, *([subject.adapter.folder] if subject.adapter else [])]
    if any(path.resolve().is_relative_to(folder.resolve()) for path in used):
        raise StorageError(f"{shown(folder)} holds what is exported; choose another --out")
    if not folder.is_dir() or not (folder / _MARKS[form]).is_file():
        raise StorageError(f"{shown(folder)} is there already and no export of that form; choose another --out")
    if not force:
        raise StorageError(f"{shown(folder)} is there already; add --force to replace it, or choose another --out")
