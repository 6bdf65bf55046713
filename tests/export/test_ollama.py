"""`--to ollama`: a Modelfile that says what chat says, or the reason why there is none."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerFast

from roleplay.errors import AdapterError, TemplateError
from roleplay.export.export import export
from roleplay.export.families import FAMILIES
from roleplay.paths import Home
from tests.export.made import everything, save_other, save_run
from tests.export.modelfile import read_modelfile
from tests.export.test_gguf import read_gguf
from tests.tiny import save_tiny_base
from tests.training.pell import write_pell

DESCRIBED = (
    "prefixes:\n"
    "  - {id: who, text: You are Pell.}\n"
    "  - {id: off, text: Not this one., default: off}\n"
    "  - {id: near, text: (Softly.), place: last_user}\n"
)


def read(folder: Path) -> list[tuple[str, str]]:
    return read_modelfile((folder / "Modelfile").read_text(encoding="utf-8"))


def test_the_modelfile_says_what_chat_says(pell: Path, home: Home) -> None:
    done = export(home, "pell", "ollama")
    assert read(done.folder) == [
        ("FROM", "./base"),
        ("ADAPTER", "./adapter.gguf"),
        ("TEMPLATE", FAMILIES[0].go()),
        ("SYSTEM", "You are Pell.\n\nPell is brief."),
        ("MESSAGE assistant", "Hello, Tom."),
        ("LICENSE", "MIT"),
        ("PARAMETER temperature", "0.5"),
        ("PARAMETER top_p", "0.9"),
        ("PARAMETER top_k", "7"),
        ("PARAMETER min_p", "0.0"),
        ("PARAMETER repeat_penalty", "1.0"),
        ("PARAMETER num_predict", "256"),
        ("PARAMETER num_ctx", "512"),
        ("PARAMETER stop", "<|im_end|>"),
    ]
    assert FAMILIES[0].go().endswith("<|im_start|>assistant\n")


def test_the_adapter_beside_it_is_ours(pell: Path, home: Home) -> None:
    done = export(home, "pell", "ollama")
    found = read_gguf((done.folder / "adapter.gguf").read_bytes())
    saved = load_file(home.runs / "pell" / "tiny" / "adapter" / "best" / "adapter_model.safetensors")
    assert found.metadata["general.architecture"] == "llama"
    assert (found.metadata["adapter.lora.alpha"], len(found.tensors)) == (8.0, len(saved))
    stem = "base_model.model.model.layers.0.self_attn."
    assert (found.tensors["blk.0.attn_v.weight.lora_b"] == saved[stem + "v_proj.lora_B.weight"].numpy()).all()
    assert (found.tensors["blk.0.attn_q.weight.lora_a"] == saved[stem + "q_proj.lora_A.weight"].numpy()).all()
    assert (found.tensors["blk.0.attn_q.weight.lora_b"] != saved[stem + "q_proj.lora_B.weight"].numpy()).any()


def test_only_prefixes_that_are_on_are_said_and_what_has_no_place_is_told(pell: Path, home: Home) -> None:
    text = pell.read_text(encoding="utf-8")
    begin, end = text.index("prefixes:"), text.index("corpora:")
    pell.write_text(text[:begin] + DESCRIBED + text[end:], encoding="utf-8")
    done = export(home, "pell", "ollama")
    assert dict(read(done.folder))["SYSTEM"] == "You are Pell."
    assert "left out, since Ollama has no place before the last user turn: near" in done.notes


def test_the_folder_of_the_base_is_told_on_the_screen_alone(pell: Path, home: Home, base: Path) -> None:
    done = export(home, "pell", "ollama")
    assert f"the base: cp -rL {base} base   # in the new folder" in done.notes
    for content in everything(done.folder).values():
        for trace in (str(base), str(home.root), str(pell.parent)):
            assert trace.encode() not in content
    assert everything(done.folder) == everything(export(home, "pell", "ollama", Path("again")).folder)


@pytest.mark.parametrize("kind", ["qwen2", "gpt2"])
def test_an_architecture_that_ollama_takes_no_adapter_for_is_refused_with_ways_out(
    kind: str, project: Path, home: Home, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = save_other(tmp_path / kind, kind, chatml_tokenizer)
    write_pell(project / "characters", folder)
    save_run(home, "pell", folder)
    with pytest.raises(AdapterError) as caught:
        export(home, "pell", "ollama")
    assert str(caught.value) == (
        "Ollama takes adapters for bases of the architectures LlamaForCausalLM and Gemma2ForCausalLM alone, and "
        f"{kind} is a {kind} model; write a model of its own with 'roleplay export pell --to merged' and import that "
        "folder (FROM), or convert it with llama.cpp: 'python convert_hf_to_gguf.py pell-merged', or the adapter "
        "alone, from 'roleplay export pell --to peft': "
        "'python convert_lora_to_gguf.py --base FOLDER-OF-THE-BASE pell-peft'"
    )
    assert not Path("pell-ollama").exists()


def test_a_template_that_is_not_known_is_refused(
    project: Path, home: Home, tmp_path: Path, chatml_tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = save_tiny_base(tmp_path / "odd", chatml_tokenizer)
    template = folder / "chat_template.jinja"
    text = template.read_text(encoding="utf-8")
    template.write_text(text.replace("'<|im_start|>' + message.role", "'<|im_start|>' + message.role|upper"))
    assert template.read_text(encoding="utf-8") != text
    write_pell(project / "characters", folder)
    save_run(home, "pell", folder)
    with pytest.raises(
        TemplateError, match=r"the chat template of odd is none that can be written for Ollama \(chatml"
    ):
        export(home, "pell", "ollama")
