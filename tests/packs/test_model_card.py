"""README.md of a repository: what the hub reads, what people read, and no stranger's markup."""

import json
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from roleplay.packs.manifest import (
    Evidence,
    Figure,
    Manifest,
    PackedAdapter,
    PackedBase,
    PackedMeasure,
    PackedSample,
    Recipe,
)
from roleplay.packs.model_card import model_card

REPO = "ada/mira"
BASE = PackedBase(
    name="Qwen/Qwen3-0.6B", revision="c" * 40, config="1" * 64, tokenizer="2" * 64, template="3" * 64, weights=None
)
ADAPTER = PackedAdapter(
    rank=8,
    alpha=16.0,
    rslora=False,
    fan_in_fan_out=False,
    targets=["k_proj", "q_proj", "v_proj"],
    modules=84,
    dtype="F32",
    parameters=1_720_320,
    step=120,
    heldout_loss=2.5,
)
EVIDENCE = Evidence(
    training={"loss": 1.25, "steps": 120.0},
    heldout_bits={"base": Figure(value=2.0, low=1.9, high=2.1), "persona": Figure(value=1.5, low=1.5, high=1.5)},
    evaluation=[
        PackedMeasure(
            name="refused",
            title="questions turned away",
            better="higher",
            scale="percent",
            lanes={"persona": Figure(value=0.84, low=0.75, high=0.9)},
        )
    ],
    samples=[PackedSample(prompt="What's a mole?", replies={"persona+prefix": "A neighbour.\nMostly deaf."})],
)
RECIPE = Recipe(
    preset="founding", settings={"rank": 8, "scheduler": "cosine"}, dataset=None, environment={"peft": "0.21"}
)
GOLDEN = """\
---
license: cc-by-4.0
language:
- zh
base_model: Qwen/Qwen3-0.6B
library_name: peft
pipeline_tag: text-generation
tags:
- roleplay
- character
- lora
---

# Mira

Keeps moles.

The card and a LoRA adapter of a character by Ada, version 1.2, packed by roleplay 0.1.0. Licence: CC-BY-4.0.

## Use

```sh
roleplay pack install ada/mira
roleplay chat mira
```

The adapter alone, with peft:

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("Qwen/Qwen3-0.6B", revision="cccccccccccccccccccccccccccccccccccccccc")
model = PeftModel.from_pretrained(base, "ada/mira", subfolder="roleplay/adapter/best")
```

## Measured

`base` is the untouched model, `persona` the one with the adapter; `+prefix` has the persona as its prompt. \
In brackets: 95 % intervals.

|  | persona | base |
| --- | ---: | ---: |
| held-out bits per character, lower is better | 1.50 | 2.00 (1.90 to 2.10) |
| questions turned away, higher is better | 84.0 % (75.0 to 90.0 %) |  |

## Heard

> **You:** What's a mole?
>
> **persona+prefix:** A neighbour. Mostly deaf.

## Trained

Preset founding, with peft 0\\.21. At its end: loss 1.25, steps 120.

| setting | value |
| --- | --- |
| rank | 8 |
| scheduler | "cosine" |

## Adapter and base

Rank 8, alpha 16, on k\\_proj, q\\_proj, v\\_proj: 84 modules, 1,720,320 numbers in F32, taken at step 120.

|  | SHA-256, or name |
| --- | --- |
| base | Qwen/Qwen3-0\\.6B |
| revision | cccccccccccccccccccccccccccccccccccccccc |
| configuration | 1111111111111111111111111111111111111111111111111111111111111111 |
| tokenizer | 2222222222222222222222222222222222222222222222222222222222222222 |
| chat template | 3333333333333333333333333333333333333333333333333333333333333333 |

## Left out

- data/book.txt: no licence
"""


def manifest(**facts: Any) -> Manifest:
    """Mira's, but for `facts`."""
    value: dict[str, Any] = {
        "schema": 1,
        "name": "mira",
        "display_name": "Mira",
        "version": "1.2",
        "creator": "Ada",
        "language": "zh-Hans",
        "license": "CC-BY-4.0",
        "description": "Keeps moles.",
        "made_by": "roleplay 0.1.0",
        "base": BASE,
        "adapter": ADAPTER,
        "recipe": RECIPE,
        "evidence": EVIDENCE,
        "left_out": ["data/book.txt: no licence"],
        "entries": [],
    }
    return Manifest(**value | facts)


def front(text: str) -> dict[str, Any]:
    """What the hub reads."""
    value: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return value


def test_the_card_of_a_pack_says_all_of_it() -> None:
    text = model_card(manifest(), REPO)
    # A full stop within a word is escaped: nothing becomes a link by itself.
    assert text == GOLDEN.replace("roleplay 0.1.0", "roleplay 0\\.1\\.0").replace(
        "Licence: CC-BY-4.0.", "Licence: CC-BY-4\\.0."
    ).replace("version 1.2", "version 1\\.2").replace("data/book.txt", "data/book\\.txt")


def test_the_hub_s_own_reader_finds_base_licence_and_language() -> None:
    data = ModelCard(model_card(manifest(), REPO), ignore_metadata_errors=False).data.to_dict()
    assert (data["base_model"], data["license"], data["language"]) == ("Qwen/Qwen3-0.6B", "cc-by-4.0", ["zh"])
    assert (data["library_name"], data["pipeline_tag"]) == ("peft", "text-generation")


