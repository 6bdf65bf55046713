"""README.md of a pack in a repository: what the character is, how to use it, and what was measured."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from roleplay.evaluation.table import written
from roleplay.generation.lanes import LANES
from roleplay.packs.manifest import Figure, Manifest, PackedBase
from roleplay.packs.places import ADAPTER

_MARKS = re.compile(r"([\\`*_{}\[\]()<>#|~&!@$]|:(?=/)|\.(?=\S))")
"""What Markdown, HTML, mathematics, mentions or links that are made of themselves begin with."""
_BEGINNING = re.compile(r"^(\d*)([-+=.)])")
"""What makes a list or a heading of a line that begins with it."""
_LICENSES = re.compile(
    r"(apache-2\.0|mit|bsd|bsd-[23]-clause|cc0-1\.0|cc-by(-nc)?(-sa|-nd)?-(3\.0|4\.0)|unlicense|wtfpl|isc|[al]?gpl-3\.0)"
)
"""Names of licences that the hub knows; of any other it is told in words."""
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_BITS = "held-out bits per character"


def model_card(manifest: Manifest, repo_id: str) -> str:
    """README.md of the repository `repo_id`. Texts of the pack are shown as they are: their markup is none here."""
    sections = [
        f"# {_plain(manifest.display_name)}",
        _plain(manifest.description),
        _what(manifest),
        f"## Use\n\n```sh\nroleplay pack install {repo_id}\nroleplay chat {manifest.name}\n```",
        _load(manifest, repo_id),
        _figures(manifest),
        _samples(manifest),
        _recipe(manifest),
        _base(manifest),
        _left_out(manifest),
    ]
    return _front(manifest) + "\n" + "\n\n".join(part for part in sections if part) + "\n"


def hub_id(base: PackedBase) -> str | None:
    """The base as the hub calls it; `None` for `pocket` and for a folder of somebody's machine."""
    return base.name if "/" in base.name or base.revision is not None else None


def _front(manifest: Manifest) -> str:
    """The part that the hub reads: https://huggingface.co/docs/hub/model-cards."""
    facts: dict[str, Any] = {}
    license_ = manifest.license.lower().removesuffix("-only").removesuffix("-or-later")
    if license_:
        facts |= {"license": license_} if _LICENSES.fullmatch(license_) else _other_license(manifest.license)
    language = manifest.language.lower().partition("-")[0]
    if _LANGUAGE.fullmatch(language):
        facts["language"] = [language]
    if manifest.adapter is not None:
        base = hub_id(manifest.base) if manifest.base is not None else None
        facts |= {"base_model": base} if base is not None else {}
        facts |= {"library_name": "peft", "pipeline_tag": "text-generation"}
    facts["tags"] = ["roleplay", "character", *(["lora"] if manifest.adapter is not None else [])]
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)}---\n"


def _other_license(name: str) -> dict[str, str]:
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-") or "other"}


def _what(manifest: Manifest) -> str:
    holds = "The card and a LoRA adapter" if manifest.adapter is not None else "The card without an adapter"
    by = f" by {_plain(manifest.creator)}" if manifest.creator else ""
    version = f", version {_plain(manifest.version)}" if manifest.version else ""
    terms = f" Licence: {_plain(manifest.license)}." if manifest.license else " The card names no licence."
    return f"{holds} of a character{by}{version}, packed by {_plain(manifest.made_by)}.{terms}"


def _load(manifest: Manifest, repo_id: str) -> str:
    if manifest.base is None or manifest.adapter is None:
        return ""
    known = hub_id(manifest.base)
    base = known or f"folder of {manifest.base.name}"
    revision = f", revision={json.dumps(manifest.base.revision)}" if manifest.base.revision else ""
    where = ""
    if manifest.base.name == "pocket":
        where = "The base `pocket` comes with `roleplay`; `roleplay locate` tells its folder.\n\n"
    elif known is None:
        where = (
            f"The base {_plain(manifest.base.name)} was a folder; its hashes below tell whether you have the same.\n\n"
        )
    code = (
        "from peft import PeftModel\n"
        "from transformers import AutoModelForCausalLM\n\n"
        f"base = AutoModelForCausalLM.from_pretrained({json.dumps(base)}{revision})\n"
        f'model = PeftModel.from_pretrained(base, "{repo_id}", subfolder="{ADAPTER.rstrip("/")}")'
    )
    return f"The adapter alone, with peft:\n\n{where}```python\n{code}\n```"


