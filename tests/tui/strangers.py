"""A lobby full of strangers: twenty cards whose every text is hostile, and processes that answer likewise."""

import json
import re
import sys
import tempfile
from pathlib import Path

from roleplay.cards.load import CardFile
from roleplay.chat.lobby import Lobby
from roleplay.chat.manner import Manner
from roleplay.chat.process import AnswerProcess
from roleplay.chat.wire import Opening
from roleplay.paths import Home
from tests.tui.payloads import EVERYTHING, PAYLOADS, Payload

ALL = "everything"
"""Name of the card that has all texts at once, where a text may be long."""


def card_name(payload: Payload) -> str:
    return "evil-" + payload.name.replace(" ", "-")


def write_cards(folder: Path) -> None:
    """A card for each payload, and one for all of them; YAML holds them escaped, so that none is a fault."""
    folder.mkdir(parents=True)
    for payload in PAYLOADS:
        line = " ".join(re.split(r"\r\n|\r|\n", payload.text))[:190]
        _write(folder, card_name(payload), line, payload.text)
    _write(folder, ALL, "\x1b]0;owned\x07[red]All[/]\u202e", EVERYTHING)


def _write(folder: Path, name: str, line: str, text: str) -> None:
    fields = {"display_name": line, "user_name": line, "language": "en", "description": text, "greeting": f"G {text}"}
    rows = ["schema: 1", f"name: {name}", *(f"{key}: {json.dumps(value)}" for key, value in fields.items())]
    rows += ["prefixes:", f"  - {{id: who, text: {json.dumps(text)}}}"]
    (folder / f"{name}.yaml").write_text("\n".join(rows) + "\n", encoding="utf-8")


def lobby(home: Home, *, save: bool = True) -> Lobby:
    """Where every character is answered for by a process of `tests.tui.stranger`."""
    words = {card_name(payload): payload.text for payload in PAYLOADS} | {ALL: EVERYTHING}

    def answers(card_file: CardFile) -> AnswerProcess:
        card = card_file.card
        prefixes = [prefix.model_dump() for prefix in card.prefixes]
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False, dir=home.root) as file:
            json.dump({"words": words[card.name], "prefixes": prefixes}, file)
        stranger = [sys.executable, "-I", str(Path(__file__).with_name("stranger.py")), file.name]
        return AnswerProcess(Opening(card_file.path, home.root), stranger)

    return Lobby(home, Manner(), save=save, answers=answers)
