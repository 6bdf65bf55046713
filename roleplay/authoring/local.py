"""A causal LM loaded here, as a chat model: the base alone, without any adapter."""

from roleplay.authoring.asking import Answer, Prompt
from roleplay.dataset.render import make_renderer
from roleplay.errors import ContextFull
from roleplay.generation.engine import Engine
from roleplay.generation.events import Finished
from roleplay.generation.lanes import Lane
from roleplay.generation.settings import Sampling
from roleplay.models.base import load_base
from roleplay.models.passport import BaseIdentity
from roleplay.models.spec import parse_spec
from roleplay.text import fingerprint

_ALONE = Lane(adapter=False, prefix=False)


class LocalModel:
    """A base that answers one prompt at a time."""

    def __init__(self, base: str | None, *, trust_remote_code: bool = False, quant: str = "none") -> None:
        """Load the base. Raises BaseModelError or TemplateError."""
        loaded = load_base(parse_spec(base, trust_remote_code=trust_remote_code), quant=quant)
        self._renderer = make_renderer(loaded.tokenizer)
        self._engine = Engine(loaded, None, [self._renderer.traits.end_of_turn_id])
        self.identity: BaseIdentity = loaded.identity
        self.quant = quant

    @property
    def name(self) -> str:
        """Name, a hash of what the base is, and how it is kept in memory."""
        kept = "" if self.quant == "none" else f" in {self.quant}"
        return f"local:{self.identity.name}@{fingerprint(repr(self.identity))[:12]}{kept}"

    def answer(self, prompt: Prompt) -> Answer:
        """Sample as chat does; the same prompt gets the same answer. Raises ContextFull."""
        ids = self._renderer.prompt_ids(prompt.messages)
        if len(ids) >= self._engine.base.context:
            raise ContextFull(
                f"the prompt has {len(ids)} tokens and the base '{self.identity.name}' takes "
                f"{self._engine.base.context} with its answer; choose a base that takes more, or a smaller --passage"
            )
        sampling = Sampling(temperature=prompt.temperature, max_new_tokens=prompt.max_tokens, seed=prompt.seed)
        (finished,) = [e for e in self._engine.stream([_ALONE], [ids], sampling) if isinstance(e, Finished)]
        stopped = "end" if finished.stopped == "end" else "length"
        return Answer(finished.text.strip(), stopped, len(ids), finished.tokens)
