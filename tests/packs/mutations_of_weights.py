"""Adapters that lie: headers of safetensors, numbers that are none, configurations, passports and canaries."""

import hashlib
import json
import re
import struct
from collections.abc import Callable
from random import Random
from typing import Any

from tests.packs.parts import ADAPTER, WEIGHTS, Case, Parts

CONFIG = f"{ADAPTER}adapter_config.json"
PASSPORT = f"{ADAPTER}roleplay.json"
CANARIES = "roleplay/canaries.json"
Header = dict[str, Any]


def _safetensors(change: Callable[[Header, bytearray, Random], object]) -> Callable[[Parts, Random], None]:
    """Change the header, as values, and the bytes of the numbers."""

    def apply(parts: Parts, draw: Random) -> None:
        data = parts.files.get(WEIGHTS, b"")
        try:
            length = struct.unpack("<Q", data[:8])[0]
            header = json.loads(data[8 : 8 + length])
        except (struct.error, ValueError):
            return
        body = bytearray(data[8 + length :])
        change(header, body, draw)
        text = json.dumps(header).encode()
        parts.files[WEIGHTS] = _framed(text, bytes(body))
        _vouched(parts)

    return apply


def _tensor(**new: Any) -> Callable[[Parts, Random], None]:
    """One entry of the header says otherwise."""
    return _safetensors(lambda header, body, draw: header[_name(header, draw)].update(new))


def _vouched(parts: Parts) -> None:
    """Let the canaries be of the weights as they are now."""
    if CANARIES in parts.files:
        told = hashlib.sha256(parts.files[WEIGHTS]).hexdigest().encode()
        parts.files[CANARIES] = re.sub(rb'("adapter": ")[0-9a-f]{64}', rb"\g<1>" + told, parts.files[CANARIES])


def _name(header: Header, draw: Random) -> str:
    return draw.choice([name for name in header if name != "__metadata__"])


def _rename(old: str, new: str) -> Callable[[Parts, Random], None]:
    def change(header: Header, body: bytearray, draw: Random) -> None:
        renamed = {name.replace(old, new): entry for name, entry in header.items()}
        header.clear()
        header.update(renamed)

    return _safetensors(change)


