"""An adapter with the command and the requests that serve its lanes from vLLM.

Read in vLLM's sources: `MaxLoRARanks` of `vllm/config/lora.py`, `PEFTHelper` of `vllm/lora/peft_helper.py` (which takes
rsLoRA), `packed_modules_mapping` of the models.
"""

import json
from pathlib import Path

from roleplay.errors import AdapterError
from roleplay.export.page import front_matter, title
from roleplay.export.peft_folder import MADE_BY
from roleplay.export.quoting import command, fenced
from roleplay.export.requests import lane_requests
from roleplay.export.subject import Subject, base_config, is_public, open_renderer
from roleplay.models.plain_adapter import write_plain
from roleplay.models.shape import read_shape
from roleplay.paths import write_file

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values of --max-lora-rank."""
_SEPARATE = ["k_proj", "q_proj", "v_proj"]
_FUSED = {"phi3": ["qkv_proj"], "gpt_bigcode": ["c_attn"]}
"""Model types whose fused projection vLLM takes an adapter for, under the name that transformers has for it."""
_SERVER = "http://localhost:8000/v1"
ADAPTER = "adapter"
"""Folder of the adapter, beside the command."""


def write_vllm(subject: Subject, folder: Path) -> list[str]:
    """Fill `folder`; returns what a person should know. Raises AdapterError, BaseModelError or StorageError."""
    renderer = open_renderer(subject)
    rank = served_rank(subject)
    _check_modules(subject)
    passport = write_plain(subject.folder, folder / ADAPTER, MADE_BY)
    requests = lane_requests(subject, renderer, base=passport.base.name)
    for lane, body in requests.items():
        write_file(folder / "requests" / f"{lane}.json", json.dumps(body, ensure_ascii=False, indent=2) + "\n")
    public = is_public(subject.spec)
    write_file(folder / "serve.sh", _script(serve_command(subject, rank, None if not public else subject.spec.name)))
    write_file(folder / "README.md", _page(subject, list(requests)))
    notes = ["vLLM itself was not run to make this: the command and the requests follow its documentation"]
    if not public:
        source = command(str(subject.spec.folder))
        notes.append(f"the base is a folder here, which serve.sh takes as its argument: sh serve.sh {source}")
    if renderer.traits.default_system:
        notes.append(
            "this base's template writes a system prompt of its own where none is sent, which roleplay leaves out: "
            "the lanes without prefixes answer differently there"
        )
    return notes


def served_rank(subject: Subject) -> int:
    """The smallest rank vLLM can be started with that holds the adapter. Raises AdapterError."""
    rank = read_shape(subject.folder).rank
    for allowed in RANKS:
        if rank <= allowed:
            return allowed
    raise AdapterError(
        f"the adapter has rank {rank}, and vLLM serves none above {RANKS[-1]}; export with --to merged, which has no "
        f"rank, or train with --rank {RANKS[-1]}"
    )


def serve_command(subject: Subject, rank: int, base: str | None) -> str:
    """The command line; `base` is a hub id, or `None` for the folder that the script is given."""
    name = subject.passport.base.name
    modules = {"name": subject.card.name, "path": ADAPTER, "base_model_name": name}
    revision = subject.passport.base.revision if base is not None else None
    rest = ["--served-model-name", name, "--enable-lora", "--max-lora-rank", str(rank)]
    rest += ["--lora-modules", json.dumps(modules, ensure_ascii=False)]
    if revision is not None:
        rest = ["--revision", revision, *rest]
    return "vllm serve " + ('"$base"' if base is None else command(base)) + " " + command(*rest)


def _script(line: str) -> str:
    needs_base = '"$base"' in line
    asked = 'base=${1:?"give the folder of the base: sh serve.sh FOLDER"}\n' if needs_base else ""
    inside = "case $base in /*) ;; *) base=$PWD/$base ;; esac\n" if needs_base else ""
    return f'#!/bin/sh\nset -eu\n{asked}{inside}cd "$(dirname "$0")"\nexec {line}\n'


def _check_modules(subject: Subject) -> None:
    """Raises AdapterError for projections that vLLM takes no adapter for."""
    config = json.loads((subject.folder / "adapter_config.json").read_text(encoding="utf-8"))
    names, kind = sorted(config["target_modules"]), str(base_config(subject.spec).get("model_type"))
    if names not in (_SEPARATE, _FUSED.get(kind)):
        turned = ", stored (in, out)" if config.get("fan_in_fan_out") else ""
        raise AdapterError(
            f"the adapter sits on {', '.join(names)} of a {kind} model{turned}; vLLM takes adapters on q_proj, k_proj "
            f"and v_proj, and on the fused projections of {' and '.join(_FUSED)} alone; export with --to merged, which "
            "vLLM serves as a model of its own"
        )


def _page(subject: Subject, lanes: list[str]) -> str:
    name, public = subject.passport.base.name, is_public(subject.spec)
    begin = "sh serve.sh" if public else "sh serve.sh FOLDER-OF-THE-BASE"
    curl = "\n".join(
        f"curl -s {_SERVER}/chat/completions -H 'Content-Type: application/json' -d @requests/{lane}.json"
        for lane in lanes
    )
    client = (
        "import json\n"
        "from pathlib import Path\n\n"
        "from openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{_SERVER}", api_key="none")\n'
        f"for lane in {lanes!r}:\n"
        '    body = json.loads(Path("requests", f"{lane}.json").read_text(encoding="utf-8"))\n'
        '    reply = client.chat.completions.create(model=body["model"], messages=body["messages"], extra_body=body)\n'
        "    print(lane, reply.choices[0].message.content)"
    )
    parts = [
        front_matter(subject.card, name, "peft"),
        title(subject),
        "## Serve it\n\n" + fenced(begin, "sh") + _SERVED,
        "## Ask it\n\n"
        + _ASKED
        + "\n"
        + fenced(curl, "sh")
        + "\nWith the `openai` library:\n\n"
        + fenced(client, "python"),
    ]
    return "\n".join(parts)


_SERVED = """
The adapter lies in `adapter/`, a plain peft folder. The server knows two models: the base under its name, and the
character under hers or his.
"""
_ASKED = """\
| lane | model | prefixes |
| --- | --- | --- |
| `base` | the base | none |
| `persona` | the character | none |
| `persona+prefix` | the character | the system prompt, and what goes before the last user turn |

The files hold the first turn of a chat. Later turns go behind it; of a prefix before the last user turn no copy stays
in the history. The server counts the prompt in a repetition penalty, and roleplay the reply alone.
"""
