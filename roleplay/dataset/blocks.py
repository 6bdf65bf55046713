"""Raw text for further pretraining, packed into blocks.

Each pass over a corpus puts its documents into a drawn order, an end token behind each, and cuts the whole into blocks:

    documents   a a a E  b b E  c c c c E
    blocks      a A A E B   b E C C C   c E         capitals are trained

The first token of a block has nothing before it; a last block of one token would train nothing and is left out.
"""

import functools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roleplay.cards.load import CardFile
from roleplay.corpora.documents import Text
from roleplay.dataset.build import card_prefixes
from roleplay.dataset.draws import HELDOUT_SHARE, heldout_of, passes
from roleplay.dataset.entries import entry_texts
from roleplay.dataset.render import Renderer
from roleplay.dataset.sample import Sample, sample_with
from roleplay.dataset.template import special_tokens
from roleplay.dataset.unit import Losses, Voice
from roleplay.errors import Fault, FileFaults, GateError, NotFound
from roleplay.paths import shown
from roleplay.text import draw, fingerprint, one_line

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Block:
    """One training sequence of an epoch."""

    tokens: bytes
    """Its token ids, (T,) of int32: small, and hashable."""
    source: str
    """File it is from, for messages."""

    @property
    def group(self) -> str:
        """Each block is resampled by itself in an interval."""
        return fingerprint(self.tokens)


@dataclass(frozen=True)
class Document:
    """A text with its tokens."""

    text: Text
    """What was read."""
    ids: Ids
    """Its token ids, (T,), the end token included."""


