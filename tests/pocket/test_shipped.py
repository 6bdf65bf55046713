"""What ships works as it is: base, adapters, characters."""

import json
from pathlib import Path

import pytest

from roleplay.cards.find import open_card
from roleplay.chat.open import open_character
from roleplay.chat.sampled import card_sampling
from roleplay.chat.session import Session
from roleplay.generation.canaries import read_canaries
from roleplay.generation.canary_check import adapter_hash, check_canaries
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES
from roleplay.models.adapter import check_adapter
from roleplay.models.base import load_base
from roleplay.models.shape import WEIGHTS
from roleplay.models.spec import parse_spec, weight_files
from roleplay.models.targets import find_targets
from roleplay.paths import Home, shipped
from roleplay.pocket.adapters import CHARACTERS
from roleplay.pocket.ship import FILE_BYTES, PARAMETERS


def test_pocket_has_separate_q_k_and_v_in_every_layer() -> None:
    targets = find_targets(load_base(parse_spec("pocket")).model)
    assert targets.names == ("q_proj", "k_proj", "v_proj")
    assert len(targets.modules) == 3 * targets.layers


@pytest.mark.parametrize("which", ["best", "last"])
@pytest.mark.parametrize("name", CHARACTERS)
def test_every_shipped_adapter_belongs_to_the_shipped_pocket(name: str, which: str) -> None:
    folder = shipped() / "data" / "adapters" / name / which
    assert check_adapter(folder, load_base(parse_spec("pocket")).identity).character == name
    assert (folder / WEIGHTS).stat().st_size <= 1.5e6


@pytest.mark.parametrize("name", CHARACTERS)
def test_a_shipped_character_answers_in_four_lanes_and_stops(name: str, home: Home) -> None:
    card_file = open_card(name, home)
    opened = open_character(card_file, home)
    assert opened.passport is not None
    session = Session(card_file.card, opened.voice.prefixes, opened, None)
    sampling = card_sampling(card_file.card, {"seed": 1, "max_new_tokens": 120})
    session.say("你好" if card_file.card.language == "zh" else "Hello")
    heard = session.answer(list(LANES.values()), sampling)
    done = {event.lane.name: event for event in heard if isinstance(event, Finished)}
    assert set(done) == set(LANES)
    assert done["persona+prefix"].stopped == "end"
    assert done["persona+prefix"].text != done["base+prefix"].text


@pytest.mark.parametrize("name", CHARACTERS)
def test_a_shipped_character_says_here_what_it_said_where_it_was_made(name: str, home: Home) -> None:
    """Where this fails for a new adapter or card: `python -m roleplay.pocket.adapters NAME --canaries`."""
    folder = shipped() / "data" / "adapters" / name
    canaries = read_canaries(folder / "canaries.json")
    opened = open_character(open_card(name, home), home, dtype="float32", device="cpu")
    assert canaries.adapter == adapter_hash(folder / "best")
    assert len(canaries.canaries) == 4
    one = canaries.model_copy(update={"canaries": canaries.canaries[:1]})  # all of them would take four times as long
    verdict = check_canaries(opened.engine, opened.voice, one)
    assert verdict.reproduces, verdict.sentence


def test_no_shipped_file_names_a_path_of_the_machine_that_made_it() -> None:
    roots = [str(Path.home()) + "/", str(Path(__file__).parents[2]) + "/"]
    texts = [p for p in (shipped() / "data").rglob("*") if p.suffix in (".json", ".jsonl", ".md", ".yaml")]
    assert len(texts) > 8
    guilty = [str(p) for p in texts if any(root in p.read_text(encoding="utf-8") for root in roots)]
    assert guilty == []


def test_pocket_knows_its_context() -> None:
    config = json.loads((shipped() / "data" / "pocket" / "config.json").read_text())
    assert config["max_position_embeddings"] == 1024


def test_pocket_is_small_and_every_file_of_its_weights_is_hashed() -> None:
    folder = shipped() / "data" / "pocket"
    files = {path.name for path in weight_files(folder)}
    assert files == {path.name for path in folder.glob("*.safetensors")}
    assert files <= {line.split()[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    assert max((folder / name).stat().st_size for name in files) <= FILE_BYTES
    assert sum(weight.numel() for weight in load_base(parse_spec("pocket")).model.parameters()) <= PARAMETERS
