"""Mimi as models of a server, over any base."""

import threading

from roleplay.cards.model import Card, Generation, Prefix
from roleplay.dataset.render import make_renderer
from roleplay.dataset.unit import Voice
from roleplay.generation.lanes import Lane
from roleplay.generation.rolling import Rolling
from roleplay.serve.model import Model
from roleplay.serve.starts import Starts

WHO = "You are {{char}}."
NEAR = "(She is sleepy.)"


def mimi_models(rolling: Rolling) -> dict[str, Model]:
    """`mimi` with both her prefixes, `mimi:no-prefix`, and `tiny`."""
    prefixes = (Prefix(id="who", text=WHO), Prefix(id="near", text=NEAR, place="last_user"))
    card = Card(
        schema=1,
        name="mimi",
        display_name="Mimi",
        language="en",
        prefixes=list(prefixes),
        generation=Generation(temperature=0.5, max_new_tokens=12),
    )
    plain = Card(schema=1, name="base", display_name="Assistant", language="en")
    renderer, lock = make_renderer(rolling.engine.base.tokenizer), threading.Lock()
    voice = Voice(card, prefixes, renderer)
    lanes = [
        ("mimi", Lane(adapter=True, prefix=True), voice, ("who", "near")),
        ("mimi:no-prefix", Lane(adapter=True, prefix=False), voice, ()),
        ("tiny", Lane(adapter=False, prefix=False), Voice(plain, (), renderer), ()),
    ]
    return {
        name: Model(name, lane, spoken, active, rolling, f"{name} on tiny", None, lock, Starts())
        for name, lane, spoken, active in lanes
    }
