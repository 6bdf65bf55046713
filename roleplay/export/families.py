"""Families of chat templates that other programs know, told apart by what they render.

A base's template is Jinja, Ollama's is Go's, and LLaMA-Factory has names for its own. A family is written down once, as
what stands around a turn; the Go text is made from it, and a base belongs to it only where both render the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roleplay.dialogue import Role, Turn

if TYPE_CHECKING:
    from roleplay.dataset.render import Renderer

_SPEAKERS: tuple[Role, ...] = ("system", "user", "assistant")


@dataclass(frozen=True)
class Family:
    """What stands around the turns of a conversation."""

    name: str
    """Its name, for messages."""
    factory: str
    """Name of the template in LLaMA-Factory that writes the same."""
    head: str
    """The beginning-of-text token, which Ollama writes by itself; empty where there is none."""
    opening: str
    """Before a turn; `ROLE` stands for the speaker."""
    closing: str
    """After a turn."""
    speaker: str = "assistant"
    """What the character is called."""
    asking: str = ""
    """What follows the opening of the turn that is asked for, and stands in no turn of the history."""
    takes_system: bool = True
    """Whether there are system turns; else they are folded into the first user turn."""

    def _before(self, role: Role) -> str:
        return self.opening.replace("ROLE", self.speaker if role == "assistant" else role)

    def render(self, turns: Sequence[Turn]) -> str:
        """The prompt for the answer that follows `turns`."""
        said = "".join(self._before(turn.role) + turn.text + self.closing for turn in turns)
        return self.head + said + self._before("assistant") + self.asking

    def go(self) -> str:
        """The same as a Go template over Ollama's `.Messages`, without the head."""
        if self.takes_system:
            branches = [
                f'if eq .Role "{role}" }}}}{self._before(role)}{{{{ .Content }}}}{self.closing}' for role in _SPEAKERS
            ]
            said = "{{ range .Messages }}{{ " + "{{ else ".join(branches) + "{{ end }}{{ end }}"
        else:
            said = self._go_folded()
        return said + self._before("assistant") + self.asking

    def _go_folded(self) -> str:
        """As `go`, with the system turns put before the first user turn."""
        user = self._before("user") + "{{ $fold }}{{ .Content }}" + self.closing + '{{ $fold = "" }}'
        answer = self._before("assistant") + "{{ .Content }}" + self.closing
        return (
            '{{ $fold := "" }}{{ if .System }}{{ $fold = printf "%s\\n\\n" .System }}{{ end }}{{ range .Messages }}'
            '{{ if eq .Role "user" }}' + user + '{{ else if eq .Role "assistant" }}' + answer + "{{ end }}{{ end }}"
        )


FAMILIES = (
    Family("chatml", "chatml", "", "<|im_start|>ROLE\n", "<|im_end|>\n"),
    Family(
        "chatml with thinking switched off",
        "qwen3",
        "",
        "<|im_start|>ROLE\n",
        "<|im_end|>\n",
        asking="<think>\n\n</think>\n\n",
    ),
    Family("llama3", "llama3", "<|begin_of_text|>", "<|start_header_id|>ROLE<|end_header_id|>\n\n", "<|eot_id|>"),
    Family(
        "gemma",
        "gemma",
        "<bos>",
        "<start_of_turn>ROLE\n",
        "<end_of_turn>\n",
        speaker="model",
        takes_system=False,
    ),
)
"""Those that are known."""

_QUESTION, _ANSWER, _NEXT = Turn("user", "Quserq"), Turn("assistant", "Qanswerq"), Turn("user", "Qnextq")
_SYSTEM = Turn("system", "Qsystemq")
PROBES = (
    (_QUESTION,),
    (_SYSTEM, _QUESTION, _ANSWER, _NEXT),
    (_QUESTION, _ANSWER, _NEXT, _ANSWER, _QUESTION),
)
"""Conversations that a family must render as the base does; one that the character opens is asked apart."""


def family_of(renderer: "Renderer") -> Family | None:
    """The family whose prompts are those of chat, token for token; `None` where none is."""
    probes = [*PROBES]
    if renderer.traits.takes_opening:
        probes.append((_SYSTEM, _ANSWER, _NEXT))
    for family in FAMILIES:
        if all(_same(family, renderer, probe) for probe in probes):
            return family
    return None


def _same(family: Family, renderer: "Renderer", probe: Sequence[Turn]) -> bool:
    if family.takes_system != renderer.traits.takes_system:
        return False
    written = family.render(renderer.fitted(list(probe)))
    ids = renderer.tokenizer(written, add_special_tokens=False, verbose=False)["input_ids"]
    return list(ids) == renderer.prompt_ids(probe)