def _number(raw: bytes) -> Callable[[Parts, Random], None]:
    def change(header: Header, body: bytearray, draw: Random) -> None:
        at = 4 * draw.randrange(len(body) // 4)
        body[at : at + 4] = raw

    return _safetensors(change)


def _shift(header: Header, body: bytearray, draw: Random) -> None:
    for entry in header.values():
        if "data_offsets" in entry:
            entry["data_offsets"] = [at + 4 for at in entry["data_offsets"]]


def _many(header: Header, body: bytearray, draw: Random) -> None:
    empty = {"dtype": "F32", "shape": [2, 0], "data_offsets": [0, 0]}
    header.update({f"base_model.model.layers.{i}.q_proj.lora_A.weight": empty for i in range(10_000)})


def _raw(content: bytes) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.files.update({WEIGHTS: content})


def _framed(text: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + body


def _twice(parts: Parts, draw: Random) -> None:
    data = parts.files[WEIGHTS]
    length = struct.unpack("<Q", data[:8])[0]
    first = data[8 : data.index(b"}", 8) + 1].lstrip(b"{")
    if not first.startswith(b'"__metadata__'):
        first = b'"__metadata__": {}, ' + first
    text = b"{" + first + b", " + data[9 : 8 + length]
    parts.files[WEIGHTS] = _framed(text, data[8 + length :])


def _json(path: str, **new: Any) -> Callable[[Parts, Random], None]:
    """Set keys of the JSON file at `path`."""
    return lambda parts, draw: _rewrite(parts, path, lambda value: value.update(new))


def _rewrite(parts: Parts, path: str, change: Callable[[Any], object]) -> None:
    if path in parts.files:
        value = json.loads(parts.files[path])
        change(value)
        parts.files[path] = json.dumps(value).encode()


def _content(path: str, content: bytes) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: parts.files.update({path: content})


def _canary(change: Callable[[Any], object]) -> Callable[[Parts, Random], None]:
    return lambda parts, draw: _rewrite(parts, CANARIES, change)


_BAD = "has a damaged header|has a header of|says otherwise than it is|bytes of weights"
_FORM = f"{_BAD}|which is no|no half|lacks half|does not sit|numbers on|F32, F16 or BF16|the manifest says|base has"
_PLAIN = "is not that of the plain LoRA"
_CARD = "the adapter's passport and the manifest differ|roleplay.json is damaged"
_ODD = "canaries.json is damaged"
_DEEP = b'{"a":' * 200 + b"1" + b"}" * 200

ADAPTERS = {
    "header of the weights": (
        *(Case(_tensor(dtype=value), _FORM) for value in ("F64", "BF16", "U8", "F8_E4M3", "", 5, None, "\x1b[2J")),
        *(
            Case(_tensor(shape=value), _FORM)
            for value in ([], [0], [2], [-2, 2], [2**62, 4], [1.0, 2], [True, 2], "ab")
        ),
        *(Case(_tensor(shape=value), _FORM) for value in ([1] * 9, [[2], 2], None, [2**40] * 8, {"a": 1})),
        *(Case(_tensor(data_offsets=value), _FORM) for value in ([0, 0], [4, 0], [-4, 0], [0, 2**63], [0], [0, 1, 2])),
        *(Case(_tensor(data_offsets=value), _FORM) for value in ([0.0, 4.0], None, "ab", [0, 4], {"0": 1, "4": 2})),
        Case(_tensor(more=1), _BAD),
        Case(_safetensors(lambda header, body, draw: header.pop(_name(header, draw))), _FORM),
        Case(_safetensors(lambda header, body, draw: body.extend(b"1234")), "bytes of weights"),
        Case(_safetensors(lambda header, body, draw: body.__delitem__(slice(-4, None))), "bytes of weights"),
        Case(_safetensors(_shift), "says otherwise"),
        Case(_safetensors(_many), _FORM),
        Case(_safetensors(lambda header, body, draw: header.update(__metadata__={"a": "b"})), "carries notes"),
        Case(_safetensors(lambda header, body, draw: header.update(__metadata__="\x1b")), "carries notes"),
        Case(_safetensors(lambda header, body, draw: header.update(__metadata__={"format": "pt"})), ""),
        Case(_twice, "a key is given twice"),
        *(Case(_raw(content), _BAD) for content in (b"", b"1234567", b"\xff" * 8, b"\x80\x02" + bytes(99))),
        *(
            Case(_raw(_framed(text)), f"{_BAD}|numbers on")
            for text in (b"", b"{}", b"[]", b"5", b"[" * 99_999, b"\xff", b"NaN")
        ),
        Case(_raw(_framed(b'{"a": ' + b"[]," * 99 + b"1}")), _BAD),
        Case(
            lambda parts, draw: parts.files.update({WEIGHTS: parts.files[WEIGHTS][: draw.randrange(90_000)]}),
            _BAD,
            True,
        ),
    ),
    "weights": (
        *(
            Case(_number(struct.pack("<f", value)), "NaN or infinity")
            for value in (float("nan"), float("inf"), -float("inf"))
        ),
        Case(_number(b"\x01\x00\x80\x7f"), "NaN or infinity"),
        Case(_number(b"\xff\xff\x7f\x7f"), ""),
        Case(_number(b"\x01\x00\x00\x00"), ""),
        Case(_rename("lora_A", "lora_C"), _FORM),
        Case(_rename("q_proj", "o_proj"), _FORM),
        Case(_rename("self_attn", "mlp"), "", may_pass=True),
        Case(_rename("layers.0", "layers.7"), _FORM),
        Case(_rename("layers.0.", "layers.0000000."), _FORM),
        Case(_rename("base_model.model.", ""), _FORM),
        Case(_rename("q_proj", "q_proj/../../x"), _FORM),
        Case(_rename("lora_A.weight", "lora_A.\x1b[2J"), _FORM),
        Case(_rename("lora_A.weight", "lora_A.default.weight"), _FORM),
    ),
    "configuration": (
        *(
            Case(_json(CONFIG, **{key: value}), _PLAIN)
            for key, value in (
                ("auto_mapping", {"base_model_class": "X", "parent_library": "os"}),
                ("modules_to_save", ["lm_head"]),
                ("trust_remote_code", True),
                ("peft_type", "PREFIX_TUNING"),
                ("r", 2.0),
                ("r", True),
                ("r", "2"),
                ("lora_alpha", 1e300),
                ("bias", "all"),
                ("target_modules", "all-linear"),
                ("target_modules", ".*(a+)+$"),
                ("base_model_name_or_path", "/etc"),
                ("revision", "../.."),
                ("rank_pattern", {"q_proj": 9999}),
                ("layer_replication", [[0, 9**9]]),
                ("use_dora", True),
                ("inference_mode", False),
                ("init_lora_weights", "corda"),
                ("megatron_core", "os"),
                ("\x1b[2J", 1),
            )
            if key.isprintable()
        ),
        Case(_json(CONFIG, **{"\x1b[2J": 1}), "control characters"),
        *(Case(_content(CONFIG, content), _PLAIN) for content in (b"[]", b"5", b"null", b"{}")),
        *(
            Case(_content(CONFIG, content), "is not valid JSON|is not UTF-8|is nested|holds NaN")
            for content in (b"", b"\xff", b"[" * 9999, _DEEP, b"NaN")
        ),
        Case(_content(CONFIG, b"[" + b"0," * 600_000 + b"0]"), "bytes of JSON|which is a trap"),
    ),
    "passport": (
        *(
            Case(_json(PASSPORT, **{key: value}), _CARD)
            for key, value in (
                *(("character", value) for value in ("other", "", 5, None, ["mimi"])),
                *(("base", value) for value in ("pocket", {}, None, [])),
                *(("step", value) for value in (8, "7", None, True, 7.0, -7)),
                *(("heldout_loss", value) for value in (2.5, "1.5", None, True)),
                *(("run", value) for value in ("../up", "a b", "/etc", None, ["x"], "", "x" * 65)),
                ("more", 1),
                ("__class__", "os"),
            )
        ),
        *(Case(_json(PASSPORT, run=value), "control characters") for value in ("\x1b", "a\u202eb")),
        *(Case(_content(PASSPORT, content), _CARD) for content in (b"[]", b"5", b"null", b"{}", b'{"base": 5}')),
    ),
    "canaries": (
        *(
            Case(_canary(change), _ODD)
            for change in (
                lambda value: value["canaries"][0]["lanes"]["base"].update(tokens=[-1]),
                lambda value: value["canaries"][0]["lanes"]["base"].update(tokens=[2**31], log_probabilities=[0.0]),
                lambda value: value["canaries"][0]["lanes"]["base"].update(tokens=[]),
                lambda value: value["canaries"][0]["lanes"]["base"].update(prompt=[0] * 100_001),
                lambda value: value["canaries"][0]["lanes"]["base"].update(log_probabilities=[0.0]),
                lambda value: value["canaries"][0]["lanes"]["base"].update(log_probabilities=["x"]),
                lambda value: value["canaries"][0]["lanes"].pop("base"),
                lambda value: value["canaries"][0]["lanes"].update(other={}),
                lambda value: value["canaries"][0].update(text=""),
                lambda value: value["canaries"][0].update(text="x" * 2001),
                lambda value: value.update(canaries=[]),
                lambda value: value.update(canaries=value["canaries"] * 30),
                lambda value: value.update(schema=2),
                lambda value: value.update(device="cuda; rm"),
                lambda value: value.update(prefixes=["../up"]),
                lambda value: value.update(more=1),
            )
        ),
        Case(_canary(lambda value: value.update(adapter="0" * 64)), "canaries are of another adapter"),
        Case(_canary(lambda value: value["canaries"][0].update(text="\x1b[2J")), "control characters"),
        Case(_canary(lambda value: value["canaries"][0]["lanes"]["base"].update(prompt=[2**31 - 1])), ""),
        Case(_canary(lambda value: value.update(prefixes=["nobody"])), ""),
        *(
            Case(_content(CANARIES, content), f"{_ODD}|is not valid JSON|bytes of JSON")
            for content in (b"", b"[]", b"{}", b"null")
        ),
    ),
}
