"""How true a VAE is to clips: what comes back of them, free-running, beside two systems that know nothing.

A clip is encoded to the mean of its posterior and decoded greedily under the grammar. Measured are clips
that stand nowhere in training music at any transposition, since the others could be known by heart.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal

from musegen.checkpoint.folder import Checkpoint
from musegen.data.clips import Clips, clip_notes
from musegen.data.dataset import Dataset
from musegen.errors import DataError
from musegen.evaluation.clip_sets import ClipSet
from musegen.evaluation.likelihood import heading
from musegen.evaluation.measures import Measure
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.note_f1 import Notes, found_again, note_keys, positions
from musegen.models.losses import kl_nats, token_nats
from musegen.models.mixture import log_densities
from musegen.models.vae import VAE
from musegen.tokenizers import Tables
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints

CLIPS = 1000
"""Clips that are measured unless another number is asked for: a minute on a processor."""
ACTIVE = 0.01
"""Nats of KL from which on a dimension counts as used."""
TRANSPOSITIONS = range(-6, 6)
"""Of training clips, among which the nearest is sought."""
SYSTEMS = ("model", "nearest_training_clip", "all_holds")
Values = dict[str, NDArray[np.float64]]
"""Of each measure, (clips,)."""

MEASURES = {
    "note_f1": Measure("note F1 %", "notes found again with their exact onset and pitch", is_share=True),
    "precision": Measure("precision %", "of the notes written, those that are in the clip", is_share=True),
    "recall": Measure("recall %", "of the clip's notes, those that were written", is_share=True),
    "note_f1_durations": Measure("with duration %", "note F1, the duration asked for too", is_share=True),
    "whole": Measure("whole clips %", "clips whose every note is found again, and none more", is_share=True),
    "positions_16ths": Measure(
        "16ths right %", "of 16th positions, those that strike the right pitch, hold or rest", is_share=True
    ),
    "positions_24": Measure("24ths right %", "the same on 24 positions a quarter", is_share=True),
    "pitches_told": Measure(
        "pitches told %", "pitches that are the likeliest when all before is right", is_share=True
    ),
}
"""In the order shown."""


class _Chosen(NamedTuple):
    """The clips that are measured."""

    clips: Clips
    which: Ints
    """Of the split's clips, those that are measured."""
    notes: Notes
    """Of those, numbered from 0."""
    known: float
    """Share of the split's clips that stand in training music."""


def measure_reconstruction(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", *, limit: int | None = None
) -> dict[str, Any]:
    """Reconstruction, likelihood and latent space of a split, means over clips with 95% intervals.

    Args:
        checkpoint: of a VAE.
        dataset: the music.
        split: "train", "valid", "test" or "all"; of "train" and "all" clips known from training count too.
        limit: measure at most so many clips, evenly spread; None: `CLIPS`.

    Raises:
        DataError: the split has no clips, or none that is new.
    """
    found = ClipSet(checkpoint, dataset, split)
    return heading(checkpoint, dataset, split) | reconstruct_clips(found, split, limit=limit)


def reconstruct_clips(found: ClipSet, split: str, *, limit: int | None = None) -> dict[str, Any]:
    """The same of the clips of a split, without a heading; see `measure_reconstruction`."""
    model, clips = found.model, found.clips
    if not len(clips.piece):
        raise DataError(f"dataset {found.dataset} has no {split} clip of {model.clip_bars} bars")
    training, tables = found.of_split("train"), found.tokenizer.tables
    chosen = choose(clips, training, tables, limit=limit or CLIPS, is_training=split in ("train", "all"))
    posterior, told = _told(model, clips, chosen.which, tables)
    kl = kl_nats(posterior)
    return {
        "clips": len(clips.piece),
        "left_out": clips.left_out,
        "known_share": chosen.known,
        "measured": len(chosen.which),
        "reconstruction_nats": float(told["nats"].mean()),
        "bits_per_note": float(told["nats"].sum() / np.log(2) / told["notes"].sum()),
        "kl": float(kl.sum(dim=1).mean()),
        "active_units": int((kl.mean(dim=0) > ACTIVE).sum()),
        "latent_dim": model.latent_dim,
        "mutual_information": _mutual_information(model, posterior),
        "systems": {
            system: {name: bootstrap_mean(values)._asdict() for name, values in measured.items()}
            for system, measured in _systems(found, chosen, training, posterior.mean, told).items()
        },
    }


def choose(clips: Clips, training: Clips, tables: Tables, *, limit: int, is_training: bool) -> _Chosen:
    """The clips to measure: those not in training music at any transposition, evenly spread.

    Raises:
        DataError: there are none.
    """
    heard = set(_transposable(clip_notes(training.ids, training.offsets, tables), len(training.piece)))
    named = _transposable(clip_notes(clips.ids, clips.offsets, tables), len(clips.piece))
    is_known = np.array([key in heard for key in named])
    new = np.arange(len(named)) if is_training else np.flatnonzero(~is_known)
    if not len(new):
        raise DataError("every clip of this split stands in the training music: choose another split")
    which = new[np.unique(np.linspace(0, len(new) - 1, min(limit, len(new))).round().astype(np.int64))]
    rows = clips.rows(which)
    return _Chosen(clips, which, _notes_of([row[row != 0] for row in rows], tables), float(is_known.mean()))


def _transposable(notes: Notes, count: int) -> list[bytes]:
    """A key for each clip, (count,), that clips share whose notes differ by a transposition alone."""
    cuts = np.searchsorted(notes.clip, np.arange(count + 1))
    lowest = notes.pitch[np.minimum(cuts[:-1], max(0, len(notes.pitch) - 1))]
    relative = notes.pitch - lowest[notes.clip]
    rows = np.stack([notes.onset, notes.duration, relative], axis=1)
    return [rows[begin:end].tobytes() for begin, end in itertools.pairwise(cuts)]


