"""A place as a person reads it."""

import pytest

from roleplay.knowledge.passage import Place


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (Place("harbour.md", ("Fog", "Bells"), None, 12, 0, 9), "harbour.md:12 · Fog · Bells"),
        (Place("harbour.pdf", (), 3, None, 0, 9), "harbour.pdf, p. 3"),
        (Place("book", ("Fog",), None, None, 0, 0), "book · Fog"),
        (Place("a\nb\x1b[2J.md", ("x\n\ny", "z" * 200), None, None, 0, 0), f"a b[2J.md · x y · {'z' * 119}…"),
    ],
)
def test_a_place_is_one_line(place: Place, shown: str) -> None:
    assert place.shown == shown
