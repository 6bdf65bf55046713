"""What the base itself says to general questions, as a corpus that keeps a character from getting dull."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from roleplay.authoring.asking import Answer, Prompt
from roleplay.authoring.journal import Journal, Note, Spent, journal_path
from roleplay.authoring.local import LocalModel
from roleplay.authoring.loops import loops
from roleplay.authoring.place import check_place
from roleplay.authoring.questions import drawn, read_questions
from roleplay.corpora.write import entry, native_yaml
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import RoleplayError
from roleplay.generation.settings import Sampling
from roleplay.paths import shown, write_file
from roleplay.text import draw, one_line


@dataclass(frozen=True)
class Wish:
    """What a person asks for."""

    questions: tuple[Path, ...]
    """Lists of questions, one a language."""
    count: int
    """Answers to keep."""
    out: Path
    """The corpus to write."""
    base: str | None = None
    """The base that answers; `None` is `pocket`."""
    trust_remote_code: bool = False
    """Whether the base's own code may run."""
    quant: str = "none"
    """How the base is kept in memory."""
    seed: int = 0
    """Decides which questions are asked, and every draw of an answer."""
    temperature: float = 0.7
    """0 always takes the likeliest token."""
    max_tokens: int = 256
    """Longest answer in tokens; one that is cut there is dropped."""
    force: bool = False
    """Whether a corpus that is there is replaced."""


@dataclass(frozen=True)
class Report:
    """What came of it."""

    asked: int
    """Questions asked until enough answers were good."""
    questions: int
    """Questions there are."""
    kept: int
    """Answers in the corpus."""
    dropped: tuple[tuple[str, int], ...]
    """Reason and count, the most frequent first."""
    spent: Spent
    """Answers and tokens of this time."""
    out: Path | None
    """The corpus; `None` where nothing was kept."""
    journal: Path
    """Every answer."""


def replay(wish: Wish, tell: Callable[[str], None]) -> Report:
    """Ask, sift, write. `tell` hears how far it is; an interruption loses nothing that was answered.

    Raises FileFaults, BaseModelError, TemplateError or StorageError.
    """
    check_place(wish.out, force=wish.force)
    questions = drawn([read_questions(path) for path in wish.questions], wish.seed)
    model = LocalModel(wish.base, trust_remote_code=wish.trust_remote_code, quant=wish.quant)
    kept: list[Dialogue] = []
    dropped: Counter[str] = Counter()
    with Journal(journal_path(wish.out)) as journal:
        try:
            for asked, question in enumerate(questions, 1):
                dialogue, fault = _answered(wish, model, journal, question)
                if fault:
                    dropped[fault] += 1
                else:
                    kept.append(dialogue)
                if asked % 10 == 0 or len(kept) == wish.count:
                    tell(f"{len(kept)}/{wish.count} kept, {dropped.total()} dropped")
                if len(kept) == wish.count:
                    break
        except (KeyboardInterrupt, RoleplayError):
            tell(f"{len(journal.records)} answers are in {shown(journal.path)}; the same command goes on from there")
            raise
    if kept:
        write_file(wish.out, native_yaml(kept, _about(wish, model)))
    return Report(
        asked=len(kept) + dropped.total(),
        questions=len(questions),
        kept=len(kept),
        dropped=tuple(dropped.most_common()),
        spent=journal.spent,
        out=wish.out if kept else None,
        journal=journal.path,
    )


def _answered(wish: Wish, model: LocalModel, journal: Journal, question: str) -> tuple[Dialogue, str]:
    """Question and answer, and what is wrong with the answer."""

    def dialogue(answer: Answer) -> Dialogue:
        return Dialogue((Turn("user", question), Turn("assistant", answer.text)), "")

    # A seed for each question: under one seed all answers would share their luck.
    seed = int(draw("replay", wish.seed, question) * 2**31)
    prompt = Prompt((Turn("user", question),), wish.max_tokens, wish.temperature, seed)
    answer = journal.ask(model, prompt, lambda a: Note("replay", turns=entry(dialogue(a)), fault=_fault(a)))
    # The journal has no cap here, so that there always is an answer.
    return (dialogue(answer), _fault(answer)) if answer is not None else (Dialogue((), ""), "not asked")


def _fault(answer: Answer) -> str:
    """Why an answer is not worth learning; empty where it is."""
    if answer.stopped == "refused":
        return "refused"
    if answer.stopped == "length":
        return "cut"
    if not any(char.isalnum() for char in answer.text):
        return "empty"
    return "looping" if loops(answer.text) else ""


def _about(wish: Wish, model: LocalModel) -> str:
    """The comment at the head of the corpus."""
    base = model.identity
    revision = "" if base.revision is None else f"@{base.revision}"
    lines = (
        f"What {base.name}{revision} says by itself, without adapter or prefix. For a card: kind general.",
        f"Base: config {base.config}, tokenizer {base.tokenizer}, template {base.template}, weights {base.weights}.",
        f"Settings: seed {wish.seed}, temperature {wish.temperature:g}, top_p {Sampling().top_p:g}, "
        f"at most {wish.max_tokens} tokens, kept in memory as {wish.quant}.",
    )
    return "\n".join(one_line(line, 600) for line in lines)
