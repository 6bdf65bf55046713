"""General questions that a base is asked, one list a language."""

from collections.abc import Sequence
from pathlib import Path

from roleplay.errors import Fault, FileFaults, NotFound, UsageError
from roleplay.paths import shipped, shown
from roleplay.strictyaml import parse
from roleplay.text import clean, did_you_mean, draw, one_line


def question_files(languages: Sequence[str], card_language: str) -> list[Path]:
    """The shipped lists of `languages`; where none is named that of the card's language, else all of them.

    Raises UsageError for a language without a list.
    """
    folder = shipped() / "data" / "questions"
    files = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if not files:
        raise NotFound(f"there are no questions in {shown(folder)}; install roleplay again or give --questions FILE")
    for name in languages:
        if name not in files:
            raise UsageError(f"--language {one_line(name)}: there are no questions in it; {did_you_mean(name, files)}")
    own = card_language.lower().split("-")[0]
    wanted = languages or ([own] if own in files else list(files))
    return [files[name] for name in dict.fromkeys(wanted)]


def read_questions(path: Path) -> list[str]:
    """A YAML list of questions, each once. Raises FileFaults with every fault of the file."""
    document = parse(path, typed=False)
    entries = document.value
    if not isinstance(entries, list) or not entries:
        problem = f"is no list of questions (seen: {one_line(str(entries))})"
        raise FileFaults([Fault(document.file, 1, "", problem, "write one '- question' a line")])
    faults = [
        Fault(document.file, document.line((i,)), f"[{i}]", "is no question", "write its text after '- '")
        for i, entry in enumerate(entries)
        if not isinstance(entry, str) or not clean(entry).strip()
    ]
    if faults:
        raise FileFaults(faults)
    return list(dict.fromkeys(clean(entry).strip() for entry in entries))


def drawn(lists: Sequence[Sequence[str]], seed: int) -> list[str]:
    """All questions in an order that `seed` decides, the languages in turn as long as each has some."""
    mixed = [sorted(questions, key=lambda question: draw(seed, question)) for questions in lists]
    longest = max(len(questions) for questions in mixed)
    return [questions[i] for i in range(longest) for questions in mixed if i < len(questions)]
