"""From a book to a corpus with a model's help: one proposes dialogues, one grades them, the good ones are kept."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roleplay.authoring.asking import Answer, ChatModel, Prompt
from roleplay.authoring.choose import ModelChoice, open_models
from roleplay.authoring.grade import Grades, read_grades
from roleplay.authoring.journal import Journal, Note, Spent, journal_path
from roleplay.authoring.passages import Passage, read_book, split_passages
from roleplay.authoring.place import check_place
from roleplay.authoring.prompts import Asks
from roleplay.authoring.proposals import read_proposals
from roleplay.cards.load import CardFile
from roleplay.corpora.write import entry, native_yaml
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import RoleplayError, UsageError
from roleplay.paths import shown, write_file
from roleplay.text import fingerprint, one_line


@dataclass(frozen=True)
class Wish:
    """What a person asks for."""

    card_file: CardFile
    """The character."""
    book: Path
    """A text file."""
    out: Path
    """The corpus to write."""
    generator: ModelChoice
    """Who proposes."""
    scorer: ModelChoice
    """Who grades."""
    threshold: float = 7.0
    """Both grades of a dialogue that is kept are above it."""
    passage: int = 1200
    """Longest passage in characters."""
    pairs: int = 2
    """Question-answer pairs asked for from a passage."""
    dialogues: int = 2
    """Short dialogues asked for from a passage."""
    max_requests: int | None = None
    """Most requests this time; `None` without end."""
    max_tokens: int = 2048
    """Longest answer in tokens, thoughts included."""
    temperature: float = 0.8
    """Of the generator; the scorer always takes the likeliest token."""
    seed: int = 0
    """Decides the examples of style, and the models' draws."""
    force: bool = False
    """Whether a corpus that is there is replaced."""


@dataclass(frozen=True)
class Report:
    """What came of it."""

    passages: int
    """In the book."""
    asked: int
    """Passages that dialogues were proposed from."""
    proposals: int
    """Dialogues proposed, whether of use or not, and answers without any."""
    kept: int
    """Dialogues in the corpus."""
    refused: tuple[tuple[str, int], ...]
    """Reason and count, the most frequent first."""
    complete: bool
    """Whether every passage was asked about and every proposal graded; else the cap on requests ended it."""
    spent: Spent
    """Requests and tokens of this time."""
    out: Path | None
    """The corpus; `None` where nothing was kept."""
    journal: Path
    """Every answer, with grades and passages."""


def dry_prompts(wish: Wish) -> Iterator[tuple[str, Passage, tuple[Turn, ...]]]:
    """What would be sent first: (task, passage, messages), and one request of the scorer by way of example."""
    asks = Asks(wish.card_file, wish.seed, wish.out)
    passages = _passages(wish)
    for passage in passages:
        yield "propose", passage, asks.propose(passage.text, wish.pairs, wish.dialogues)
    example = Dialogue((Turn("user", "…"), Turn("assistant", "…")), "")
    yield "grade", passages[0], asks.grade(passages[0].text, example)


def propose(wish: Wish, tell: Callable[[str], None]) -> Report:
    """Ask, grade, write. `tell` hears how far it is.

    Whatever ends it early, the journal keeps every answer, and the same call goes on from there. Raises what reading
    the card and the book and opening and asking the models raise, and StorageError.
    """
    check_place(wish.out, force=wish.force)
    asks, passages = Asks(wish.card_file, wish.seed, wish.out), _passages(wish)
    generator, scorer = open_models(wish.generator, wish.scorer)
    with Journal(journal_path(wish.out), wish.max_requests) as journal:
        work = _Work(wish, asks, generator, scorer, journal)
        try:
            complete = work.go_through(passages, tell)
        except (KeyboardInterrupt, RoleplayError):
            tell(f"{len(journal.records)} answers are in {shown(journal.path)}; the same command goes on from there")
            raise
    if work.kept:
        write_file(wish.out, native_yaml(work.kept, _about(wish, generator, scorer)))
    return Report(
        passages=len(passages),
        asked=work.asked,
        proposals=len(work.kept) + work.refused.total(),
        kept=len(work.kept),
        refused=tuple(work.refused.most_common()),
        complete=complete,
        spent=journal.spent,
        out=wish.out if work.kept else None,
        journal=journal.path,
    )


