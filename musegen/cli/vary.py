"""`musegen vary`: variations of a clip, random or with attributes changed by sliders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from musegen.cli.outputs import CheckpointName, MusicFile, Writing, sampling_run
from musegen.cli.parse import parse
from musegen.config.options import as_arguments
from musegen.config.verbs import SLIDERS, VaryOptions
from musegen.console import say
from musegen.files import refuse_taken

if TYPE_CHECKING:
    from musegen.api.piece import Pieces


@dataclass(frozen=True)
class Vary:
    """Generate variations of a clip with a clip model (VAE); its time signature and tempo are kept.

    Each variation lies between the reconstruction of your clip and a random clip: --amount is the fraction of
    the note edits between the two.
    Sliders (--density, --spread, --complexity, --pitch) change an attribute, with models trained with
    --latent.sliders. With sliders alone there is one variation, and nothing is random.

    $ musegen vary folk-vae tune.mid --amount 0.3 --num 4 --out out/
    $ musegen vary checkpoints/clips tune.mid --density +2 --spread -5 --out out/
    """

    checkpoint: CheckpointName
    """A checkpoint folder, its name under ./checkpoints, or a bundled model (`musegen models`)."""
    file: MusicFile
    """A music file: MIDI, MusicXML, ABC or kern."""
    out: Path
    """Output folder: 001.mid and so on are the variations, all.mid your clip and the variations joined,
    all.png their piano rolls."""
    options: VaryOptions = field(default_factory=VaryOptions)
    writing: Writing = field(default_factory=Writing)


def main(argv: list[str]) -> None:
    """Vary a clip, write the variations, and report what changed."""
    arguments = parse(Vary, argv, prog="musegen vary")
    refuse_taken(arguments.out, force=arguments.writing.force)
    with sampling_run("vary", argv, arguments, together=True) as run:
        run.pieces = run.model.vary(arguments.file, **as_arguments(arguments.options))
        run.report = _changes(run.pieces, arguments.options.moves)
    say(f"seed {run.pieces.seed}")


def _changes(pieces: Pieces, moves: Mapping[str, float]) -> list[str]:
    """A line per variation: notes kept and new, and the change of each attribute with a slider."""
    original, *variations = pieces.measured
    lines = []
    for number, (piece, values) in enumerate(zip(pieces, variations, strict=True), start=1):
        kept, new, notes = values["recall"], 1 - values["precision"], piece.score.note_num()
        parts = [f"{kept:.0%} of the notes kept, {new:.0%} of its {notes} notes new"]
        parts += [
            f"{name} {_shown(original[name])} to {_shown(values[name])} {SLIDERS[name]} (set to {change:+g})"
            for name, change in moves.items()
        ]
        lines.append(f"{number}: {'; '.join(parts)}")
    return lines


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
