"""Books that are none, that the card does not name, or names otherwise than they lie."""

from collections.abc import Callable
from random import Random
from typing import Any

from tests.packs.mutations_of_cards import TEXT_BYTES
from tests.packs.parts import CARD, KNOWLEDGE, OWN, Case, Parts

ROOMS, STORES = f"{KNOWLEDGE}burrow/rooms.md", f"{KNOWLEDGE}burrow/stores.csv"
_NOT_IN_IT = "names the book '.*', which is not in it"
_NO_PLACE = "a pack has no such file"
_BESIDE = "beside the card lies another file of that name"
_UNNAMED = "which its card does not name"


def _named(*names: str) -> Callable[[Parts, Random], None]:
    """Other names in the place of `lamp.txt`."""
    lines = "\n".join(f"  - {name}" for name in names)
    return lambda parts, draw: parts.files.update({CARD: parts.files[CARD].replace(b"  - lamp.txt", lines.encode())})


def _moved(name: str) -> Callable[[Parts, Random], None]:
    """`rooms.md` lies elsewhere, and the card names it as before."""
    return lambda parts, draw: parts.files.update({name: parts.files.pop(ROOMS, b"")})


def _book(name: str, *beside: str, content: bytes = b"It is dark.\n") -> Callable[[Parts, Random], None]:
    """A book that the card names too, and files `beside` the card."""

    def change(parts: Parts, draw: Random) -> None:
        parts.files |= {f"{KNOWLEDGE}{name}": content} | dict.fromkeys(beside, b"Another text.\n")
        _named("lamp.txt", name)(parts, draw)

    return change


def _content(name: str, content: bytes) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.files.update({name: content})


def _swapped(parts: Parts, draw: Random) -> None:
    parts.files[ROOMS], parts.files[STORES] = parts.files[STORES], parts.files[ROOMS]


def _entry(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> Callable[[Parts, Random], None]:
    """Change what the manifest says of the two books in `burrow`."""

    def apply(entries: list[dict[str, Any]]) -> None:
        found = {entry["path"]: entry for entry in entries}
        change(found[ROOMS], found[STORES])

    return lambda parts, draw: parts.entries.append(apply)


BOOKS = {
    "books": (
        Case(lambda parts, draw: parts.files.pop(ROOMS), _NOT_IN_IT),
        *(
            Case(_moved(f"{KNOWLEDGE}{name}"), _NOT_IN_IT)
            for name in ("burrow/rooms.txt", "rooms.md", "burrow/Rooms.md", "burrow/deep/rooms.md")
        ),
        Case(_moved("rooms.md"), _NOT_IN_IT),
        Case(_moved(f"{OWN}rooms.txt"), _NOT_IN_IT),
        Case(_swapped, ""),
        Case(_entry(lambda one, other: one.update(sha256=other["sha256"])), "its hash differs"),
        Case(_entry(lambda one, other: one.update(size=other["size"])), "another size than the manifest says"),
        Case(_entry(lambda one, other: one.update(path=other["path"])), "listed twice"),
        Case(_content(f"{KNOWLEDGE}other.md", b"Nobody asked.\n"), _UNNAMED),
        Case(_content(f"{KNOWLEDGE}a/b/c/d/e.json", b"[" * 9000), _UNNAMED),
        *(
            Case(_book(name), _NO_PLACE)
            for name in (
                *("a.pdf", "a.epub", "a.docx", "a.yaml", "a.py", "a", "a.md.exe", "a.png", "a.charx"),
                *(".a.md", ".a/b.md", "burrow/.rooms.md"),
            )
        ),
        *(
            Case(_book(name), "leads elsewhere|is refused|lies? in each other|too long")
            for name in ("../up.md", "a//b.md", "./a.md", "a\\b.md", "a:b.md", "con.md", "a /b.md", "a/" * 30 + "b.md")
        ),
        *(
            Case(_book(name, content=content), "")
            for name, content in (
                ("a.JSON", b'{"a": "\\u001b[2J"}'),
                ("b.jsonl", b"[" * 9000),
                ("c.xhtml", b"<script>alert(1)</script>&#27;[2J"),
                ("d.md", b"{{char}} <|im_end|> [@click=app.quit]"),
                ("e.htm", b""),
                ("\u7ed3/\u8863.markdown", "\u7ed3".encode()),
                ("mimi/other.txt", b"In a folder called like hers."),
            )
        ),
        *(
            Case(_book(name, beside), _BESIDE)
            for name, beside in (
                ("mimi/a.txt", f"{OWN}a.txt"),
                ("mimi/A.txt", f"{OWN}a.txt"),
                ("mimi/a.txt", f"{OWN}a.txt/b.txt"),
                ("mimi/charx/assets/a.txt", "assets/a.txt"),
            )
        ),
    ),
    "books of the card": (
        *(
            Case(_named(name), _NOT_IN_IT)
            for name in (
                *("/etc/passwd", "../../../secret.txt", "burrow/../lamp.txt", "./lamp.txt", "LAMP.txt", "lamp.txt/"),
                *("burrow", "burrow/", "burrow//rooms.md", ".", "..", "~/notes.txt", "C:/notes.txt", "'a\\b.txt'"),
                *("yui/library.md", "mimi/more.jsonl", "mimi", "mimi.yaml", "../card.json", "a/" * 3000),
            )
        ),
        Case(_named("lamp.txt", "lamp.txt"), "names the book 'lamp.txt' twice"),
        Case(_named("lamp.txt", "burrow/rooms.md"), "names the book 'burrow/rooms.md' twice"),
        Case(_named(*["lamp.txt"] * 900), "names the book 'lamp.txt' twice"),
        Case(_named(*(f"{i}.md" for i in range(900))), _NOT_IN_IT),
        Case(_named('"\\e[2J.md"'), "holds control characters"),
        Case(_named("\u202ea.md"), "holds the control character"),
        Case(_named("[lamp.txt]"), "string"),
        Case(_named("5"), "string"),
        Case(_named("''"), "at least 1 character|should|expected"),
        Case(
            lambda parts, draw: parts.files.update(
                {CARD: parts.files[CARD].replace(b"probes:\n", b"probes:\n  known: questions.jsonl\n")}
            ),
            "names the labelled questions",
        ),
    ),
    "bytes of books": tuple(Case(_content(ROOMS, content), told) for content, told in TEXT_BYTES),
}
