"""Questions and answers about who a character is, from templates and what its card tells."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from roleplay.authoring.place import check_place
from roleplay.cards.model import Card
from roleplay.corpora.write import native_yaml
from roleplay.dialogue import Dialogue, Turn
from roleplay.errors import UsageError
from roleplay.paths import shipped, write_file
from roleplay.strictyaml import parse
from roleplay.text import clean, draw, one_line

TOPICS = ("name", "maker", "age", "likes")
PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
"""The word between double braces."""
_REDUNDANT = {"zh": "岁", "en": " years old"}  # the templates say it, where it belongs


@dataclass(frozen=True)
class Facts:
    """What is told of a character; whatever is empty is not known."""

    language: str
    """`zh` or `en`, or another language that has no templates."""
    name: str
    """What it is called."""
    maker: str = ""
    """Who made it."""
    age: str = ""
    """In figures or words, without a unit."""
    likes: tuple[str, ...] = ()
    """What it is fond of."""

    @property
    def unknown(self) -> tuple[str, ...]:
        """Topics that nothing is told of."""
        return tuple(topic for topic in TOPICS if not getattr(self, topic))


@dataclass(frozen=True)
class Identity:
    """Dialogues about who a character is."""

    dialogues: tuple[Dialogue, ...]
    """Each a question and its answer."""
    left_out: tuple[str, ...]
    """Topics without dialogues, since nothing is told of them."""
    rows_left_out: int = 0
    """Rows of a file that asked for one of those."""


@dataclass(frozen=True)
class _Group:
    """Questions of which each is answered by each of the answers."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]


def facts(card: Card, *, name: str = "", maker: str = "", age: str = "", likes: Sequence[str] = ()) -> Facts:
    """What is typed, else what the card tells: `display_name`, `creator`, and `age` and `likes` under `extra`."""
    language = card.language.lower().split("-")[0]
    told = card.extra.get("likes")
    liked: Sequence[Any] = likes or (told if isinstance(told, list) else [told])
    years = age or _told(card.extra.get("age"))
    return Facts(
        language=language,
        name=_told(name) or card.display_name,
        maker=_told(maker) or card.creator,
        age=_told(years).removesuffix(_REDUNDANT.get(language, "")).strip(),
        likes=tuple(dict.fromkeys(filter(None, map(_told, liked)))),
    )


def listed(things: Sequence[str], language: str) -> str:
    """Things as a sentence names them: `a, b and c`."""
    comma, last = ("、", "和") if language == "zh" else (", ", " and ")
    return last.join(filter(None, [comma.join(things[:-1]), *things[-1:]]))


def from_templates(known: Facts, seed: str, count: int | None = None) -> Identity:
    """`count` dialogues from the shipped templates, the topics in turn; without it each question once.

    No answer comes twice before all of its group came once. Raises UsageError where there are fewer, or no templates.
    """
    templates = _templates(known.language)
    asked = [topic for topic in TOPICS if topic not in known.unknown]
    drawn = [_drawn(templates[topic], topic, known, seed) for topic in asked]
    dialogues = [dialogue for row in zip_longest(*drawn) for dialogue in row if dialogue]
    if count is None:
        count = sum(len(group.questions) for topic in asked for group in templates[topic])
    if count > len(dialogues):
        raise UsageError(f"--count {count}: only {len(dialogues)} different dialogues can be made of what is told")
    return Identity(tuple(dialogues[:count]), known.unknown)


def write_identity(out: Path, identity: Identity, known: Facts, *, force: bool) -> None:
    """A native corpus. Raises StorageError where `out` is there already and `force` is not given."""
    check_place(out, force=force)
    about = (
        f"Who {known.name} is, made from templates; the more of it you put in the character's own words, the better."
    )
    if known.language == "zh":
        about = f"{known.name}是谁，由模板写成；越多换成角色自己的话越好。"
    write_file(out, native_yaml(identity.dialogues, about))


def _told(value: Any) -> str:
    """A value of the card's `extra`, or a typed one, on one line; empty where it is neither text nor a number."""
    known = isinstance(value, str | int | float) and not isinstance(value, bool)
    return " ".join(clean(str(value)).split()) if known else ""


def _templates(language: str) -> Mapping[str, tuple[_Group, ...]]:
    folder = shipped() / "data" / "identity"
    languages = sorted(path.stem for path in folder.glob("*.yaml"))
    if language not in languages:
        raise UsageError(
            f"there are no templates in the card's language '{one_line(language)}', only in {', '.join(languages)}; "
            "bring your own with --from identity.json"
        )
    value = parse(folder / f"{language}.yaml", typed=False).value
    return {
        topic: tuple(_Group(tuple(group["questions"]), tuple(group["answers"])) for group in groups)
        for topic, groups in value.items()
    }


def _drawn(groups: Sequence[_Group], topic: str, known: Facts, seed: str) -> list[Dialogue]:
    """Every question with every answer of its group, in rounds: in each, a question and an answer come once.

    Answers move on by one from round to round, as in a Latin square, from a start that `seed` decides.
    """
    pairs = chain.from_iterable(_pairs(group, draw(seed, topic, i)) for i, group in enumerate(groups))
    dialogues = []
    for _, question, answer in sorted(pairs, key=lambda pair: (pair[0], draw(seed, *pair))):
        liked = known.likes[int(draw(seed, question, answer, "like") * len(known.likes))] if known.likes else ""
        values = {
            "name": known.name,
            "maker": known.maker,
            "age": known.age,
            "likes": listed(known.likes, known.language),
            "like": liked,
        }
        dialogues.append(filled(question, answer, values, f"identity: {topic}"))
    return dialogues


def _pairs(group: _Group, start: float) -> Iterator[tuple[int, str, str]]:
    """(round, question, answer) of one group."""
    number = len(group.answers)
    for turn in range(number):
        for i, question in enumerate(group.questions):
            yield turn, question, group.answers[(i + turn + int(start * number)) % number]


def filled(question: str, answer: str, values: Mapping[str, str], source: str) -> Dialogue:
    """The two turns with their placeholders filled, in one pass: what a value has in braces stays as it is."""
    asked, said = (PLACEHOLDER.sub(lambda match: values[match[1]], text) for text in (question, answer))
    return Dialogue((Turn("user", clean(asked).strip()), Turn("assistant", clean(said).strip())), source)
