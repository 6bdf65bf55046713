"""Packed training sequences of a stage: its sources interleaved by their shares, each shuffled anew in every pass."""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from roleplay.pocket.tokens import Ids, Tokens

PROMPTED = 0.5
"""Share of the chats without a system prompt of their own that get a neutral one."""
_MARKS = re.compile(r"<\|im_start\|>\w+\n|<\|im_end\|>\n?|<\|endoftext\|>")


class Stream:
    """One source as sequences of `length` tokens without end; pass by pass, each row once, in an order of its own."""

    def __init__(self, tokens: Tokens, prompts: Sequence[Sequence[Ids]], length: int, seed: Sequence[int]) -> None:
        """`prompts` are the neutral system prompts by language. Raises ValueError where a pass fills no sequence."""
        self.tokens, self.prompts, self.length, self.seed = tokens, prompts, length, seed
        self._pass, self._first = -1, 0
        self._matrix: NDArray[np.uint16] = np.zeros((0, length), np.uint16)
        if len(tokens.ids) < length:
            raise ValueError(
                f"a source of the mixture has {len(tokens.ids)} tokens, less than a sequence of {length}; check the "
                "folder of texts and that of the chats"
            )

    def sequence(self, number: int) -> Ids:
        """Sequence `number` of all passes, (length,)."""
        if number < self._first:
            self._pass, self._first, self._matrix = -1, 0, self._matrix[:0]
        while number >= self._first + len(self._matrix):
            self._first += len(self._matrix)
            self._pass += 1
            self._matrix = self._packed(self._pass)
        row: Ids = self._matrix[number - self._first]
        return row

    def passes(self, number: int) -> float:
        """How often the source has been passed over before sequence `number`."""
        if not number:
            return 0.0
        self.sequence(number - 1)
        return self._pass + (number - self._first) / len(self._matrix)

    def _packed(self, number: int) -> NDArray[np.uint16]:
        draw = np.random.default_rng([*self.seed, number])
        parts: list[Ids] = []
        prompted = draw.random(len(self.tokens.ends)) < PROMPTED
        for row in draw.permutation(len(self.tokens.ends)):
            language = self.tokens.prompts[row]
            if language >= 0 and prompted[row]:
                choices = self.prompts[language]
                parts.append(choices[int(draw.integers(len(choices)))])
            parts.append(self.tokens.row(row))
        ids = np.concatenate(parts)
        return ids[: len(ids) // self.length * self.length].reshape(-1, self.length)


class Sequences(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """What a stage trains on, in order: every token of a sequence is a label."""

    def __init__(self, streams: Mapping[str, Stream], shares: Mapping[str, float], count: int) -> None:
        """`shares` are weights of the `streams`; `count` sequences in all."""
        self.streams, self.names, self.count = streams, list(streams), count
        weights = np.asarray([shares[name] for name in self.names])
        # The source that lags most behind its share comes next: any stretch of the stage has about the same mixture.
        due = (np.arange(1, count + 1)[:, None] * weights / weights.sum()).astype(np.float64)
        self._source = np.zeros(count, np.int8)
        self._number = np.zeros(count, np.int64)
        taken = np.zeros(len(self.names), np.int64)
        for index in range(count):
            source = int(np.argmax(due[index] - taken))
            self._source[index], self._number[index] = source, taken[source]
            taken[source] += 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        stream = self.streams[self.names[self._source[index]]]
        return _example(stream.sequence(int(self._number[index])))

    def passes(self, seen: int) -> dict[str, float]:
        """Source -> passes over it after the first `seen` sequences."""
        taken = np.bincount(self._source[:seen], minlength=len(self.names))
        return {name: self.streams[name].passes(int(count)) for name, count in zip(self.names, taken, strict=True)}


class Heldout(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """The first sequences of held-out chats of a kind, each chat at most once."""

    def __init__(self, streams: Sequence[Stream], tokens: int) -> None:
        """About `tokens` tokens, as many of each stream."""
        wanted = max(1, tokens // streams[0].length // len(streams))
        there = [min(wanted, len(stream.tokens.ids) // stream.length) for stream in streams]
        self.rows = [stream.sequence(i) for stream, count in zip(streams, there, strict=True) for i in range(count)]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return _example(self.rows[index])

    def bits_per_nat(self, tokenizer: PreTrainedTokenizerBase) -> float:
        """What turns nats per token into bits per character of what is said, roles and marks not counted."""
        said = [_MARKS.sub("", str(tokenizer.decode(row.tolist()))) for row in self.rows]
        predicted = sum(len(row) - 1 for row in self.rows)
        return predicted / math.log(2) / sum(len(text) for text in said)


def _example(row: Ids) -> dict[str, torch.Tensor]:
    ids = torch.from_numpy(row.astype(np.int64))
    return {"input_ids": ids, "labels": ids}
