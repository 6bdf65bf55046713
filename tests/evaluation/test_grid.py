"""Lists of values in one line, and every way to combine them."""

from typing import Any

import pytest

from roleplay.errors import UsageError
from roleplay.evaluation.grid import parse_grid


def test_every_combination_is_a_point_and_the_first_setting_changes_last() -> None:
    assert parse_grid("lr=1e-3,2e-3,rank=8,16,epochs=5") == [
        {"learning_rate": 0.001, "rank": 8, "epochs": 5.0},
        {"learning_rate": 0.001, "rank": 16, "epochs": 5.0},
        {"learning_rate": 0.002, "rank": 8, "epochs": 5.0},
        {"learning_rate": 0.002, "rank": 16, "epochs": 5.0},
    ]


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("prefix_dropout=0,.5,1", [{"prefix_dropout": 0.0}, {"prefix_dropout": 0.5}, {"prefix_dropout": 1.0}]),
        ("prefix-dropout=1", [{"prefix_dropout": 1.0}]),
        (" rank = 8 , 16 ", [{"rank": 8}, {"rank": 16}]),
        ("rslora=true,false", [{"rslora": True}, {"rslora": False}]),
        ("scheduler=cosine,linear", [{"scheduler": "cosine"}, {"scheduler": "linear"}]),
        ("learning_rate=1", [{"learning_rate": 1.0}]),
    ],
)
def test_values_are_read_as_their_settings_take_them(text: str, points: list[dict[str, Any]]) -> None:
    read = parse_grid(text)
    assert read == points
    assert [type(value) for point in read for value in point.values()] == [
        type(value) for point in points for value in point.values()
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "'' belongs to no setting; write one such as rank=8,16"),
        ("8,rank=4", "'8' belongs to no setting; write one such as rank=8,16"),
        ("rnk=8", "'rnk' is not a setting of training; did you mean 'rank'?"),
        ("l=8", "'l' is not a setting of training; did you mean 'lr'?"),
        ("rank=", "rank: input should be a valid integer, unable to parse string as an integer (seen: '')"),
        ("rank=0", "rank: input should be greater than or equal to 1 (seen: '0')"),
        ("epochs=inf", "epochs: input should be a finite number (seen: 'inf')"),
        ("prefix_dropout=2", "prefix_dropout: input should be less than or equal to 1 (seen: '2')"),
        ("rank=8,08", "rank: 08 is given twice; leave one out"),
        ("lr=1,rank=8,learning_rate=2", "learning_rate is given twice; put its values in one list"),
        ("device=cpu", "device is the same for all runs of a sweep; leave it out of the grid"),
    ],
)
def test_what_is_no_grid_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_grid(text)
    assert str(caught.value) == f"--grid: {told}"


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UsageError, match=r"'rnk' is not .*; rank: .*'x'.*; quant is the same") as caught:
        parse_grid("rnk=8,16,rank=x,4,quant=nf4,int8")
    assert str(caught.value).count(";") == 4, "values of a setting that is none are no faults of their own"