@dataclass(frozen=True)
class TextCorpus:
    """The documents of one corpus entry."""

    path: str
    """File, as the person would type it."""
    weight: float
    """Passes in an epoch."""
    dialogues: int
    """Documents of the file."""
    train: tuple[Document, ...]
    """What is trained."""
    heldout: tuple[Document, ...]
    """What never is."""
    limit: int
    """Tokens of a block."""
    kind: str = "text"
    """The card's word for it."""

    @property
    def samples(self) -> int:
        """Blocks of a pass: as many in each, whatever the order of its documents."""
        tokens = sum(len(document.ids) for document in self.train)
        return -(-tokens // self.limit) - (tokens % self.limit == 1)

    @property
    def heldout_samples(self) -> int:
        """Blocks never trained."""
        return len(self.heldout_blocks)

    @functools.cached_property
    def heldout_blocks(self) -> tuple[Ids, ...]:
        """Each document held out in blocks of its own."""
        return tuple(block for document in self.heldout for block in _cut([document.ids], self.limit))

    @property
    def losses(self) -> Losses:
        """Nothing is lost: what does not fit into a block begins the next."""
        return Losses()


@dataclass(frozen=True)
class TextCorpora:
    """Every text a character is trained on; prefixes play no part in it."""

    voice: Voice
    """Card, prefixes and renderer."""
    corpora: tuple[TextCorpus, ...]
    """In card order."""
    limit: int
    """Tokens of a block; the last of a pass is shorter."""
    seed: int
    """Of the draws of order."""
    max_samples: int | None = None
    """Most blocks of an epoch; `None` takes all."""

    def epoch(self, number: int) -> list[Block]:
        """Blocks of one epoch in training order; with `max_samples` the first of that order, others in each epoch."""
        return [block for _, block in self._drawn(number)]

    def mix(self, number: int) -> tuple[int, ...]:
        """How many blocks of that epoch come from each of `corpora`."""
        drawn = [at for at, _ in self._drawn(number)]
        return tuple(drawn.count(at) for at in range(len(self.corpora)))

    def _drawn(self, number: int) -> list[tuple[int, Block]]:
        """(index of the corpus, block) pairs of an epoch in training order."""
        blocks: list[tuple[float, int, Block]] = []
        for at, corpus in enumerate(self.corpora):
            packed: dict[int, list[Ids]] = {}
            score = functools.partial(draw, self.seed, number, "pick", at)
            for copy, i in passes(range(corpus.samples), corpus.weight, score):
                if copy not in packed:
                    packed[copy] = _pack(corpus, self.seed, number, copy)
                order = draw(self.seed, number, "order", at, copy, i)
                blocks.append((order, at, Block(packed[copy][i].tobytes(), corpus.path)))
        blocks.sort(key=lambda found: found[0])
        return [(at, block) for _, at, block in blocks[: self.max_samples]]

    def sample(self, row: Block) -> Sample:
        """The block as it is trained; its characters are those of the decoded text without the first token's."""
        ids: list[int] = np.frombuffer(row.tokens, np.int32).tolist()
        tokenizer = self.voice.renderer.tokenizer
        all_of_it, first = (str(tokenizer.decode(part, skip_special_tokens=True)) for part in (ids, ids[:1]))
        return sample_with(ids, [(1, len(ids))], len(all_of_it) - len(first))

    def heldout(self, active: Collection[str] | None = None) -> list[Block]:
        """Blocks never trained, the same whatever prefixes are asked for."""
        return [Block(ids.tobytes(), corpus.path) for corpus in self.corpora for ids in corpus.heldout_blocks]

    def check(self, epochs: int) -> int:
        """The gate: blocks fit, train something, and hold no control token but those between documents.

        Every epoch holds the same tokens, so the first stands for all. Returns the number of blocks. Raises GateError.
        """
        tokenizer = self.voice.renderer.tokenizer
        between = {tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.unk_token_id}
        control = set(special_tokens(tokenizer)) - between
        rows = [*self.epoch(0), *self.heldout()]
        for row in rows:
            sample = self.sample(row)
            if not any(sample.trained) or len(sample.ids) > self.limit:
                raise GateError(f"{row.source}: a block of {len(sample.ids)} tokens cannot be trained; report this")
            found = control.intersection(sample.ids)
            if found:
                name = one_line(str(tokenizer.decode([min(found)])))
                raise GateError(f"{row.source}: '{name}' would be trained as a control token; take it out of the text")
        return len(rows)

    @property
    def longest(self) -> int:
        """Tokens of the longest block."""
        trained = (sum(len(document.ids) for document in corpus.train) for corpus in self.corpora)
        heldout = (len(block) for corpus in self.corpora for block in corpus.heldout_blocks)
        return max(min(self.limit, tokens) for tokens in (*trained, *heldout))

    @property
    def fingerprint(self) -> str:
        """Hash of every text, its corpus and its split."""
        lines = [
            f"{c.kind} {c.weight} {document.text.identity} {out}"
            for c in self.corpora
            for documents, out in ((c.train, False), (c.heldout, True))
            for document in documents
        ]
        return fingerprint("\n".join([str(self.limit), *lines]))


def build_text_corpus(
    card_file: CardFile, renderer: Renderer, *, limit: int, seed: int, max_samples: int | None = None
) -> TextCorpora:
    """Read, split and tokenise every corpus of `kind: text`. Raises FileFaults, NotFound, GateError, BaseModelError."""
    file = shown(card_file.path)
    entries = [(at, entry) for at, entry in enumerate(card_file.card.corpora) if entry.kind == "text"]
    if not entries:
        raise NotFound(f"{file} names no raw text; add 'corpora: [{{path: …, kind: text}}]', or leave --stage pt out")
    corpora: list[TextCorpus] = []
    faults: list[Fault] = []
    for at, entry in entries:
        try:
            found = entry_texts(card_file, at)
        except FileFaults as error:
            faults += error.faults
            continue
        train, heldout = (tuple(_tokenised(renderer, text) for text in part) for part in _split(found.texts))
        corpora.append(TextCorpus(found.label, entry.weight, len(found.texts), train, heldout, limit))
    if faults:
        raise FileFaults(faults)
    if limit < 2 or not any(corpus.samples for corpus in corpora):
        raise GateError(f"{file}: no text is left to train at a limit of {limit} tokens; raise --max-length")
    voice = Voice(card_file.card, card_prefixes(card_file.card, renderer), renderer)
    return TextCorpora(voice, tuple(corpora), limit, seed, max_samples)


def _tokenised(renderer: Renderer, text: Text) -> Document:
    return Document(text, np.array(renderer.document_ids(text.text), np.int32))


def _split(texts: Sequence[Text]) -> tuple[list[Text], list[Text]]:
    """(trained, held out): a tenth of the documents, by a hash of their text; of a single one its end."""
    if len(texts) == 1:
        return _without_end(texts[0])
    out = heldout_of(text.identity for text in texts)
    return [text for text in texts if text.identity not in out], [text for text in texts if text.identity in out]


def _without_end(text: Text) -> tuple[list[Text], list[Text]]:
    """About a tenth at the end is held out, from a paragraph on, else from a line on; else nothing."""
    length = len(text.text)
    paragraphs = [match.end() for match in re.finditer(r"\n\s*\n", text.text)]
    near = [at for at in paragraphs if at >= length * (1 - 2 * HELDOUT_SHARE)]
    starts = near or [match.end() for match in re.finditer(r"\n", text.text)]
    at = min(starts, key=lambda start: abs(start - length * (1 - HELDOUT_SHARE)), default=0)
    head, end = text.text[:at].rstrip(), text.text[at:].strip("\n")
    if at < length / 2 or not head.strip() or not end.strip():
        return [text], []
    return [Text(head, text.source)], [Text(end, text.source)]


def _pack(corpus: TextCorpus, seed: int, epoch: int, copy: int) -> list[Ids]:
    order = sorted(corpus.train, key=lambda document: draw(seed, epoch, copy, document.text.identity, "document"))
    return _cut([document.ids for document in order], corpus.limit)


def _cut(documents: Sequence[Ids], limit: int) -> list[Ids]:
    row = np.concatenate(documents)
    return [row[i : i + limit] for i in range(0, len(row), limit) if len(row) - i > 1]
