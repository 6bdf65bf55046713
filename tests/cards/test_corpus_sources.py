import json
from collections.abc import Callable
from pathlib import Path

import pytest

from roleplay.cards.load import CardFile, resolve_corpus
from roleplay.errors import Fault
from tests.cards.conftest import HEAD

Faults = Callable[[str], list[Fault]]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{kind: desc}", "path: is missing; add 'path: …', or 'registry: …' with 'name: …', or 'character: …'"),
        (
            "{path: mimi/desc.yaml, character: dot, kind: general}",
            "character: is given beside 'path'; keep one of the two",
        ),
        ("{registry: data, kind: general}", "name: is missing; add 'name: …', the entry of the registry"),
        (
            "{path: mimi/desc.yaml, name: x, kind: desc}",
            "name: is given without 'registry'; add 'registry: …' or take it",
        ),
        ("{registry: data, name: x, form: alpaca, kind: desc}", "form: is given beside 'registry'; take it out"),
        (
            "{character: dot, kind: dialogue}",
            "kind: is 'dialogue' for another character's dialogues; write 'kind: general'",
        ),
        ("{character: ../dot, kind: general}", "character: string should match pattern"),
        ("{path: mimi/desc.yaml, form: alpacca, kind: desc}", "form: input should be 'native'"),
        (
            "{path: mimi/desc.yaml, max_samples: 0, kind: desc}",
            "max_samples: input should be greater than or equal to 1",
        ),
        ("{registry: nowhere, name: x, kind: desc}", "registry: 'nowhere' leads to no dataset_info.json in the card's"),
        ("{registry: ../.., name: x, kind: desc}", "registry: '../..' leads to no dataset_info.json in the card's"),
        ("{registry: data/../.., name: x, kind: desc}", "registry: 'data/../..' leads to no dataset_info.json in the"),
        (
            "{registry: /etc, name: x, kind: desc}",
            "registry: '/etc' leads to no dataset_info.json in the card's folder",
        ),
        (
            '{registry: "a\\0b", name: x, kind: desc}',
            "registry: 'ab' leads to no dataset_info.json in the card's folder",
        ),
    ],
)
def test_a_fault_of_a_source_is_told_at_its_key(faults: Faults, project: Path, entry: str, expected: str) -> None:
    (project.parent / "dataset_info.json").write_text("{}")
    (project / "data" / "dataset_info.json").write_text("{}")

    (fault,) = faults(HEAD + f"corpora:\n  - {entry}\n")

    assert str(fault).startswith(f"characters/mimi.yaml:6: corpora[0].{expected}")


@pytest.mark.parametrize("folder", ["data", "data/llama", "data/corpora/llama", "characters/llama"])
def test_a_registry_is_found_where_corpora_may_lie_and_in_the_projects_data(
    card: Callable[[str], CardFile], project: Path, folder: str
) -> None:
    path = project / folder / "dataset_info.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({}))
    named = folder.removeprefix("data/corpora/").removeprefix("characters/")

    loaded = card(f"corpora: [{{registry: {named}, name: talk, kind: general, weight: 0.2, max_samples: 500}}]\n")

    (entry,) = loaded.card.corpora
    assert resolve_corpus(loaded.path, entry) == path
    assert (entry.name, entry.max_samples, entry.weight, entry.verify) == ("talk", 500, 0.2, True)
