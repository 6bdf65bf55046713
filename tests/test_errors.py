import inspect

import pytest

from roleplay import errors
from roleplay.errors import Fault, FileFaults, RoleplayError


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            Fault("a.yaml", 3, "prefixes[0].txt", "is unknown", "fix it"),
            "a.yaml:3: prefixes[0].txt: is unknown; fix it",
        ),
        (Fault("a.yaml", 3, "", "is no list", "fix it"), "a.yaml:3: is no list; fix it"),
        (Fault("a.yaml", None, "", "is empty", "fill it"), "a.yaml: is empty; fill it"),
    ],
)
def test_a_fault_reads_as_place_key_problem_and_remedy(fault: Fault, expected: str) -> None:
    assert str(fault) == expected


def test_the_faults_of_a_file_are_told_one_a_line() -> None:
    faults = [Fault("a", 1, "", "x", "y"), Fault("a", 2, "k", "x", "y")]

    error = FileFaults(faults)

    assert error.faults == tuple(faults)
    assert str(error) == "a:1: x; y\na:2: k: x; y"


def test_every_error_hangs_in_the_tree_that_the_docstring_draws() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]

    assert len(kinds) > 5
    for kind in kinds:
        assert issubclass(kind, RoleplayError)
        assert kind.__name__ in (errors.__doc__ or "")
