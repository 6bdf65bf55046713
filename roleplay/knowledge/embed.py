"""Texts as vectors, by a model of sentence-transformers."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from roleplay.errors import BaseModelError, UsageError
from roleplay.text import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_READ = (".json", ".txt", ".model", ".vocab")
"""Ends of the names of small files that a vector depends on: shapes, prompts, words."""


class Embedder(Protocol):
    """What makes vectors that are near each other of texts that mean the same."""

    @property
    def name(self) -> str:
        """Its name with what tells it from others of that name: vectors of two names are never compared."""

    @property
    def reference(self) -> str:
        """What `open_embedder` reads back to the same model from any working directory."""

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""

    def passages(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Vectors (N, D) of length 1 of what is to be found."""

    def questions(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Vectors (N, D) of length 1 of what is asked."""


class SentenceEmbedder:
    """A loaded model of sentence-transformers, with the prompts it was trained with."""

    def __init__(self, name: str, reference: str, model: Any) -> None:
        self.name, self.reference = name, reference
        self.dimension = int(model.get_embedding_dimension())
        self._model = model

    def passages(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Vectors (N, D) of length 1 of what is to be found."""
        return self._encoded(self._model.encode_document, texts)

    def questions(self, texts: Sequence[str]) -> "NDArray[np.float32]":
        """Vectors (N, D) of length 1 of what is asked."""
        return self._encoded(self._model.encode_query, texts)

    def _encoded(self, encode: Any, texts: Sequence[str]) -> "NDArray[np.float32]":
        import numpy as np

        if not texts:
            return np.empty((0, self.dimension), np.float32)
        vectors = encode(list(texts), normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True)
        return np.ascontiguousarray(vectors, np.float32)


def open_embedder(name: str | None, device: str = "auto") -> SentenceEmbedder | None:
    """Load a model by folder or hub id with an optional `@revision`; `None` where no vectors are wanted.

    What is cached is taken from there, the hub is asked only for what is not. No code of a model's own runs, and its
    weights are read from safetensors. Raises UsageError where the library is missing, BaseModelError for a model that
    cannot be loaded and for a GPU that is not there.
    """
    if name is None:
        return None
    from roleplay.models.base import choose_device, quieten

    quieten()  # before the library brings others along that talk
    try:
        import sentence_transformers
    except ImportError as error:
        raise UsageError(
            f"vectors of '{one_line(name)}' need sentence-transformers; install it with: pip install "
            "'roleplay[embeddings]'"
        ) from error
    device = choose_device(device)
    folder = Path(os.path.expanduser(name)).absolute()
    if os.path.isdir(folder):
        model = _load(sentence_transformers.SentenceTransformer, str(folder), None, device, local=True)
        return SentenceEmbedder(f"{folder.name}:{_fingerprint(folder)}", str(folder), model)
    source, _, revision = name.partition("@")
    if source.startswith(("/", "./", "../", "~")) or source.count("/") > 1 or not source.strip("/"):
        raise BaseModelError(f"there is no folder {one_line(name)}; give an existing folder, or a hub id")
    model = _from_hub(sentence_transformers.SentenceTransformer, source, revision or None, device)
    pinned = f"{source}@{_commit(source, revision or 'main')}"
    return SentenceEmbedder(pinned, pinned, model)


def _from_hub(model: Any, source: str, revision: str | None, device: str) -> Any:
    from huggingface_hub.constants import is_offline_mode

    try:
        return _load(model, source, revision, device, local=True)
    except BaseModelError:
        if is_offline_mode():
            raise
    return _load(model, source, revision, device, local=False)


def _load(model: Any, source: str, revision: str | None, device: str, *, local: bool) -> Any:
    try:
        return model(
            source,
            revision=revision,
            device=device,
            local_files_only=local,
            trust_remote_code=False,
            # Halves are slower on a CPU, and vectors take no memory to speak of.
            model_kwargs={"use_safetensors": True} | ({"dtype": "float32"} if device == "cpu" else {}),
        )
    except Exception as error:  # files of strangers, read by several libraries, may raise anything
        named = one_line(source if revision is None else f"{source}@{revision}", 120)
        reason = one_line(str(error), 240) or type(error).__name__
        if "trust_remote_code" in str(error):
            remedy = "it wants to run code of its own; choose one that sentence-transformers knows"
        elif os.path.isdir(source):
            remedy = "give a folder that sentence-transformers saved, with its weights as safetensors"
        else:
            remedy = (
                f"check the spelling and the network, or fetch it once with 'hf download {source}' and work offline "
                "from then on"
            )
        raise BaseModelError(f"the embedder '{named}' cannot be loaded: {reason}; {remedy}") from error


def _commit(source: str, revision: str) -> str:
    """The commit of a hub's model that was just loaded; what was asked for where the cache does not tell."""
    from huggingface_hub import try_to_load_from_cache

    folder = os.environ.get("SENTENCE_TRANSFORMERS_HOME")  # as the library has it
    for name in (source, f"sentence-transformers/{source}"):
        path = None if name.count("/") > 1 else try_to_load_from_cache(name, "config.json", folder, revision)
        if isinstance(path, str):
            return Path(path).parent.name
    return revision


def _fingerprint(folder: Path) -> str:
    """A hash of the weights and settings in a folder and in those inside it, which hold the parts of a model."""
    from roleplay.models.spec import weights_fingerprint

    digest = hashlib.sha256()
    for part in sorted([folder, *(path for path in folder.iterdir() if path.is_dir())]):
        digest.update(f"{part.relative_to(folder)}\x1f{weights_fingerprint(part)}\x1e".encode())
        for path in sorted(part.iterdir()):
            if path.is_file() and path.suffix in _READ:
                digest.update(f"{path.name}\x1f".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
