"""The clips of a split as a VAE sees them."""

from collections.abc import Iterator
from typing import cast

import numpy as np
from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.autoencoder import VAEConfig
from musegen.data.clips import Clips, cut_clips
from musegen.data.dataset import Dataset
from musegen.errors import CheckpointError
from musegen.evaluation.likelihood import model_view
from musegen.families import families_that
from musegen.generation.backends import machine_of
from musegen.generation.clips import Metre
from musegen.generation.latent import ClipDecoder, by_metre
from musegen.generation.machine import Array
from musegen.generation.request import Result
from musegen.tokenizers.tables import Ints

TRIES = 1000
"""Random tries per pair; most metres are rare."""


class ClipSet:
    """The clips of a split, and the model to evaluate on them.

    Args:
        checkpoint: of the model.
        dataset: the music.
        split: "train", "valid", "test" or "all".

    Raises:
        CheckpointError: the checkpoint has no latent space.
    """

    def __init__(self, checkpoint: Checkpoint, dataset: Dataset, split: str) -> None:
        family, able = checkpoint.config.family, families_that("reconstruct")
        if family not in able:
            raise CheckpointError(
                f"checkpoint {checkpoint.path} is of family {family}, not {' or '.join(able)}"
            )
        self.dataset = dataset.name
        self.checkpoint, self.tokenizer = checkpoint, checkpoint.tokenizer
        self.machine, self.bars = machine_of(checkpoint), cast(VAEConfig, checkpoint.config.model).clip_bars
        self._view = model_view(checkpoint, dataset)
        self.pieces = self._view.pieces
        """The pieces that `Clips.piece` numbers."""
        self.clips = self.of_split(split)

    def of_split(self, split: str) -> Clips:
        """The clips of a split."""
        return cut_clips(self._view, self.tokenizer, bars=self.bars, split=split)

    def ids(self, index: int) -> Ints:
        """From BOS to EOS, (T,)."""
        start, stop = self.clips.offsets[index : index + 2]
        return self.clips.ids[start:stop].astype(np.int64)

    def score(self, index: int) -> ScoreTick:
        """A clip as music."""
        return self.tokenizer.decode(self.ids(index))

    def metre(self, index: int) -> Metre:
        """The metre of a clip."""
        beats, _, unit = self.tokenizer.vocab[self.clips.metre[index]].removeprefix("TimeSig_").partition("/")
        return int(beats), int(unit)

    def draw(self, count: int, rng: np.random.Generator) -> Ints:
        """Random clips without repetition."""
        return rng.permutation(len(self.clips.piece))[:count]

    def draw_pairs(self, count: int, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Random pairs of clips of the same metre and of different pieces; fewer if these are rare."""
        drawn = 0
        for _ in range(TRIES * count):
            if drawn == count:
                return
            first, second = rng.integers(0, len(self.clips.piece), 2).tolist()
            same = self.clips.metre[first] == self.clips.metre[second]
            if same and self.clips.piece[first] != self.clips.piece[second]:
                drawn += 1
                yield first, second

    def decode(self, z: Array, metres: list[Metre]) -> list[ScoreTick]:
        """Decode points, (N, Z), each in its metre, greedily."""
        return [found.score for found in self.decode_results(z, metres)]

    def decode_results(self, z: Array, metres: list[Metre], what: str | None = None) -> list[Result]:
        """The same with their ids; with a progress bar labelled `what`."""
        return by_metre(metres, lambda rows, metre: self.decoder(metre).decode(z[rows]), what)

    def decoder(self, metre: Metre) -> ClipDecoder:
        """The greedy decoder for a metre."""
        return ClipDecoder(self.machine, self.tokenizer, self.bars, metre)
