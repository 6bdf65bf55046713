"""From the fields of a tavern card to those of a native card."""

import re
from typing import Any

from roleplay.cards.load import cleaned
from roleplay.cards.model import PASSAGES
from roleplay.cards.tavern.character import EXAMPLES
from roleplay.cards.tavern.examples import Examples, parse_examples
from roleplay.text import clean

PREFIXES = {
    "system": "system_prompt",
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "post-history": "post_history_instructions",
}
"""Id of a prefix -> the field it is, in the order of the prompt."""
NEAR = ("post-history",)
"""Ids of prefixes that go before the last user turn."""

_BOOK_DEPTH = 24  # our YAML is read to 32 levels, of which the card takes some


def native_fields(data: dict[str, Any], fallback_name: str) -> dict[str, Any]:
    """A native card as keys and values, but for `name`, `avatar` and `extra`; examples are named as its corpus."""
    name = _line(data.get("nickname")) or _line(data.get("name")) or fallback_name
    fields: dict[str, Any] = {
        "schema": 1,
        "display_name": name,
        "language": _language(data),
        "version": _line(data.get("character_version")),
        "creator": _line(data.get("creator")),
        "description": clean(_string(data.get("creator_notes"))),
        "tags": [tag for tag in map(_line, _list(data.get("tags"))) if tag],
        "prefixes": _prefixes(data),
        "greeting": _filled(data.get("first_mes")),
        "alternate_greetings": [text for text in map(_filled, _list(data.get("alternate_greetings"))) if text],
        "book": _book(data.get("character_book")),
    }
    if examples(data, fallback_name).dialogues:
        fields["corpora"] = [{"path": EXAMPLES, "kind": "dialogue"}]
    return {key: value for key, value in fields.items() if value not in ("", [], None)}


def examples(data: dict[str, Any], fallback_name: str) -> Examples:
    """What `mes_example` holds."""
    names = [_line(data.get("name")), _line(data.get("nickname")), fallback_name]
    return parse_examples(_string(data.get("mes_example")), [name for name in names if name])


def _prefixes(data: dict[str, Any]) -> list[dict[str, Any]]:
    prefixes = []
    for id_, field in PREFIXES.items():
        text = _filled(data.get(field))
        # `{{original}}` stands for what the person's program would say; alone it adds nothing to a prompt of ours.
        if text and re.sub(r"\{\{\s*original\s*\}\}", "", text, flags=re.IGNORECASE).strip():
            # Of another program's word ours is made none: only one prefix may say where passages stand.
            text = text.replace(PASSAGES, PASSAGES.replace("{{", "{{ ").replace("}}", " }}"))
            prefixes.append({"id": id_, "text": text} | ({"place": "last_user"} if id_ in NEAR else {}))
    return prefixes


def _book(value: Any) -> dict[str, Any] | None:
    """The book as it is, unless a YAML card could not hold it."""
    return cleaned(value) if isinstance(value, dict) and _fits(value, _BOOK_DEPTH) else None


def _fits(value: Any, depth: int) -> bool:
    if isinstance(value, dict) and len({clean(key) for key in value}) < len(value):
        return False
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(_fits(item, depth - 1) for item in inner)
    return not isinstance(value, int) or abs(value) < 10**30


def _language(data: dict[str, Any]) -> str:
    """A language tag, guessed from the script of what the character says and is."""
    text = " ".join(_string(data.get(key)) for key in ("first_mes", "description", "personality", "mes_example"))
    kana, hangul, han = (
        len(re.findall(f"[{span}]", text)) for span in ("\u3040-\u30ff", "\uac00-\ud7af", "\u4e00-\u9fff")
    )
    cyrillic, latin = (len(re.findall(f"[{span}]", text)) for span in ("\u0400-\u04ff", "A-Za-z"))
    # A Chinese character says about as much as two Latin letters and a half.
    counts = {"ko": 2.5 * hangul, "ja" if 10 * kana > han else "zh": 2.5 * (han + kana), "ru": cyrillic, "en": latin}
    best = max(counts, key=lambda tag: counts[tag])
    return best if counts[best] else "en"


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _filled(value: Any) -> str:
    return clean(_string(value)).strip()


def _line(value: Any) -> str:
    return " ".join(clean(_string(value)).split())[:200].strip()