class _Work:
    """One pass through a book."""

    def __init__(self, wish: Wish, asks: Asks, generator: ChatModel, scorer: ChatModel, journal: Journal) -> None:
        self.wish, self.asks, self.generator, self.scorer, self.journal = wish, asks, generator, scorer, journal
        self.asked = 0
        self.kept: list[Dialogue] = []
        self.refused: Counter[str] = Counter()
        self._seen: set[str] = set()

    def go_through(self, passages: list[Passage], tell: Callable[[str], None]) -> bool:
        """Work on every passage; false where the cap on requests came first."""
        for number, passage in enumerate(passages, 1):
            if not self._work_on(passage):
                return False
            tell(
                f"passage {number}/{len(passages)}: {len(self.kept)} kept, {self.refused.total()} refused, "
                f"{self.journal.spent.requests} requests"
            )
        return True

    def _work_on(self, passage: Passage) -> bool:
        wish = self.wish
        messages = self.asks.propose(passage.text, wish.pairs, wish.dialogues)
        answer = self.journal.ask(
            self.generator,
            Prompt(messages, wish.max_tokens, wish.temperature, wish.seed),
            lambda answer: self._noted(answer, passage),
        )
        if answer is None:
            return False
        self.asked += 1
        dialogues, faults = self._read(answer, passage)
        wanted = wish.pairs + wish.dialogues
        self.refused.update([*faults, *["more than asked for"] * (len(dialogues) - wanted)])
        return all(self._judge(dialogue, passage) for dialogue in dialogues[:wanted])

    def _noted(self, answer: Answer, passage: Passage) -> Note:
        faults = dict.fromkeys(self._read(answer, passage)[1])
        return Note("propose", passage.start, passage.end, fault=", ".join(faults))

    def _read(self, answer: Answer, passage: Passage) -> tuple[list[Dialogue], list[str]]:
        """Dialogues of an answer, and what is wrong with the rest of it."""
        if answer.stopped == "refused":
            return [], ["refused by the generator"]
        source = f"{shown(self.wish.book)}:{passage.start}-{passage.end}"
        dialogues, faults = read_proposals(answer.text, self.wish.card_file.card, source)
        return dialogues, ["cut off"] if answer.stopped == "length" else faults

    def _judge(self, dialogue: Dialogue, passage: Passage) -> bool:
        """Have a dialogue graded and keep it or not; false where the cap on requests came first."""
        if dialogue.identity in self._seen:
            self.refused["proposed before"] += 1
            return True
        answer = self.journal.ask(
            self.scorer,
            Prompt(self.asks.grade(passage.text, dialogue), self.wish.max_tokens, 0.0, self.wish.seed),
            lambda answer: _graded(answer, dialogue, passage),
        )
        if answer is None:
            return False
        self._seen.add(dialogue.identity)
        grades, fault = _grades(answer)
        low = grades.shortfall(self.wish.threshold) if grades is not None else ""
        if fault or low:
            self.refused[fault or f"{low} not above {self.wish.threshold:g}"] += 1
        else:
            self.kept.append(dialogue)
        return True


def _grades(answer: Answer) -> tuple[Grades | None, str]:
    """The grades, or why there are none."""
    if answer.stopped == "refused":
        return None, "refused by the scorer"
    grades = read_grades(answer.text)
    return grades, "" if grades is not None else "no grades"


def _graded(answer: Answer, dialogue: Dialogue, passage: Passage) -> Note:
    grades, fault = _grades(answer)
    voice, faithfulness = (grades.voice, grades.faithfulness) if grades is not None else (None, None)
    return Note("grade", passage.start, passage.end, entry(dialogue), voice, faithfulness, fault)


def _passages(wish: Wish) -> list[Passage]:
    passages = split_passages(read_book(wish.book), wish.passage)
    if not passages:
        raise UsageError(f"{shown(wish.book)} holds no text to propose dialogues from; give a book")
    return passages


def _about(wish: Wish, generator: ChatModel, scorer: ChatModel) -> str:
    """The comment at the head of the corpus."""
    lines = (
        f"Dialogues of {wish.card_file.card.name} from {wish.book.name} ({fingerprint(wish.book.read_bytes())}).",
        f"Proposed by {generator.name} at temperature {wish.temperature:g}, seed {wish.seed}.",
        f"Graded by {scorer.name}; voice and faithfulness are both above {wish.threshold:g} of 10.",
        f"Grades and passages are in {journal_path(wish.out).name}.",
    )
    return "\n".join(one_line(line, 400) for line in lines)
