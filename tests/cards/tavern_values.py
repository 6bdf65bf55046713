"""Tavern cards of every shape, as strategies."""

from typing import Any

from hypothesis import strategies as st

from roleplay.cards.load import cleaned
from roleplay.cards.model import Card
from roleplay.cards.tavern.character import EXAMPLES, Character
from roleplay.dialogue import Dialogue, Turn
from roleplay.text import clean

TEXT = st.text(
    st.one_of(
        st.sampled_from(list("aZ 9\t\n\r:-#'\"{}<>[]|&*!%@`,?~.")),
        st.characters(codec=None),
        st.sampled_from(
            ["\x00", "\x07", "\u202e", "\ud800", "\udfff", "\x85", "\u2028", "\ufeff", "\uffff", "🦀", "结"]
        ),
    ),
    max_size=12,
)
LINES = st.lists(
    st.one_of(
        TEXT,
        st.sampled_from(
            [
                "<START>",
                "<start>",
                "{{user}}: Hi.",
                "{{char}}: Hello.",
                "{{char}}:",
                "You: Well?",
                "Mina: Yes.",
                "\r",
                "",
            ]
        ),
    ),
    max_size=6,
).map("\n".join)


def _json(integers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | integers | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=8,
    )


JSON = _json(st.integers())
YAML = _json(st.integers(-(10**29), 10**29))
"""What a card of ours can hold: a number of more digits is read as text."""
_STRINGS = ["name", "description", "personality", "scenario", "first_mes", "creator_notes", "system_prompt"]
_STRINGS += ["post_history_instructions", "creator", "character_version", "nickname"]
_LISTS = ["alternate_greetings", "tags", "group_only_greetings", "source"]
_OBJECTS = ["extensions", "character_book", "creator_notes_multilingual"]
_OTHERS = ["assets", "creation_date", "modification_date", "spec", "data", "greeting", "constructor"]


def _field(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly what the specification asks for, sometimes anything."""
    return st.one_of(good, good, good, JSON)


FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": _field(st.sampled_from(["Mina", "Mina", "  Mina \n", ""]))},
    optional={
        **{key: _field(st.one_of(TEXT, LINES, st.just("{{original}}"))) for key in _STRINGS[1:]},
        "mes_example": _field(LINES),
        **{key: _field(st.lists(TEXT, max_size=3)) for key in _LISTS},
        **{key: _field(st.dictionaries(TEXT, JSON, max_size=3)) for key in _OBJECTS},
        **dict.fromkeys(_OTHERS, JSON),
    },
)


@st.composite
def tavern_cards(draw: st.DrawFn, spec: str) -> dict[str, Any]:
    """A whole V2 or V3 card, with odd things around it, some of them its fields once more."""
    data = draw(FIELDS)
    around = draw(st.dictionaries(TEXT, JSON, max_size=3))
    mirrored = {key: data[key] for key in draw(st.sets(st.sampled_from(sorted(data))))}
    head = {"spec": f"chara_card_{spec}", "spec_version": draw(st.sampled_from([f"{spec[1]}.0", "9.5", 7, None]))}
    return {**around, **mirrored, **head, "data": data}


def _filled(text: str) -> str:
    return clean(text).strip() or "x"


def _line(text: str) -> str:
    return " ".join(_filled(text).split()) or "x"


_SAID = st.one_of(TEXT, LINES).map(_filled)
_NAMED = st.text("abXY09-_", min_size=1, max_size=8).map(lambda text: f"n{text}")
_PREFIX_IDS = ["system", "description", "personality", "post-history", "who", "scene"]


@st.composite
def native_characters(draw: st.DrawFn) -> Character:
    """Native characters with corpora, some of which look like what an import writes."""
    ids = draw(st.lists(st.sampled_from(_PREFIX_IDS), unique=True, max_size=4))
    prefix = st.fixed_dictionaries(
        {"text": _SAID},
        optional={"place": st.sampled_from(["system", "last_user"]), "default": st.booleans(), "train": st.just(0.25)},
    )
    answers = st.lists(_SAID, min_size=1, max_size=2)
    talk = [
        Dialogue(tuple(turn for said in block for turn in (Turn("user", said), Turn("assistant", said + "!"))), "")
        for block in draw(st.lists(answers, max_size=2))
    ]
    files = draw(st.dictionaries(_NAMED.map(lambda name: f"{{name}}/{name}.yaml"), TEXT, max_size=2))
    files = {path: text for path, text in files.items() if len({other.casefold() for other in files}) == len(files)}
    corpora = [{"path": path, "kind": "desc", "weight": 2.0} for path in files]
    if talk:
        corpora.insert(draw(st.integers(0, len(corpora))), {"path": EXAMPLES, "kind": "dialogue"})
    fields = {
        "schema": 1,
        "name": draw(_NAMED),
        "display_name": draw(TEXT.map(_line)),
        "language": draw(st.sampled_from(["en", "zh"])),
        "prefixes": [{"id": id_, **draw(prefix)} for id_ in ids],
        "corpora": corpora,
        **draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "user_name": TEXT.map(_line),
                    "version": TEXT.map(_line),
                    "description": TEXT.map(clean),
                    "tags": st.lists(TEXT.map(_line), max_size=2),
                    "greeting": _SAID,
                    "alternate_greetings": st.lists(_SAID, max_size=2),
                    "book": st.dictionaries(TEXT, YAML, max_size=2).map(cleaned),
                    "extra": st.dictionaries(TEXT.filter(lambda key: key != "tavern"), YAML, max_size=2).map(cleaned),
                    "generation": st.just({"temperature": 0.5}),
                },
            )
        ),
    }
    return Character(Card.model_validate(fields), tuple(talk), files)
