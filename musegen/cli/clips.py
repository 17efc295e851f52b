"""What the verbs of a latent space share: how clips are drawn, written and spoken of."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from musegen.cli.parse import Flag
from musegen.cli.places import load_family
from musegen.console import say
from musegen.checkpoint.names import find_checkpoint

if TYPE_CHECKING:
    from symusic import Score

    from musegen.checkpoint.folder import Checkpoint
    from musegen.config.options import SamplingOptions
    from musegen.models.vae import VAE


@dataclass(frozen=True)
class Sampling:
    """How the clips are drawn from their points."""

    temperature: float = 0.0
    """0 takes the likeliest note each time, above it is drawn: 1 as the model believes, less is safer."""
    top_k: int | None = None
    """Draw from the k likeliest ids only. Unset: the checkpoint's."""
    top_p: float | None = None
    """Draw from the likeliest ids that together hold this much probability. Unset: the checkpoint's."""
    min_p: float | None = None
    """Leave out ids less likely than this share of the likeliest. Unset: the checkpoint's."""
    min_p_new: float | None = None
    """The same of pitch classes that a piece has not had yet, from its eighth on: fewer stray accidentals.
    Unset: the checkpoint's."""
    diatonic: float | None = None
    """Share of the pieces, drawn at random, that keep to one diatonic scale, whichever they begin in.
    Unset: the checkpoint's."""
    seed: int | None = None
    """Repeats a run exactly. Unset: drawn, and written to the manifest."""

    def config(self, default: SamplingOptions) -> SamplingOptions:
        """The checkpoint's settings, but for those that were given."""
        given = {name: value for name, value in asdict(self).items() if name != "seed" and value is not None}
        return replace(default, **given)

    def drawn_seed(self) -> int:
        """The seed given, or a new one."""
        return secrets.randbelow(2**31) if self.seed is None else self.seed


@dataclass(frozen=True)
class Writing:
    """What becomes of the output folder."""

    force: Flag = False
    """Write into a folder that is not empty; files of an earlier run in it are replaced."""
    json: Flag = False
    """Print the manifest on stdout instead of the paths."""


def load_vae(name: str) -> tuple[Checkpoint, VAE]:
    """A checkpoint with a latent space, and its model.

    Raises:
        CheckpointError: there is none of that name, or it is of another family.
    """
    checkpoint = load_family(find_checkpoint(name), "vae")

    from musegen.models.vae import VAE

    assert isinstance(checkpoint.model, VAE)
    return checkpoint, checkpoint.model


def likeness(clip: Score, found: Score) -> dict[str, float]:
    """How much of a clip a model gives back, for the manifest and for people."""
    from musegen.metrics.note_f1 import note_scores

    plain, strict = note_scores(clip, found), note_scores(clip, found, with_durations=True)
    return {
        "note_f1": plain.f1,
        "precision": plain.precision,
        "recall": plain.recall,
        "note_f1_durations": strict.f1,
    }


def say_likeness(what: str, figures: dict[str, float]) -> None:
    """One line for people."""
    shown = {name: f"{value:.3f}" for name, value in figures.items()}
    say(
        f"{what}: note F1 {shown['note_f1']} (onset and pitch; precision {shown['precision']}, recall "
        f"{shown['recall']}), {shown['note_f1_durations']} with durations"
    )


def print_paths(out: Path, manifest: dict[str, Any]) -> None:
    """The path of each MIDI file, one a line."""
    names: Sequence[str] = [*(file["path"] for file in manifest["files"]), manifest["together"]]
    for name in names:
        print(out / name)
