"""How much of a reply stands in passages."""

import pytest

from roleplay.measures.grounded import grounded_share

ZH = ["石墩从岸边数起，一共三十一个。"]
EN = ["The last boat leaves Harrack at nine, or when it is full."]


@pytest.mark.parametrize(
    ("reply", "passages", "run"),
    [
        ("一共三十一个", ZH, "一共三十一个"),
        ("大概是一共三十吧", ZH, "一共三十"),
        ("大概是三十一吧", ZH, ""),  # three characters are the language's
        ("It LEAVES HARRACK at nine, dear.", EN, " LEAVES HARRACK at nine, "),
        ("It leaves at nine, dear.", EN, ""),
        ("石墩从岸边数起", [], ""),
        ("", ZH, ""),
    ],
)
def test_characters_in_long_runs_are_counted(reply: str, passages: list[str], run: str) -> None:
    assert grounded_share(reply, passages) == pytest.approx(len(run) / max(1, len(reply)))
