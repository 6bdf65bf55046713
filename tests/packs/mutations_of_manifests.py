"""Manifests of the wrong shape, manifests that say otherwise than the pack is, and some that may say what they say."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.packs.parts import CARD, OWN, WEIGHTS, Case, Parts

_SHAPE = "manifest.json is damaged"
_SAYS = "differ|is not that of the plain LoRA|and the manifest says|which is no|no half of a LoRA|does not sit|as F32"
_HASH = "0" * 64


def _put(path: str, value: Any) -> Callable[[Parts, Random], None]:
    """Set the value at a dotted path."""

    def change(parts: Parts, draw: Random) -> None:
        *above, last = path.split(".")
        inside: Any = parts.manifest
        for key in above:
            inside = inside.get(key) if isinstance(inside, dict) else None
        if isinstance(inside, dict):
            inside[last] = value

    return change


def _entries(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.entries.append(change)


def _text(change: Callable[[bytes], bytes]) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.text.append(change)


def _drop(key: str) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.manifest.pop(key, None)


def _one(entries: list[dict[str, Any]], path: str = f"{OWN}dialogue.yaml") -> dict[str, Any]:
    return next((entry for entry in entries if entry["path"] == path), entries[0])


def _figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value, "high": value}


_WRONG: tuple[tuple[str, Any], ...] = (
    *(("schema", value) for value in (2, "1", None, [1])),
    *(("name", value) for value in ("", "../up", "a b", "/etc", 5, None, "a\n", "é", "a" * 65, ["mimi"])),
    *(("display_name", value) for value in (5, None, "a\nb", "a\tb", "x" * 201, "\x1b[2J", "\u202eimiM", {})),
    *(("version", value) for value in (1.2, None, "\x07", "1\n2")),
    *(("description", value) for value in (None, "x" * 2001, "\x9b2J")),
    *(("left_out", value) for value in ("x", [5], ["a\n"], ["x"] * 201)),
    *(("base", value) for value in ("pocket", {}, [], 5)),
    *(("base.config", value) for value in ("", "A" * 64, "0" * 63, "0" * 64 + "\n", None, 5)),
    *(("base.revision", value) for value in (5, "a\nb", "x" * 201)),
    *(("adapter.rank", value) for value in (0, -1, 4097, 2**70, 2.5, "2", True, None, 10**400)),
    *(("adapter.alpha", value) for value in (0, -4, 1e7, "x", None, [4])),
    *(("adapter.targets", value) for value in ([], ["../q"], ["q"] * 17, "q_proj", [5], ["\x1b"])),
    *(("adapter.modules", value) for value in (0, 10_001, -1, "9")),
    *(("adapter.dtype", value) for value in ("F64", "", None, "f32")),
    *(("adapter.parameters", value) for value in (-1, 2**60, 1.5)),
    *(("adapter.step", value) for value in (-1, "7", None)),
    ("adapter.more", 1),
    ("auto_map", {"AutoModel": "evil.Model"}),
    ("trust_remote_code", True),
    ("evidence", []),
    ("evidence.training", {"../x": 1}),
    ("evidence.training", {"loss": "x"}),
    ("evidence.heldout_bits", {str(i): _figure(1) for i in range(9)}),
    ("evidence.samples", [{"prompt": "\x1b[2J", "replies": {}}]),
    ("evidence.samples", [{"prompt": 5, "replies": {}}]),
    ("evidence.evaluation", [{"name": "a b", "title": "", "better": "up", "scale": "x", "lanes": {}}]),
    ("recipe", {"preset": "x"}),
    ("recipe", {"preset": "x", "settings": {"a": []}, "dataset": None, "environment": {}}),
    ("recipe", {"preset": "x", "settings": {f"k{i}": 1 for i in range(101)}, "dataset": None, "environment": {}}),
)
_OTHERWISE: tuple[tuple[str, Any], ...] = (
    *(("display_name", value) for value in ("Other", "")),
    ("version", "9"),
    ("creator", "somebody else"),
    ("language", "zh"),
    ("license", "MIT"),
    ("adapter.rank", 4),
    ("adapter.alpha", 8.0),
    ("adapter.rslora", True),
    ("adapter.fan_in_fan_out", True),
    ("adapter.targets", ["q_proj"]),
    ("adapter.targets", ["q_proj", "q_proj", "k_proj"]),
    ("adapter.modules", 3),
    ("adapter.parameters", 1),
    ("adapter.dtype", "BF16"),
    ("adapter.step", 8),
    ("adapter.heldout_loss", None),
    ("adapter.heldout_loss", 1e308),
    ("base.name", "some/body"),
    ("base.revision", "abc"),
    *((f"base.{part}", _HASH) for part in ("config", "tokenizer", "template", "weights")),
)
_HARMLESS: tuple[tuple[str, Any], ...] = (
    ("made_by", "roleplay 9"),
    ("description", "Another\ndescription."),
    ("left_out", ["a: b"] * 200),
    ("evidence", {}),
    ("evidence.training", {"training_loss": -1e308, "steps": 2**53}),
    ("evidence.heldout_bits", {"base": _figure(1e300)}),
    ("evidence.samples", [{"prompt": "[red]x[/red] {0} %s", "replies": {"base": "\n" * 50}}]),
    (
        "evidence.evaluation",
        [{"name": "a", "title": "%s {x}", "better": "lower", "scale": "percent", "lanes": {"a": _figure(1e308)}}],
    ),
    ("recipe", {"preset": "{x}", "settings": {"a": 10**399, "b": None}, "dataset": None, "environment": {"a": "b"}}),
)
_PLACE = "is refused|is not in the manifest|is missing"

MANIFESTS = {
    "manifest of the wrong shape": (
        *(Case(_put(path, value), _SHAPE) for path, value in _WRONG),
        *(Case(_drop(key), _SHAPE) for key in ("schema", "name", "version", "made_by", "license")),
    ),
    "manifest that says otherwise": (
        *(Case(_put(path, value), _SAYS) for path, value in _OTHERWISE),
        *(Case(_put("name", value), f"{_PLACE}|no such file") for value in ("other", "MIMI", "con")),
        *(
            Case(_put("base.name", value), "place on a machine")
            for value in ("/etc", "../x", "a/b/c", "~/x", "a\\b", "")
        ),
        *(
            Case(_put("base.revision", value), "place on a machine")
            for value in ("/etc/passwd", "../../x", "a/../../b")
        ),
        *(Case(_drop(key), "does not describe") for key in ("adapter", "base")),
    ),
    "manifest that may say so": tuple(Case(_put(path, value), "") for path, value in _HARMLESS),
    "entries of the manifest": (
        Case(_entries(lambda all_: all_.pop()), "is not in the manifest"),
        Case(_entries(lambda all_: all_.clear()), "is not in the manifest"),
        Case(_entries(lambda all_: all_.append(dict(all_[0]))), "is listed twice"),
        Case(_entries(lambda all_: all_.append({"path": "a.png", "size": 1, "sha256": _HASH})), "'a.png' is missing"),
        Case(_entries(lambda all_: all_.extend(all_ * 300)), f"{_SHAPE}|is none of ours"),
        Case(_entries(lambda all_: all_.reverse()), ""),
        Case(_entries(lambda all_: _one(all_).update(sha256=_HASH)), "its hash differs"),
        *(
            Case(_entries(lambda all_, size=size: _one(all_).update(size=size)), f"another size|{_SHAPE}")  # type: ignore[misc]
            for size in (0, 1, 10**6, 2**53, 2**64, -1, 1.5, "88")
        ),
        *(
            Case(_entries(lambda all_, path=path: _one(all_).update(path=path)), f"{_PLACE}|{_SHAPE}")  # type: ignore[misc]
            for path in ("../x.yaml", "/etc/x", "C:\\x", "", "a\0b", "roleplay/manifest.json", "x" * 401, "\x1b[2J.txt")
        ),
        Case(_entries(lambda all_: all_.append({"path": "a.png", "size": 1, "sha256": "x"})), _SHAPE),
        Case(_entries(lambda all_: all_.append({**all_[0], "more": 1})), _SHAPE),
        Case(_entries(lambda all_: all_.append(5)), _SHAPE),  # type: ignore[arg-type]
        *(
            Case(lambda parts, draw, path=path: parts.files.pop(path, None), "is missing|lacks|which is not in it")  # type: ignore[misc]
            for path in (CARD, WEIGHTS, "card.json", f"{OWN}dialogue.yaml", f"{OWN}avatar.png")
        ),
        Case(lambda parts, draw: parts.files.pop("roleplay/canaries.json", None), ""),
    ),
    "text of the manifest": (
        *(Case(_text(lambda text, new=new: new), _SHAPE) for new in (b"", b"{", b"null", b"[]", b"5", b"\xff", b"NaN")),  # type: ignore[misc]
        Case(_text(lambda text: text.decode(errors="replace").encode("utf-16")), _SHAPE),
        Case(_text(lambda text: b"\xef\xbb\xbf" + text), _SHAPE, may_pass=True),
        Case(_text(lambda text: b"[" * 50_000 + text), _SHAPE),
        Case(_text(lambda text: b'{"x": ' + b"[" * 190 + b"]" * 190 + b"," + text[1:]), _SHAPE),
        Case(_text(lambda text: b'{"name": "other", ' + text[1:]), "", may_pass=True),
        Case(_text(lambda text: text.replace(b'"heldout_loss": 1.5', b'"heldout_loss": NaN')), _SHAPE),
        Case(_text(lambda text: text.replace(b'"heldout_loss": 1.5', b'"heldout_loss": 1e999')), _SHAPE),
        Case(_text(lambda text: text.replace(b'"Mimi"', b'"\\ud800"')), _SHAPE),
        Case(_text(lambda text: text.replace(b'"Mimi"', b'"\\u001b[2J"')), _SHAPE),
        Case(_text(lambda text: text.replace(b"A mole", b"A\x1bmole")), _SHAPE),
        Case(_text(lambda text: text + b" " * 2**21), "it is none of ours|which is a trap"),
        Case(_text(lambda text: text[:-1] + b"," + _many(30_000) + b"}"), "it is none of ours"),
        Case(_text(lambda text: text[:-1] + b"," + _many(5_000) + b"}"), _SHAPE),
        Case(_text(lambda text: text + b"x"), _SHAPE),
        Case(_text(lambda text: text + b"\n\n "), ""),
        Case(_text(lambda text: text + b"\r"), "holds the control character U\\+000D"),
        Case(_text(lambda text: text.replace(b'{"schema"', b'{"__proto__": {}, "schema"', 1)), _SHAPE),
    ),
}


def _many(count: int) -> bytes:
    return json.dumps({f"k{i}": [] for i in range(count)})[1:-1].encode()