def _figures(manifest: Manifest) -> str:
    """Measures as rows, lanes as columns; each figure with its 95 % interval."""
    evidence = manifest.evidence
    rows = [(_BITS, "lower", "number", evidence.heldout_bits)] if evidence.heldout_bits else []
    rows += [(one.title, one.better, one.scale, one.lanes) for one in evidence.evaluation]
    found = list(dict.fromkeys(lane for *_, lanes in rows for lane in lanes))
    lanes = [*(lane for lane in LANES if lane in found), *(lane for lane in found if lane not in LANES)]
    if not rows:
        return ""
    lines = [_row("", *map(_plain, lanes)), _row("---", *("---:" for _ in lanes))]
    for title, better, scale, figures in rows:
        way = "" if better == "neither" else f", {better} is better"
        lines.append(_row(f"{_plain(title)}{way}", *(_figure(figures.get(lane), scale) for lane in lanes)))
    told = "`base` is the untouched model, `persona` the one with the adapter; `+prefix` has the persona as its prompt."
    return f"## Measured\n\n{told} In brackets: 95 % intervals.\n\n" + "\n".join(lines)


def _figure(figure: Figure | None, scale: str) -> str:
    if figure is None:
        return ""
    value, low, high = (written(one, scale) for one in (figure.value, figure.low, figure.high))
    return value if low == high else f"{value} ({low.removesuffix(' %')} to {high})"


def _samples(manifest: Manifest) -> str:
    told = []
    for sample in manifest.evidence.samples:
        said = [("You", sample.prompt), *sample.replies.items()]
        told.append("\n>\n".join(f"> **{_plain(who)}:** {_plain(text)}" for who, text in said))
    return "## Heard\n\n" + "\n\n---\n\n".join(told) if told else ""


def _recipe(manifest: Manifest) -> str:
    recipe = manifest.recipe
    if recipe is None:
        return ""
    values = [(key, json.dumps(value, ensure_ascii=False)) for key, value in recipe.settings.items()]
    lines = [_row("setting", "value"), _row("---", "---"), *(_row(_plain(key), _plain(text)) for key, text in values)]
    libraries = ", ".join(f"{_plain(name)} {_plain(version)}" for name, version in recipe.environment.items())
    measured = ", ".join(f"{_plain(key)} {value:g}" for key, value in manifest.evidence.training.items())
    told = [f"Preset {_plain(recipe.preset)}" + (f", with {libraries}" if libraries else "") + "."]
    told += [f"At its end: {measured}."] if measured else []
    return "## Trained\n\n" + " ".join(told) + ("\n\n" + "\n".join(lines) if values else "")


def _base(manifest: Manifest) -> str:
    base, adapter = manifest.base, manifest.adapter
    if base is None or adapter is None:
        return ""
    shape = (
        f"Rank {adapter.rank}, alpha {adapter.alpha:g}{' (rslora)' if adapter.rslora else ''}, on "
        f"{', '.join(map(_plain, adapter.targets))}: {adapter.modules} modules, {adapter.parameters:,} numbers in "
        f"{adapter.dtype}, taken at step {adapter.step:,}."
    )
    facts = {"base": base.name, "revision": base.revision, "configuration": base.config, "tokenizer": base.tokenizer}
    facts |= {"chat template": base.template, "weights": base.weights}
    lines = [_row("", "SHA-256, or name"), _row("---", "---")]
    lines += [_row(key, _plain(value)) for key, value in facts.items() if value is not None]
    return f"## Adapter and base\n\n{shape}\n\n" + "\n".join(lines)


def _left_out(manifest: Manifest) -> str:
    lines: Iterator[str] = (f"- {_plain(line)}" for line in manifest.left_out)
    return "## Left out\n\n" + "\n".join(lines) if manifest.left_out else ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """`text` on one line, shown as it is."""
    return _BEGINNING.sub(r"\1\\\2", _MARKS.sub(r"\\\1", " ".join(text.split())))
