"""Dialogues of one character, from the speeches of a book."""

from dataclasses import dataclass, field

from roleplay.corpora.novel.lines import Extraction
from roleplay.corpora.novel.paragraphs import Language
from roleplay.corpora.novel.speeches import Speech
from roleplay.dialogue import Dialogue, Role, Turn

_PARTNERS = 2
"""How many partners in a row may speak before an answer; who spoke earlier is left out."""


@dataclass
class _Piece:
    """What one speaker, or the narration, says in one go."""

    speaker: str | None
    """`None` is the narration."""
    text: str


@dataclass
class _Run:
    """Pieces of one scene, as far as they go without a speech whose speaker is unknown."""

    line: int
    pieces: list[_Piece] = field(default_factory=list)


def spoken_text(speech: Speech, language: Language) -> str:
    """The words of a speech without what interrupts them; its paragraphs are lines."""
    parts = [speech.quotes[0].text]
    for before, quote in zip(speech.quotes, speech.quotes[1:], strict=False):
        within = " " if language == "en" else ""
        parts += [within if quote.paragraph == before.paragraph else "\n", quote.text]
    return "".join(parts)


def make_dialogues(book: Extraction, character: str, source: str, *, narration: bool = False) -> list[Dialogue]:
    """Every run of speech in which `character` speaks: its lines are answers, those before them the partner's.

    A run ends with its scene, and at a speech whose speaker is unknown. With `narration` the paragraphs told between
    the lines are put into the partner's turns, in brackets.
    """
    runs: list[_Run] = []
    scene = told = None
    for one in book.speeches:
        first = one.speech.quotes[0].paragraph
        if one.speaker is None or not runs or one.speech.scene != scene:
            runs.append(_Run(first + 1))
        if one.speaker is not None:
            if narration:
                start = max(told + 1 if told is not None and runs[-1].pieces else first - 1, 0)
                runs[-1].pieces += _scenes(book, start, first)
            runs[-1].pieces.append(_Piece(one.speaker, spoken_text(one.speech, book.language)))
        scene, told = one.speech.scene, one.speech.quotes[-1].paragraph
    parts = [part for run in runs for part in _split(run, character)]
    return [Dialogue(turns, f"{source}:{line}") for line, pieces in parts if (turns := _turns(pieces, character))]


def _scenes(book: Extraction, start: int, end: int) -> list[_Piece]:
    """Narration of the paragraphs from `start` up to `end`, in brackets."""
    marks = "（{}）" if book.language == "zh" else "({})"
    passages = [one for one in book.passages[start:end] if not one.quotes and not one.heading]
    return [_Piece(None, marks.format(one.text)) for one in passages]


def _split(run: _Run, character: str) -> list[tuple[int, list[_Piece]]]:
    """Parts of a run in which no more partners speak in a row than an answer can be meant for."""
    parts: list[list[_Piece]] = [[]]
    others: list[_Piece] = []
    for piece in run.pieces:
        if piece.speaker != character:
            others.append(piece)
            continue
        kept = _latest(others)
        if len(kept) < len(others) and parts[-1]:
            parts.append([])
        parts[-1] += [*kept, piece]
        others = []
    return [(run.line, part) for part in parts if part]


def _latest(others: list[_Piece]) -> list[_Piece]:
    """The last pieces of at most two speakers in a row."""
    changes, speaker = 0, None
    for i in range(len(others) - 1, -1, -1):
        if others[i].speaker is not None and others[i].speaker != speaker:
            changes, speaker = changes + 1, others[i].speaker
            if changes > _PARTNERS:
                return others[i + 1 :]
    return others


def _turns(pieces: list[_Piece], character: str) -> tuple[Turn, ...]:
    """Turns with neighbours of one side merged; narration alone is nobody's turn."""
    merged: list[tuple[Role, list[_Piece]]] = []
    for piece in pieces:
        role: Role = "assistant" if piece.speaker == character else "user"
        if merged and merged[-1][0] == role:
            merged[-1][1].append(piece)
        else:
            merged.append((role, [piece]))
    spoken = [(role, group) for role, group in merged if any(piece.speaker is not None for piece in group)]
    turns: list[Turn] = []
    for role, group in spoken:
        text = "\n".join(piece.text for piece in group)
        if turns and turns[-1].role == role:
            turns[-1] = Turn(role, f"{turns[-1].text}\n{text}")
        else:
            turns.append(Turn(role, text))
    return tuple(turns)