def _notes_of(streams: Sequence[Ints], tables: Tables) -> Notes:
    offsets = np.append(0, np.cumsum([len(stream) for stream in streams]))
    return clip_notes(np.concatenate(streams), offsets, tables)


@torch.inference_mode()
def _told(model: VAE, clips: Clips, which: Ints, tables: Tables) -> tuple[Normal, Values]:
    """The posteriors, (C, Z), and what the decoder makes of their means when told what stands before."""
    device = model.mixture_means.device
    is_pitch = torch.from_numpy(tables.pitch >= 0).to(device)
    means, scales, rows = [], [], []
    for part in np.array_split(which, -(-len(which) // 256)):
        ids = torch.from_numpy(clips.rows(part)).to(device)
        normal = model.posterior(ids)
        logits, _ = model(ids[:, :-1], model.init_state(normal.mean))
        targets = ids[:, 1:]
        right = ((logits.argmax(dim=2) == targets) & is_pitch[targets]).sum(dim=1)
        notes = is_pitch[targets].sum(dim=1)
        rows.append(torch.stack([token_nats(logits, targets).sum(dim=1), right, notes], dim=1))
        means.append(normal.mean)
        scales.append(normal.stddev)
    nats, right, notes = torch.cat(rows).double().cpu().numpy().T
    return Normal(torch.cat(means), torch.cat(scales)), {
        "nats": nats,
        "notes": notes,
        "pitches_told": right / np.maximum(notes, 1),
    }


def _mutual_information(model: VAE, posterior: Normal) -> float:
    """Nats that z tells of the clip, at most: by the mixture in the checkpoint for what all z are like."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(posterior.mean.shape, generator=generator).to(posterior.mean.device)
    z = posterior.mean + posterior.stddev * noise
    mixture = model.mixture_log_weights + log_densities(z, model.mixture_means, model.mixture_scales.square())
    own: Tensor = posterior.log_prob(z)  # type: ignore[no-untyped-call]
    return float((own.sum(dim=1) - mixture.logsumexp(dim=1)).mean())


def _systems(of: ClipSet, chosen: _Chosen, training: Clips, means: Tensor, told: Values) -> dict[str, Values]:
    tables, metre = of.tokenizer.tables, chosen.clips.metre[chosen.which]
    count = len(chosen.which)
    lengths = of.model.clip_bars * tables.bar_positions[metre] * tables.position_ticks[metre]  # in ticks
    heard = clip_notes(training.ids, training.offsets, tables)
    versions = {
        "model": _free_running(of, chosen, means),
        "nearest_training_clip": _nearest(chosen, training, heard),
        # A note from before each clip that lasts to its end.
        "all_holds": Notes(np.arange(count), np.full(count, -1), lengths + 1, np.zeros(count, np.int64)),
    }
    is_line = of.checkpoint.config.data.tracks == "melody"
    values = {
        system: _measured(chosen.notes, versions[system], lengths, count, is_line=is_line)
        for system in SYSTEMS
    }
    values["model"]["pitches_told"] = told["pitches_told"]
    return values


def _measured(reference: Notes, found: Notes, lengths: Ints, count: int, *, is_line: bool) -> Values:
    scores = found_again(reference, found, count)
    values = {"note_f1": scores[:, 2], "precision": scores[:, 0], "recall": scores[:, 1]}
    values["note_f1_durations"] = found_again(reference, found, count, with_durations=True)[:, 2]
    values["whole"] = (scores[:, 2] == 1).astype(np.float64)
    if is_line:
        for name, step in (("positions_16ths", TICKS_PER_QUARTER // 4), ("positions_24", 8)):
            grids = (
                [positions(notes.of(c), int(lengths[c]), step) for c in range(count)]
                for notes in (reference, found)
            )
            values[name] = np.array([(a == b).mean() for a, b in zip(*grids, strict=True)])
    return values


def _free_running(of: ClipSet, chosen: _Chosen, means: Tensor) -> Notes:
    """What the model gives back of each clip."""
    metres = [of.metre(index) for index in chosen.which.tolist()]
    results = of.decode_results(means, metres, "Reconstructing")
    return _notes_of([np.array(result.ids) for result in results], of.tokenizer.tables)


def _nearest(chosen: _Chosen, training: Clips, heard: Notes) -> Notes:
    """Of all training clips at `TRANSPOSITIONS`, the notes of the one with most of each clip's notes."""
    order = np.argsort(note_keys(heard), kind="stable")
    keys, homes = note_keys(heard)[order], heard.clip[order]
    found = []
    for clip, own in enumerate(map(chosen.notes.of, range(len(chosen.which)))):
        best, best_score = Notes(*(column[:0] for column in heard)), -1.0
        for shift in TRANSPOSITIONS:
            wanted = note_keys(own._replace(pitch=own.pitch - shift))
            begins, ends = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
            hits = np.bincount(
                np.concatenate([homes[begin:end] for begin, end in zip(begins, ends, strict=True)]),
                minlength=len(training.piece),
            )
            scores = 2 * hits / (len(wanted) + training.notes)
            nearest = int(scores.argmax())
            if scores[nearest] > best_score:
                best_score, best = float(scores[nearest]), heard.of(nearest)
                best = best._replace(pitch=best.pitch + shift)
        found.append(best._replace(clip=np.full(len(best.onset), clip)))
    return Notes(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
