"""What was found is kept, whatever happens."""

from pathlib import Path

import pytest

from roleplay.errors import EvaluationError, StorageError
from roleplay.evaluation.notebook import Notebook


def test_values_come_back_in_the_order_in_which_they_were_found(tmp_path: Path) -> None:
    with Notebook(tmp_path / "new" / "n.jsonl") as notebook:
        notebook.put({"b": {"text": "雪"}, "a": 1.5})
        notebook.put({"b": 2})
    with Notebook(tmp_path / "new" / "n.jsonl") as notebook:
        assert list(notebook.items()) == [("b", 2), ("a", 1.5)]
        assert "a" in notebook
        assert "c" not in notebook


@pytest.mark.parametrize("torn", [b'{"c": "hal', b"\x00\x00\x00", b"[1]\n", b'{"c": 1}'])
def test_a_line_that_a_crash_tore_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "n.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": 2}\n' + torn)
    with Notebook(path) as notebook:
        assert dict(notebook.items()) == {"a": 1, "b": 2}
        notebook.put({"d": 4})
    with Notebook(path) as notebook:
        assert dict(notebook.items()) == {"a": 1, "b": 2, "d": 4}


def test_two_do_not_write_into_one(tmp_path: Path) -> None:
    told = "another process is evaluating into "
    with Notebook(tmp_path / "n.jsonl"), pytest.raises(EvaluationError, match=told):
        Notebook(tmp_path / "n.jsonl").__enter__()
    with Notebook(tmp_path / "n.jsonl") as notebook:
        notebook.put({"a": 1})


def test_a_place_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        Notebook(tmp_path / "file" / "n.jsonl").__enter__()
