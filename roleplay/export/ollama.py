"""A Modelfile with the adapter beside it, for Ollama.

The adapter is written as GGUF. Ollama converts safetensors too, for `llama` and `gemma2` alone (`convert/convert.go`),
but what it finds in a folder (`model*.safetensors`) is not what peft writes, and of `llama` it turns the rows of A in q
and k, where those of B make the heads (`convert/convert_llama_adapter.go`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

from roleplay.cards.model import Card
from roleplay.cards.prompt import assemble, default_prefixes, fill
from roleplay.chat.sampled import card_sampling
from roleplay.errors import AdapterError, TemplateError
from roleplay.export.families import FAMILIES, Family, family_of
from roleplay.export.gguf import Heads, adapter_gguf, read_tensors
from roleplay.export.page import title
from roleplay.export.quoting import command, fenced, modelfile_text, printed
from roleplay.export.subject import Subject, base_config, is_public, open_renderer
from roleplay.models.shape import read_shape
from roleplay.paths import write_file

if TYPE_CHECKING:
    from roleplay.dataset.render import Renderer

ADAPTER, MODELFILE, BASE = "adapter.gguf", "Modelfile", "base"
ARCHITECTURES = {"LlamaForCausalLM": "llama", "Gemma2ForCausalLM": "gemma2"}
"""Architectures of transformers that Ollama takes an adapter for, and what GGUF calls them."""
_JOINER = "\u2060"


def write_ollama(subject: Subject, folder: Path) -> list[str]:
    """Fill `folder`; returns what a person should know. Raises what its parts raise."""
    renderer = open_renderer(subject)
    config = base_config(subject.spec)
    architecture = _architecture(subject, config)
    family = _family(subject, renderer)
    heads = Heads(int(str(config["num_attention_heads"])), _key_heads(config), architecture == "llama")
    tensors = read_tensors(subject.folder)
    write_file(folder / ADAPTER, adapter_gguf(architecture, tensors, read_shape(subject.folder), heads))
    write_file(folder / MODELFILE, modelfile(subject.card, renderer, family, _context(config)))
    write_file(folder / "README.md", _page(subject))
    return _notes(subject, renderer)


def modelfile(card: Card, renderer: "Renderer", family: Family, context: int) -> str:
    """The Modelfile's text: a line for each instruction, a stranger's text between quotes that it cannot leave."""
    sampling = card_sampling(card, {})
    lines = [
        f"# The base's files lie in {BASE}/, as README.md says.",
        f"FROM ./{BASE}",
        f"ADAPTER ./{ADAPTER}",
        f"TEMPLATE {modelfile_text(family.go())}",
    ]
    first = assemble(card, card.prefixes, default_prefixes(card.prefixes), ())
    if first:
        lines.append(f"SYSTEM {_said(first[0].text, renderer)}")
    if card.greeting and renderer.traits.takes_opening:
        lines.append(f"MESSAGE assistant {_said(fill(card.greeting, card), renderer)}")
    if card.license:
        lines.append(f"LICENSE {modelfile_text(card.license)}")
    numbers = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repetition_penalty,
        "num_predict": sampling.max_new_tokens,
        "num_ctx": context,
    }
    lines += [f"PARAMETER {name} {value}" for name, value in numbers.items()]
    lines.append(f"PARAMETER stop {modelfile_text(renderer.traits.end_of_turn)}")
    return "\n".join(lines) + "\n"


def _said(text: str, renderer: "Renderer") -> str:
    """A stranger's text with control tokens taken apart by blanks: the joiner that chat uses would be dropped."""
    return modelfile_text(renderer.plain(printed(text)).replace(_JOINER, " "))


def _architecture(subject: Subject, config: dict[str, object]) -> str:
    """What GGUF calls the base's architecture. Raises AdapterError where Ollama takes no adapter for it."""
    named = config.get("architectures")
    found = [name for name in named if name in ARCHITECTURES] if isinstance(named, list) else []
    if found:
        return ARCHITECTURES[found[0]]
    name = subject.card.name
    raise AdapterError(
        f"Ollama takes adapters for bases of the architectures {' and '.join(ARCHITECTURES)} alone, and "
        f"{subject.passport.base.name} is a {config.get('model_type')} model; write a model of its own with "
        f"'roleplay export {name} --to merged' and import that folder (FROM), or convert it with llama.cpp: "
        f"'python convert_hf_to_gguf.py {name}-merged', or the adapter alone, from 'roleplay export {name} --to peft': "
        f"'python convert_lora_to_gguf.py --base FOLDER-OF-THE-BASE {name}-peft'"
    )


def _family(subject: Subject, renderer: "Renderer") -> Family:
    family = family_of(renderer)
    if family is None:
        raise TemplateError(
            f"the chat template of {subject.passport.base.name} is none that can be written for Ollama "
            f"({', '.join(family.name for family in FAMILIES)}), so that the character would be asked in words it was "
            f"not trained on; export with --to merged, whose tokenizer brings the template"
        )
    return family


def _key_heads(config: dict[str, object]) -> int:
    return int(str(config.get("num_key_value_heads") or config["num_attention_heads"]))


def _context(config: dict[str, object]) -> int:
    return int(str(config.get("max_position_embeddings") or 2048))


def _notes(subject: Subject, renderer: "Renderer") -> list[str]:
    notes = ["Ollama itself was not run to make this: the files follow its documentation and sources"]
    near = [prefix.id for prefix in subject.card.prefixes if prefix.default and prefix.place == "last_user"]
    if near:
        notes.append(f"left out, since Ollama has no place before the last user turn: {', '.join(near)}")
    if subject.card.greeting and not renderer.traits.takes_opening:
        notes.append("the greeting is left out: this base's template cannot begin with the character")
    if not is_public(subject.spec):
        notes.append(f"the base: {command('cp', '-rL', str(subject.spec.folder), BASE)}   # in the new folder")
    return notes


def _page(subject: Subject) -> str:
    base = subject.passport.base
    if is_public(subject.spec):
        pinned = ["--revision", base.revision] if base.revision else []
        fetch = command("hf", "download", base.name, *pinned, "--local-dir", BASE)
    else:
        fetch = f"cp -rL FOLDER-OF-THE-BASE {BASE}"
    begin = [fetch, command("ollama", "create", subject.card.name, "-f", MODELFILE)]
    begin.append(command("ollama", "run", subject.card.name))
    return f"{title(subject)}\n## Begin\n\nIn this folder:\n\n{fenced(chr(10).join(begin), 'sh')}"
