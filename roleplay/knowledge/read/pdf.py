"""PDF: the text of each page, its lines joined to paragraphs."""

import contextlib
import logging
import os
import unicodedata
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from roleplay.errors import FileFaults
from roleplay.knowledge.passage import Block
from roleplay.knowledge.read.blocks import Laid
from roleplay.knowledge.read.joined import join_lines
from roleplay.knowledge.read.refused import SMALLER, library_for, refused
from roleplay.text import clean, one_line

_TAIL = 2**16
_FULL = 0.7
"""A line shorter than this share of a full one ends a paragraph."""


@dataclass(frozen=True)
class Bounds:
    """What a file may cost; a step is about ten microseconds."""

    stream: int = 16 * 2**20
    """Most bytes of one stream, decoded."""
    tokens: int = 2_000_000
    """Most operators and operands of one stream of a page, if the file may take so many steps."""
    shown: int = 2**16
    """Most bytes of text that one page shows; a byte may stand for 256 characters."""
    text: int = 2**20
    """Most characters of one page."""
    forms: int = 100
    """Most pieces of pages that one page puts together."""
    steps: int = 200_000
    """Steps that every file may take."""
    steps_a_byte: int = 2
    """Further steps for each byte of the file: those tried took less than one."""


def read_pdf(path: Path, bounds: Bounds = Bounds()) -> Iterator[Block]:
    """Paragraphs of a PDF with their pages. Raises FileFaults, for a file that only opens with a password too."""
    with library_for(path):
        import pypdf
    laid = Laid()
    steps = bounds.steps + bounds.steps_a_byte * path.stat().st_size
    cost, settings = _Cost(bounds, steps), _settings(bounds, steps)
    with path.open("rb") as file:
        _check_end(path, file)
        with _trouble_told(path, "", settings):
            reader = pypdf.PdfReader(file)
            pages = iter(reader.pages)
        for number in range(1, 2**31):
            with _trouble_told(path, f"page {number} ", settings):
                page = next(pages, None)
                text = cost.text(page) if page is not None else ""
            if page is None:
                return
            for paragraph in _paragraphs(clean(text).split("\n")):
                yield from laid.blocks("paragraph", paragraph, page=number)