def test_the_code_that_loads_the_adapter_is_python_and_names_the_place() -> None:
    hostile = BASE.model_copy(update={"name": 'a/"); import os #', "revision": '"+x+"'})
    for base in (BASE, hostile):
        code = model_card(manifest(base=base), REPO).split("```python\n")[1].split("```")[0]
        compile(code, "card", "exec")
        assert f"from_pretrained({json.dumps(base.name)}, revision={json.dumps(base.revision)})" in code
    assert "import os" not in code.replace(json.dumps(hostile.name), "")


@pytest.mark.parametrize(
    ("name", "told"),
    [("pocket", "The base `pocket` comes with `roleplay`"), ("my-model", "The base my-model was a folder")],
)
def test_a_base_that_is_not_on_the_hub_is_not_named_to_it(name: str, told: str) -> None:
    text = model_card(manifest(base=BASE.model_copy(update={"name": name, "revision": None})), REPO)
    assert "base_model" not in front(text)
    assert front(text)["library_name"] == "peft"
    assert told in text


def test_a_pack_without_adapter_claims_none() -> None:
    text = model_card(manifest(base=None, adapter=None, recipe=None, evidence=Evidence(), left_out=[]), REPO)
    assert front(text) == {"license": "cc-by-4.0", "language": ["zh"], "tags": ["roleplay", "character"]}
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# Mira", "## Use"]
    assert "peft" not in text


@pytest.mark.parametrize(
    ("license_", "facts"),
    [
        ("", {}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("GPL-3.0-only", {"license": "gpl-3.0"}),
        ("Ada's own: ask\"", {"license": "other", "license_name": "ada-s-own-ask"}),
        ("许可", {"license": "other", "license_name": "other"}),
    ],
)
def test_a_licence_the_hub_does_not_know_is_told_as_another(license_: str, facts: dict[str, str]) -> None:
    found = front(model_card(manifest(license=license_), REPO))
    assert {key: value for key, value in found.items() if key.startswith("license")} == facts


@pytest.mark.parametrize("language", ["../../x", "a: b", "", "english"])
def test_a_language_that_is_no_tag_is_left_out(language: str) -> None:
    assert "language" not in front(model_card(manifest(language=language), REPO))


HOSTILE = [
    "![x](https://evil.test/p.png)",
    "[click](https://evil.test)",
    "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "https://evil.test www.evil.test ada@evil.test ftp://evil.test",
    "<https://evil.test>",
    "[x]: https://evil.test",
    "&lt;b&gt; &#60;b&#62;",
    "`code` ```fence``` ~~~ *bold* __bold__ ~~gone~~",
    "a | b | c",
    "\\[x\\](y) \\![z](w) \\\\[q](https://evil.test)",
    "# heading",
    "---",
    "$x$ $$y$$",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_stranger_s_text_is_shown_as_it_is(text: str) -> None:
    said = f"before {text} after"
    line = said[:200]
    figure = Figure(value=1.0, low=1.0, high=1.0)
    evidence = Evidence(
        heldout_bits={line: figure},
        evaluation=[PackedMeasure(name="m", title=line, better="neither", scale="number", lanes={line: figure})],
        samples=[PackedSample(prompt=f"{text}\n\n{text}", replies={line: f"\n\n{text}\n{text}"})],
    )
    facts = dict.fromkeys(("display_name", "version", "creator", "license", "language", "made_by"), line)
    base = BASE.model_copy(update={"name": line, "revision": None})
    recipe = Recipe(preset=line, settings={"note": line}, dataset=None, environment={line: line})
    card = model_card(
        manifest(**facts, description=said, evidence=evidence, base=base, recipe=recipe, left_out=[line]), REPO
    )
    body = card.split("---\n", 2)[2]
    tokens = MarkdownIt("gfm-like").parse(body)
    kinds = {inner.type for token in tokens for inner in [token, *(token.children or [])]}
    assert not kinds & {"link_open", "image", "html_block", "html_inline", "em_open", "s_open"}
    assert [token.tag for token in tokens if token.type == "heading_open"].count("h1") == 1
    assert sum(token.type == "fence" for token in tokens) == 2
    rendered = ["".join(inner.content for inner in token.children or []) for token in tokens if token.type == "inline"]
    flat = " ".join(said.split())
    assert flat in rendered  # the description, character for character
    assert sum(flat in one for one in rendered) >= 9


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "23) b", "=== a", "---", "* a", "# a", "> a", "    a", "| a |"])
def test_a_text_that_begins_like_a_block_is_none(text: str) -> None:
    card = model_card(manifest(description=text, left_out=[text], creator=text), REPO)
    tokens = MarkdownIt("gfm-like").parse(card.split("---\n", 2)[2])
    kinds = [token.type for token in tokens]
    assert kinds.count("bullet_list_open") == 1  # that of what was left out
    assert not {"ordered_list_open", "hr", "code_block"} & set(kinds)
    assert kinds.count("blockquote_open") == 1  # that of the sample
    assert kinds.count("table_open") == 3
    shown = ["".join(inner.content for inner in token.children or []) for token in tokens if token.type == "inline"]
    assert shown.count(text.strip()) == 2
