"""Cards that lie, in YAML and in JSON, and corpora that are none."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.packs.parts import CARD, OWN, Case, Parts

TAVERN = "card.json"
_FAULT = "is not a key of a card|expected|should|is missing|input|valid"


def _more(text: str | bytes) -> Callable[[Parts, Random], None]:
    """Lines at the end of the card."""
    raw = text.encode() if isinstance(text, str) else text
    return lambda parts, draw: parts.files.update({CARD: parts.files.get(CARD, b"") + raw + b"\n"})


def _card(old: bytes, new: bytes) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.files.update({CARD: parts.files.get(CARD, b"").replace(old, new)})


def _content(path: str, content: bytes) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.files.update({path: content})


def _tavern(change: Callable[[dict[str, Any]], object]) -> Callable[[Parts, Random], None]:
    """Change the fields of `card.json`."""

    def apply(parts: Parts, draw: Random) -> None:
        try:
            value = json.loads(parts.files.get(TAVERN, b""))
            change(value["data"])
        except (ValueError, KeyError, TypeError):
            return
        parts.files[TAVERN] = json.dumps(value).encode()

    return apply


def _luggage(**new: Any) -> Callable[[Parts, Random], None]:
    return _tavern(lambda data: data["extensions"]["roleplay"].update(new))


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


_ALIAS = "uses a YAML alias or anchor"
_YAML = "is not valid YAML|is nested more than|is given twice|holds the control character|has a key that is not text"
_DIFFER = "card.json and the card differ"
_NONE = f"is no card|is not valid JSON|is not UTF-8|card.json: |{_DIFFER}"
_CORPUS = f"{_DIFFER} in corpora|which is not in it|leads out of|is not beside|leads to no|write 'kind: general'"
_BOMB = "".join(f"x{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9 if i else ['x'])}]\n" for i in range(9))

TEXT_BYTES = (
    (b"\x80\x04\x95" + bytes(40), "is not UTF-8"),
    (b"\xff\xfea\0", "is not UTF-8"),
    (b"a\xed\xa0\x80", "is not UTF-8"),
    (b"a\xc0\xaf", "is not UTF-8"),
    (b"a" * 65_534 + b"\xe2\x82", "is not UTF-8"),
    (b"a\x1b[2J", "holds the control character U\\+001B"),
    (b"a" * 70_000 + b"\x00", "holds the control character U\\+0000|which is a trap"),
    ("a\u202eb".encode(), "holds the control character U\\+202E"),
    (b"a\rb", "holds the control character U\\+000D"),
    (b"a" * 65_535 + b"\rb", "holds the control character U\\+000D"),
    (b"a" * 65_535 + b"\r\nb", ""),
    ("\u7ed3".encode() * 30_000, ""),
    (b"a" * 900_000, ""),
    (b"a" * 17_000_000, "which is a trap"),
    (b"", ""),
)
"""What a text may hold or not, and how that is told."""

CARDS = {
    "card": (
        Case(_more(_BOMB), _ALIAS),
        Case(_more("extra: &a {b: *a}"), _ALIAS),
        Case(_more("extra: {<<: {a: 1}}"), _DIFFER),
        Case(_more("extra: !!python/object/apply:os.system ['touch x']"), _FAULT),
        Case(_more("extra: {a: !!python/name:os.system ''}"), _DIFFER),
        Case(_more("extra: {a: !!binary aGk=, b: !!timestamp 2001-01-01}"), _DIFFER),
        Case(_more("extra: " + "[" * 500 + "]" * 500), _YAML),
        Case(_more("extra:\n  " + "- " * 500 + "a"), _YAML),
        Case(_more("extra: {" + "? {" * 40 + "}" * 40), _YAML),
        Case(_more("name: mimi"), "is given twice"),
        Case(_more("--- {}"), _YAML),
        Case(_more("%YAML 9.9"), _YAML),
        Case(_more(b"extra: {a: \x1b[2J}"), "holds the control character"),
        Case(_more("extra: {a: \u202eevil}"), "holds the control character"),
        Case(_more('extra: {a: "\\e[2J"}'), "holds control characters in"),
        Case(_more('extra: {"\\u202e": 1}'), "holds control characters in"),
        Case(_more('extra: {a: "\\ud800"}'), "holds control characters in|holds the control|valid YAML"),
        Case(_more(b"extra: {a: \xff}"), "is not UTF-8"),
        Case(_more("extra: {a: " + "9" * 5000 + "}"), _DIFFER),
        Case(_more("extra: {a: 1e999, b: -1e999, c: .inf, d: .nan}"), _DIFFER),
        Case(_more("extra: {a: " + "x " * 140_000 + "}"), "bytes; 262,144 are read"),
        Case(_more("extra: [" + "a," * 20_000 + "]"), "lines, commas and the like"),
        Case(_more("\n".join(f"k{i}: 1" for i in range(300))), "is not a key of a card"),
        Case(_more("x" * 5000 + ": 1"), f"{_FAULT}|{_YAML}"),
        Case(_more("training: {from_adapter: /etc}"), "trains on from an adapter"),
        Case(_more("training: {preset: founding, output_dir: /etc}"), _DIFFER),
        *(
            Case(_more(f"base: {base}"), "place on a machine")
            for base in ("/etc", "../x", "~/x", "a/b/c", "a@/etc", "a@b/../..", "'a\\b'")
        ),
        Case(_more("base: some/body"), _DIFFER),
        Case(_more('book: {entries: [{keys: ["(a+)+$"], use_regex: true, content: x}]}'), _DIFFER),
        Case(_more("generation: {temperature: 1e999}"), _FAULT),
        Case(_more("alternate_greetings: [x]"), _DIFFER),
        *(
            Case(_card(b"mimi/avatar.png", path), "names the picture|control|valid YAML")
            for path in (b"../../../x.png", b"/etc/x.png", b"mimi/../mimi.yaml", b"mimi/none.png", b"https://x/a.png")
        ),
        *(
            Case(_card(b"name: mimi", name), f"{_FAULT}|in a file called|given twice")
            for name in (b"name: other", b"name: ../up", b"name: [a]", b"name:")
        ),
        *(
            Case(_content(CARD, content), f"{_FAULT}|{_YAML}|holds nothing")
            for content in (b"", b"[]", b"5", b"{", b"\0", b"\xef\xbb\xbf", b"- " * 31)
        ),
    ),
    "corpora of the card": (
        *(
            Case(_card(b"path: mimi/dialogue.yaml", path), _CORPUS)
            for path in (
                *(b"path: /etc/passwd", b"path: ../../x.yaml", b"path: mimi/../../../x.yaml", b"path: mimi/none.yaml"),
                *(b"path: yui/dialogue.yaml", b"path: mimi/../../corpora/yui/dialogue.yaml", b"path: mimi", b"path: ."),
                *(b"path: mimi/DIALOGUE.yaml", b"path: ./mimi/dialogue.yaml", b"path: mimi//dialogue.yaml"),
                *(b"registry: /etc, name: a", b"registry: ../.., name: a", b"registry: data, name: a"),
                *(b"character: yui", b"character: mimi", b"path: " + b"a/" * 3000, b"path: mimi.yaml"),
            )
        ),
        Case(
            _card(b"corpora:", b"corpora:\n" + b"  - {path: mimi/none.yaml, kind: desc}\n" * 900), "which is not in it"
        ),
        Case(_card(b"corpora:", b"corpora:\n" + b"  - {path: mimi/dialogue.yaml, kind: desc}\n" * 900), _DIFFER),
        Case(_card(b"weight: 0.5", b"weight: 1e999"), _FAULT),
        Case(_card(b"weight: 0.5", b"weight: 0.25"), "differ in corpora"),
    ),
    "card for other programs": (
        *(
            Case(_tavern(lambda data, key=key, value=value: data.update({key: value})), f"{_DIFFER}|is no|expected")  # type: ignore[misc]
            for key, value in (
                *(("name", value) for value in ("Other", "", 5, None, [])),
                *(("first_mes", value) for value in ("Send it.", 5, ["a"])),
                ("system_prompt", "Obey."),
                ("mes_example", "<START>\n{{user}}: a\n{{char}}: b"),
                ("alternate_greetings", ["x"]),
                ("tags", ["x"]),
                ("character_book", {"entries": [{"keys": ["(a+)+$"], "use_regex": True, "content": "x"}]}),
                ("extensions", {}),
                ("extensions", None),
                ("extensions", {"roleplay": {"schema": 9}}),
                ("character_version", "9"),
                ("creator", "x"),
            )
        ),
        Case(_tavern(lambda data: data["extensions"].update(regex_scripts=[{"findRegex": "(a+)+$"}])), _DIFFER),
        Case(_tavern(lambda data: data["extensions"].update(deep=_nested(60))), _DIFFER),
        Case(_tavern(lambda data: data["extensions"].update(deep=_nested(200))), "is nested more than"),
        Case(_tavern(lambda data: data.update(description="\x1b]52;c;x\x07")), "holds control characters"),
        Case(_tavern(lambda data: data["extensions"].update({"\u202e": 1})), "holds control characters"),
        Case(_tavern(lambda data: data["extensions"].update(big=10**399)), _DIFFER),
        Case(_tavern(lambda data: data["extensions"].update(big=10**401)), "digits"),
        *(
            Case(_luggage(changes=value), _DIFFER)
            for value in ([], None, 5, [{}], [{"at": ["card"], "now": "", "was": 5}])
        ),
        *(
            Case(_luggage(files={path: "x"}), f"{_DIFFER}|brings corpora")
            for path in ("{name}/dialogue.yaml", "{name}/a.txt", "../../x", "/etc/x", "{name}/../x.txt")
        ),
        *(Case(_luggage(name=value), _DIFFER, True) for value in ("../up", 5, "other", ["a"])),
        Case(_luggage(fillers={"mes_example": "x", "name": "y"}), _DIFFER),
        *(
            Case(
                _content(TAVERN, content),
                f"{_NONE}|is nested|holds NaN|holds the number|digits",
            )
            for content in (
                b"",
                b"{}",
                b"[]",
                b"5",
                b"[" * 99_999,
                b"NaN",
                b"\xff",
                b"{" * 50,
                b'{"spec": "chara_card_v3"}',
                b'{"spec": "chara_card_v3", "data": []}',
                b"[1e999]",
                b"9" * 5000,
            )
        ),
        Case(_content(TAVERN, b"[" + b"[]," * 500_000 + b"0]"), "bytes of JSON|which is a trap"),
        Case(
            lambda parts, draw: parts.files.update({TAVERN: parts.files[TAVERN].decode().encode("utf-16")}),
            "is not UTF-8",
        ),
    ),
    "corpora": (
        *(
            Case(_content(f"{OWN}{name}", content), told)
            for name in ("dialogue.yaml", "more.jsonl")
            for content, told in TEXT_BYTES
        ),
    ),
}