def _check_end(path: Path, file: BinaryIO) -> None:
    """The mark of the end, which the library would look for through the whole file, a line at a time."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    if b"%%EOF" not in file.read():
        raise refused(path, "is cut off, or no PDF")


class _TooCostly(Exception):
    """A page that was made to cost much."""


class _Cost:
    """What the pages of a file have cost so far."""

    def __init__(self, bounds: Bounds, left: int) -> None:
        self._bounds, self._left = bounds, left
        self._shown = 0
        self._form = 0
        """Steps that the dearest form of the page takes before its first operator."""

    def text(self, page: Any) -> str:
        """The text of a page. Raises what the library raises, and _TooCostly."""
        self._shown = 0
        resources = page.get("/Resources")
        self._spend(50 + _stream_cost(page.get("/Contents")) + _fonts_cost(resources))
        self._form = _forms_cost(resources, set())
        text: str = page.extract_text(visitor_operand_before=self._operator)
        self._spend(len(text) // 30)  # and what was too much in a form: there the library passes over errors
        if len(text) > self._bounds.text:
            raise _TooCostly(f"has more than {self._bounds.text:,} characters")
        return text

    def _operator(self, operator: bytes, operands: Any, _matrix: Any, _text_matrix: Any) -> None:
        """Count an operator before it is carried out."""
        size = sum(_length(operand) for operand in operands) if isinstance(operands, list) else 0
        self._shown += size if operator in (b"Tj", b"TJ", b"'", b'"') else 0
        self._spend(1 + size // 16 + (self._form if operator == b"Do" else 0))

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._shown > self._bounds.shown:
            raise _TooCostly(f"shows more than {self._bounds.shown:,} bytes of text")
        if self._left < 0:
            raise _TooCostly("takes more work than its size allows")


def _length(operand: Any) -> int:
    """Bytes of a string, or of those in an array."""
    if isinstance(operand, str | bytes):
        return len(operand)
    return sum(len(one) if isinstance(one, str | bytes) else 1 for one in operand) if isinstance(operand, list) else 0


def _resolved(holder: Any, key: str) -> Any:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value.get_object() if value is not None else None


def _stream_cost(stream: Any) -> int:
    """Steps to go through a stream, or through those in an array."""
    stream = stream.get_object() if stream is not None else None
    if isinstance(stream, list):
        return sum(_stream_cost(one) for one in stream)
    return len(stream.get_data()) // 100 if hasattr(stream, "get_data") else 0


def _fonts_cost(resources: Any) -> int:
    """Steps to make the fonts ready, which the library does anew for every page and form."""
    resources = resources.get_object() if resources is not None else None
    steps = 0
    fonts = _resolved(resources, "/Font")
    for name in fonts if isinstance(fonts, dict) else ():
        font = _resolved(fonts, name)
        steps += 20
        table = _resolved(font, "/ToUnicode")
        if hasattr(table, "get_data"):
            steps += len(table.get_data()) // 10
        below = _resolved(font, "/DescendantFonts")
        inner = below[0].get_object() if isinstance(below, list) and below else None
        for array in (
            _resolved(font, "/Widths"),
            _resolved(inner, "/W"),
            _resolved(_resolved(font, "/Encoding"), "/Differences"),
        ):
            steps += len(array) // 10 if isinstance(array, list) else 0
    return steps


def _forms_cost(resources: Any, seen: set[int]) -> int:
    """Steps for the dearest form on a page, or in a form on it, before its first operator."""
    resources = resources.get_object() if resources is not None else None
    dearest = 0
    forms = _resolved(resources, "/XObject")
    for name in forms if isinstance(forms, dict) else ():
        form = _resolved(forms, name)
        if isinstance(form, dict) and id(form) not in seen and len(seen) < 1000:
            seen.add(id(form))
            inside = form.get("/Resources")
            own = _stream_cost(form) if form.get("/Subtype") == "/Form" else 0
            dearest = max(dearest, own + _fonts_cost(inside), _forms_cost(inside, seen))
    return dearest


@contextlib.contextmanager
def _trouble_told(path: Path, where: str, settings: Mapping[str, Any]) -> Iterator[None]:
    """The library within bounds; its warnings go nowhere, its errors become one clear one.

    Entered for each page: the library's settings must not last while others hold a block.
    """
    import pypdf
    from pypdf.errors import DependencyError, FileNotDecryptedError

    silent = logging.NullHandler()
    logger = logging.getLogger("pypdf")
    logger.addHandler(silent)
    try:
        with warnings.catch_warnings(), pypdf.apply_configuration(**settings):
            warnings.simplefilter("ignore")
            yield
    except (FileNotDecryptedError, DependencyError) as error:
        problem = "is encrypted" if isinstance(error, FileNotDecryptedError) else "is encrypted with AES"
        raise refused(path, problem, "save a copy without password and encryption") from error
    except _TooCostly as error:
        raise refused(path, f"{where}{error}", SMALLER) from error
    except FileFaults:
        raise
    except Exception as error:  # of the library: a damaged file meets each kind
        reason = one_line(str(error)) or type(error).__name__
        raise refused(path, f"{where}cannot be read as PDF ({reason})") from error
    finally:
        logger.removeHandler(silent)


def _settings(bounds: Bounds, steps: int) -> dict[str, Any]:
    streams = ("maximum_declared_stream", "array_based_stream_maximum_output", "lzw_maximum_output")
    more = ("run_length_maximum_output", "zlib_maximum_output", "brotli_maximum_output", "jbig2_maximum_output")
    return {
        **{f"{name}_length": bounds.stream for name in streams + more},
        "zlib_maximum_recovery_input_length": min(bounds.stream, 2**20),
        "stream_decoding_work_maximum_length": 4 * bounds.stream,
        "stream_parsing_work_maximum_count": min(bounds.tokens, steps),
        "xform_maximum_invocations_per_extraction": bounds.forms,
        "jbig2dec_binary": None,  # no other program is started
    }


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Lines joined; a paragraph ends at an empty line and behind a line that is clearly not full."""
    widths = sorted(_width(line.strip()) for line in lines if line.strip())
    full = widths[len(widths) * 9 // 10] if widths else 0
    held: list[str] = []
    for line in lines:
        text = " ".join(line.split())
        if text:
            held.append(text)
        if held and _width(text) < _FULL * full:
            yield join_lines(held)
            held = []
    if held:
        yield join_lines(held)


def _width(text: str) -> int:
    """In columns: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
