"""Plans and samples that passed the gate, kept in a file so that the next run renders none of them again.

The file is a digest and a few flat arrays in NumPy's own format. `datasets` could carry them too, but its map cache
hashes the pickled function and knows nothing of a gate, and it would be a folder of files where one is enough.
"""

import contextlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import roleplay
from roleplay.cards import prompt
from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.template import asks_clock
from roleplay.dataset.unit import Losses, Plan, Voice
from roleplay.dialogue import Dialogue
from roleplay.errors import StorageError
from roleplay.paths import write_file
from roleplay.text import fingerprint

_ENDING = ".tokens"
_KEPT_FILES = 16
_LIBRARIES = ("transformers", "tokenizers", "jinja2")
_DIGEST = len(fingerprint(""))


@dataclass(frozen=True)
class CacheFile:
    """What a file holds; empty where there is none yet, or one that is damaged."""

    path: Path
    """The file; its name stands for everything that plans and samples depend on."""
    plans: tuple[Plan, ...]
    """A plan for each corpus, or none at all."""
    samples: Mapping[str, Sample]
    """Name of a row -> its sample, which passed the gate."""

    def write(self, plans: Sequence[Plan], samples: Mapping[str, Sample]) -> None:
        """Put these in the file's place, whole or not at all, and keep the newest 16 files of the folder.

        A cache that cannot be written is no error: it loses nothing.
        """
        payload = io.BytesIO()
        np.savez(payload, **_arrays(plans, samples))
        data = payload.getvalue()
        with contextlib.suppress(StorageError, OSError):
            write_file(self.path, _digest(self.path, data) + data)
            files = self.path.parent.glob(f"*{_ENDING}*")  # what a killed writer left ends in random letters
            for old in sorted(files, key=lambda path: path.stat().st_mtime_ns)[:-_KEPT_FILES]:
                old.unlink(missing_ok=True)


def open_cache(folder: Path, voice: Voice, corpora: Sequence[tuple[str, Sequence[Dialogue]]], limit: int) -> CacheFile:
    """The file for these (kind, dialogues) in this voice, read if there is a sound one."""
    path = folder / f"{cache_name(voice, corpora, limit)}{_ENDING}"
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile):
        data = path.read_bytes()
        if data[:_DIGEST] == _digest(path, data[_DIGEST:]):
            with np.load(io.BytesIO(data[_DIGEST:]), allow_pickle=False) as arrays:
                return CacheFile(path, *_read(arrays))
    return CacheFile(path, (), {})


def can_cache(voice: Voice) -> bool:
    """Whether a rendering is the same tomorrow, and its tokenizer can be told from others.

    Not so where the template asks for the date, where the tokenizer has no `tokenizers` backend or code of its own, or
    where passages come to mind.
    """
    tokenizer = voice.renderer.tokenizer
    known = type(tokenizer).__module__.startswith("transformers.") and hasattr(tokenizer, "backend_tokenizer")
    return known and voice.recall is None and not asks_clock(tokenizer)


def cache_name(voice: Voice, corpora: Sequence[tuple[str, Sequence[Dialogue]]], limit: int) -> str:
    """Hash of everything that plans and samples depend on, the code that makes them included.

    Seed and epochs only choose among rows, so runs that differ in them share a file.
    """
    tokenizer = voice.renderer.tokenizer
    here = Path(__file__).parent
    parts: list[Any] = [
        voice.card.model_dump_json(),
        [prefix.model_dump_json() for prefix in voice.prefixes],
        [[kind, [dialogue.identity for dialogue in dialogues]] for kind, dialogues in corpora],
        limit,
        type(tokenizer).__qualname__,
        fingerprint(tokenizer.backend_tokenizer.to_str()),
        {name: str(token) for name, token in sorted(tokenizer.special_tokens_map.items())},
        bool(getattr(tokenizer, "split_special_tokens", False)),
        tokenizer.chat_template,
        asdict(voice.renderer.traits),
        roleplay.__version__,
        [version(name) for name in _LIBRARIES],
        [fingerprint(path.read_bytes()) for path in (*sorted(here.glob("*.py")), Path(prompt.__file__))],
    ]
    return fingerprint(json.dumps(parts, sort_keys=True))


def _digest(path: Path, data: bytes) -> bytes:
    """Of the content and its name: a file that was damaged, or made for something else, is not read."""
    return fingerprint(path.name.encode() + data).encode()


def _arrays(plans: Sequence[Plan], samples: Mapping[str, Sample]) -> dict[str, Any]:
    """N samples: names (N,), and one after another their T tokens (sum of T,) and spans (sum of spans, 2)."""
    rows = list(samples.values())
    return {
        "plans": np.frombuffer(json.dumps([asdict(plan) for plan in plans]).encode(), np.uint8),
        "names": np.array(list(samples), dtype=f"U{_DIGEST}"),
        "ids": np.array([token for row in rows for token in row.ids], np.int32),
        "tokens": np.array([len(row.ids) for row in rows], np.int64),
        "spans": np.array([span for row in rows for span in row.spans], np.int64).reshape(-1, 2),
        "answers": np.array([len(row.spans) for row in rows], np.int64),
        "characters": np.array([row.characters for row in rows], np.int64),
    }


def _read(arrays: Any) -> tuple[tuple[Plan, ...], dict[str, Sample]]:
    plans = tuple(
        Plan(tuple((at, start, tuple(answers)) for at, start, answers in plan["places"]), Losses(**plan["losses"]))
        for plan in json.loads(arrays["plans"].tobytes())
    )
    ids, spans = arrays["ids"].tolist(), [tuple(span) for span in arrays["spans"].tolist()]
    samples: dict[str, Sample] = {}
    token, answer = 0, 0
    columns = (arrays[name].tolist() for name in ("names", "tokens", "answers", "characters"))
    for name, tokens, answers, characters in zip(*columns, strict=True):
        samples[name] = sample_with(ids[token : token + tokens], spans[answer : answer + answers], characters)
        token, answer = token + tokens, answer + answers
    return plans, samples
