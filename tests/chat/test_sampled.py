"""Sampling settings that a person types."""

import pytest

from roleplay.chat.sampled import check_sampling
from roleplay.errors import UsageError


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("temperature", "0.5", 0.5),
        ("temperature", 0, 0),
        ("top_k", "40", 40),
        ("min_p", "0", 0),
        ("max_new_tokens", 12, 12),
        ("seed", "7", 7),
        ("repetition_penalty", "1.1", 1.1),
    ],
)
def test_a_setting_is_read_as_a_number(name: str, typed: object, value: float) -> None:
    assert check_sampling(name, typed) == value


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("temprature", "1", "there is no setting 'temprature'; did you mean 'temperature'?"),
        ("temperature", "hot", "temperature hot: input should be a valid number"),
        ("temperature", "-1", "temperature -1: input should be greater than or equal to 0"),
        ("top_p", "0", "top_p 0: input should be greater than 0"),
        ("top_k", "2.5", "top_k 2.5: input should be a valid integer"),
        ("max_new_tokens", "0", "max_new_tokens 0: input should be greater than or equal to 1"),
        ("temperature", "nan", "temperature nan"),
        ("seed", "-1", "seed -1: write a whole number from 0 up"),
        ("seed", "x", "seed x: write a whole number from 0 up"),
    ],
)
def test_a_value_that_cannot_be_is_told(name: str, typed: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_sampling(name, typed)
    assert str(refused.value).startswith(told)
