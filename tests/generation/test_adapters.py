"""Several adapters on one base, each as strong as the person likes, in one batch."""

from pathlib import Path

import pytest
import torch

from roleplay.errors import AdapterError, BaseModelError
from roleplay.generation import adapters
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import LANES, Lane
from roleplay.generation.settings import Sampling
from roleplay.models.adapter import load_adapter
from tests.tiny import load_tiny_base, save_tiny_adapter, tiny_llama

GREEDY = Sampling(temperature=0, max_new_tokens=12)
PROMPT = [1, 40, 41, 42, 43, 2]
PERSONA, BASE = LANES["persona+prefix"], LANES["base+prefix"]


@pytest.fixture(scope="session")
def epochs(folder: Path) -> dict[str, Path]:
    """Adapters of other weights and another rank on the base, by label."""
    return {
        f"run.1@epoch-{n}": save_tiny_adapter(folder, folder.parent / f"epoch-{n}", seed=n, rank=n) for n in range(1, 5)
    }


def texts(engine: Engine, lanes: list[Lane], strength: float = 1.0) -> list[str]:
    events = engine.stream(lanes, [PROMPT] * len(lanes), GREEDY, strength=strength)
    done = {event.lane: event.text for event in events if isinstance(event, Finished)}
    return [done[lane] for lane in lanes]


def logits(engine: Engine, lanes: list[Lane], strength: float) -> torch.Tensor:
    """Of every step, (steps, B, V)."""
    seen: list[torch.Tensor] = []
    handle = engine.base.model.register_forward_hook(lambda *args: seen.append(args[-1].logits[:, -1]))
    texts(engine, lanes, strength)
    handle.remove()
    return torch.stack(seen)


def named(label: str) -> Lane:
    return Lane(adapter=True, prefix=True, which=label)


def test_each_checkpoint_answers_in_one_batch_what_it_answers_alone(
    folder: Path, engine: Engine, epochs: dict[str, Path]
) -> None:
    for label, place in epochs.items():
        engine.attach(label, place)

    together = texts(engine, [BASE, *map(named, epochs), PERSONA])

    assert len(set(together)) == 6
    assert together == [texts(engine, [lane])[0] for lane in (BASE, *map(named, epochs), PERSONA)]
    for label, text in zip(epochs, together[1:], strict=False):
        base = load_tiny_base(folder)
        assert texts(Engine(base, load_adapter(base, epochs[label]), [2]), [PERSONA]) == [text]


def test_the_chosen_adapter_answers_where_a_lane_names_none(engine: Engine, epochs: dict[str, Path]) -> None:
    label = next(iter(epochs))
    engine.attach(label, epochs[label])
    own, other = texts(engine, [PERSONA, named(label)])

    engine.chosen = label

    assert texts(engine, [PERSONA, BASE])[0] == other != own


def test_a_handful_of_adapters_stay_and_those_in_use_always(
    engine: Engine, epochs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "_LOADED", 2)
    labels = list(epochs)
    for label in labels:
        engine.attach(label, epochs[label])
    everyone = texts(engine, [named(label) for label in labels])

    assert texts(engine, [named(labels[0]), PERSONA])[0] == everyone[0]

    assert set(engine.tuned.peft_config) == {"persona", "persona2"}  # type: ignore[union-attr]
    with pytest.raises(BaseModelError, match=r"an adapter, and 'run\.1@epoch-2' is not attached"):
        texts(engine, [named(labels[1])])
    engine.attach(labels[1], epochs[labels[1]])
    assert texts(engine, [named(labels[1])]) == [everyone[1]]


def test_attaching_twice_loads_once(engine: Engine, epochs: dict[str, Path]) -> None:
    label = next(iter(epochs))
    for _ in range(2):
        engine.attach(label, epochs[label])

    assert len(engine.tuned.peft_config) == 2  # type: ignore[union-attr]


def test_an_adapter_may_be_attached_where_none_was_loaded(
    bare: Engine, engine: Engine, epochs: dict[str, Path]
) -> None:
    label = next(iter(epochs))
    engine.attach(label, epochs[label])
    before = texts(bare, [BASE])
    bare.attach(label, epochs[label])

    assert texts(bare, [named(label), BASE]) == [*texts(engine, [named(label)]), *before]
    with pytest.raises(BaseModelError, match="none is loaded"):
        texts(bare, [PERSONA])


def test_an_adapter_of_another_base_is_refused_and_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    other = tmp_path / "base"
    tiny_llama(engine.base.tokenizer, seed=9).save_pretrained(other)
    engine.base.tokenizer.save_pretrained(other)
    stranger = save_tiny_adapter(other, tmp_path / "adapter")

    with pytest.raises(AdapterError, match="was trained on another"):
        engine.attach("other@best", stranger)

    assert list(engine.tuned.peft_config) == ["persona"]  # type: ignore[union-attr]
    assert texts(engine, [PERSONA])


def test_weights_of_a_wrong_shape_leave_nothing_behind(engine: Engine, epochs: dict[str, Path], tmp_path: Path) -> None:
    small, large = list(epochs.values())[:2]
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for file in large.iterdir():
        (mixed / file.name).write_bytes(file.read_bytes())
    (mixed / "adapter_model.safetensors").write_bytes((small / "adapter_model.safetensors").read_bytes())

    with pytest.raises(AdapterError, match="cannot be loaded"):
        engine.attach("mixed@best", mixed)

    assert list(engine.tuned.peft_config) == ["persona"]  # type: ignore[union-attr]


def test_without_strength_the_persona_is_the_base_bit_for_bit(engine: Engine, bare: Engine) -> None:
    lanes = [PERSONA, BASE]

    assert torch.equal(logits(engine, lanes, 0), logits(bare, [BASE, LANES["base"]], 1))
    assert not torch.equal(logits(engine, lanes, 0.01), logits(bare, [BASE, LANES["base"]], 1))


def test_the_strength_of_one_answer_is_forgotten_in_the_next(engine: Engine) -> None:
    full = logits(engine, [PERSONA], 1)
    for strength in (0.5, 1.5, 0):
        assert not torch.allclose(logits(engine, [PERSONA], strength), full, atol=1e-3)

    engine.kept.forget()

    assert torch.equal(logits(engine, [PERSONA], 1), full)


def test_names_say_who_answers() -> None:
    assert [
        lane.name
        for lane in (Lane(True, True, "r@last"), Lane(True, False, "r@epoch-3"), Lane(False, True, model="qwen3:8b"))
    ] == ["persona@r@last+prefix", "persona@r@epoch-3", "@qwen3:8b"]
    assert list(LANES) == ["persona+prefix", "base+prefix", "persona", "base"]


def test_compiling_needs_a_gpu(bare: Engine) -> None:
    with pytest.raises(BaseModelError, match="on a GPU is compiled, and this one is on the cpu"):
        Engine(bare.base, None, [2], compile=True)
