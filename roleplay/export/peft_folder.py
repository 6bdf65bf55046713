"""An adapter as a plain peft folder."""

from pathlib import Path

from roleplay.cards.model import Card
from roleplay.cards.prompt import assemble, default_prefixes
from roleplay.dialogue import Turn
from roleplay.export.page import front_matter, persona, title
from roleplay.export.quoting import fenced
from roleplay.export.subject import Subject, is_public
from roleplay.models.plain_adapter import write_plain
from roleplay.paths import write_file

MADE_BY = "exported"
"""What stands for the name of the run, which would tell when and where it was made."""


def write_peft(subject: Subject, folder: Path) -> list[str]:
    """Fill `folder`; returns what a person should know. Raises AdapterError, BaseModelError or StorageError."""
    passport = write_plain(subject.folder, folder, MADE_BY)
    system, near = default_texts(subject.card)
    base, notes = passport.base.name, []
    if not is_public(subject.spec):
        notes.append(f"others need the base '{base}' as a folder: README.md says where it is put")
    text = [
        front_matter(subject.card, base, "peft"),
        title(subject),
        "## Load it\n\n" + _where(subject, base) + fenced(_loading(base, passport.base.revision), "python"),
        persona(system, near),
    ]
    write_file(folder / "README.md", "\n".join(part for part in text if part))
    return notes


def default_texts(card: Card) -> tuple[str, str]:
    """(system prompt, what goes before the last user turn) of the prefixes that are on in a new chat."""
    messages = assemble(card, card.prefixes, default_prefixes(card.prefixes), [Turn("user", "")])
    system = messages[0].text if messages[0].role == "system" else ""
    return system, messages[-1].text.strip()


def _where(subject: Subject, base: str) -> str:
    if is_public(subject.spec):
        return "In this folder:\n\n"
    return "The base is a folder of that name, here beside this file. In this folder:\n\n"


def _loading(base: str, revision: str | None) -> str:
    pinned = f", revision={revision!r}" if revision else ""
    return (
        "from peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"tokenizer = AutoTokenizer.from_pretrained({base!r}{pinned})\n"
        f"base = AutoModelForCausalLM.from_pretrained({base!r}{pinned})\n"
        'model = PeftModel.from_pretrained(base, ".")'
    )
