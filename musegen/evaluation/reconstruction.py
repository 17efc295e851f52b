"""Reconstruction of clips by a VAE, compared with two baselines.

A clip is encoded to the mean of its posterior and decoded greedily under the grammar. Only clips that occur
in no training piece at any transposition are measured, since others could be memorised.
"""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

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
from musegen.metrics.codes import ACTIVE, active_units, sparsity, units_on
from musegen.metrics.note_f1 import DRUMS, Notes, found_again, note_keys, positions
from musegen.models.losses import kl_nats, token_nats
from musegen.models.mixture import log_densities
from musegen.models.vae import VAE
from musegen.tokenizers import Tables
from musegen.tokenizers.tables import TICKS_PER_QUARTER, Ints

CLIPS = 1000
"""The default number of clips: a minute on a CPU."""
TRANSPOSITIONS = range(-6, 6)
"""Transpositions of training clips in the search for the nearest."""
SYSTEMS = ("model", "nearest_training_clip", "all_holds")
Values = dict[str, NDArray[np.float64]]
"""(clips,) of each measure."""

MEASURES = {
    "note_f1": Measure("note F1 %", "notes reconstructed with their exact onset and pitch", is_share=True),
    "precision": Measure("precision %", "share of the decoded notes that are in the clip", is_share=True),
    "recall": Measure("recall %", "share of the clip's notes that are decoded", is_share=True),
    "note_f1_durations": Measure("with duration %", "note F1 with equal durations", is_share=True),
    "whole": Measure("whole clips %", "clips with exactly the same notes", is_share=True),
    "positions_16ths": Measure(
        "16ths right %", "16th positions with the right pitch onset, hold or rest", is_share=True
    ),
    "positions_24": Measure("24ths right %", "the same on 24 positions per quarter note", is_share=True),
    "pitches_told": Measure(
        "pitch accuracy %", "pitches that are the most likely given the true tokens before", is_share=True
    ),
}
"""In the order of display."""


class _Chosen(NamedTuple):
    """The clips that are measured."""

    clips: Clips
    which: Ints
    """Their indices in the split."""
    notes: Notes
    """Their notes, by clip from 0."""
    known: float
    """Share of the split's clips that occur in training music."""


def measure_reconstruction(
    checkpoint: Checkpoint, dataset: Dataset, split: str = "test", *, limit: int | None = None
) -> dict[str, Any]:
    """Reconstruction, likelihood and latent space of a split, means over clips with 95% intervals.

    Args:
        checkpoint: of a VAE.
        dataset: the music.
        split: "train", "valid", "test" or "all"; in "train" and "all" training clips are measured, too.
        limit: the maximum number of clips, evenly spread; None: `CLIPS`.

    Raises:
        DataError: the split has no clips, or none that is new.
    """
    found = ClipSet(checkpoint, dataset, split)
    return heading(checkpoint, dataset, split) | reconstruct_clips(found, split, limit=limit)


def reconstruct_clips(found: ClipSet, split: str, *, limit: int | None = None) -> dict[str, Any]:
    """The same of the clips of a split, without a heading; see `measure_reconstruction`."""
    model, clips = cast(VAE, found.checkpoint.model), found.clips
    if not len(clips.piece):
        raise DataError(f"dataset {found.dataset} has no {split} clip of {model.clip_bars} bars")
    training, tables = found.of_split("train"), found.tokenizer.tables
    chosen = choose(clips, training, tables, limit=limit or CLIPS, is_training=split in ("train", "all"))
    z, scales, forced = _teacher_forced(model, clips, chosen.which, tables)
    return {
        "clips": len(clips.piece),
        "left_out": clips.left_out,
        "known_share": chosen.known,
        "measured": len(chosen.which),
        "reconstruction_nats": float(forced["nats"].mean()),
        "bits_per_note": float(forced["nats"].sum() / np.log(2) / forced["notes"].sum()),
        **(_of_codes(z) if not scales.any() else _of_posterior(model, Normal(z, scales))),
        "latent_dim": model.latent_dim,
        "sparsity": sparsity(z.double().cpu().numpy()),
        "systems": {
            system: {name: bootstrap_mean(values)._asdict() for name, values in measured.items()}
            for system, measured in _systems(found, chosen, training, z, forced).items()
        },
    }


def choose(clips: Clips, training: Clips, tables: Tables, *, limit: int, is_training: bool) -> _Chosen:
    """The clips to measure: those not in training music at any transposition, evenly spread.

    Raises:
        DataError: there are none.
    """
    seen = set(_relative_keys(clip_notes(training.ids, training.offsets, tables), len(training.piece)))
    keys = _relative_keys(clip_notes(clips.ids, clips.offsets, tables), len(clips.piece))
    is_known = np.array([key in seen for key in keys])
    new = np.arange(len(keys)) if is_training else np.flatnonzero(~is_known)
    if not len(new):
        raise DataError("every clip of this split occurs in the training music: choose another split")
    which = new[np.unique(np.linspace(0, len(new) - 1, min(limit, len(new))).round().astype(np.int64))]
    rows = clips.rows(which)
    return _Chosen(clips, which, _notes_of([row[row != 0] for row in rows], tables), float(is_known.mean()))


def _relative_keys(notes: Notes, count: int) -> list[bytes]:
    """A key for each clip, (count,), equal for clips that are transpositions of each other, drums apart."""
    cuts = np.searchsorted(notes.clip, np.arange(count + 1))
    is_drum = notes.pitch >= DRUMS
    first = np.zeros(count, dtype=np.int64)  # the pitch of the first note of each clip
    clip, at = np.unique(notes.clip[~is_drum], return_index=True)
    first[clip] = notes.pitch[~is_drum][at]
    relative = np.where(is_drum, notes.pitch, notes.pitch - first[notes.clip])
    rows = np.stack([notes.onset, notes.duration, relative], axis=1)
    return [rows[begin:end].tobytes() for begin, end in itertools.pairwise(cuts)]


def _notes_of(streams: Sequence[Ints], tables: Tables) -> Notes:
    offsets = np.append(0, np.cumsum([len(stream) for stream in streams]))
    return clip_notes(np.concatenate(streams), offsets, tables)


@torch.inference_mode()
def _teacher_forced(model: VAE, clips: Clips, which: Ints, tables: Tables) -> tuple[Tensor, Tensor, Values]:
    """Points and deviations of posteriors, (C, Z) each; measures of the decoder with teacher forcing."""
    device = model.mixture_means.device
    is_pitch = torch.from_numpy(tables.pitch >= 0).to(device)
    points, scales, rows = [], [], []
    for part in np.array_split(which, -(-len(which) // 256)):
        ids = torch.from_numpy(clips.rows(part)).to(device)
        z, scale = model.point_and_scale(ids)
        logits, _ = model(ids[:, :-1], model.init_state(z))
        targets = ids[:, 1:]
        right = ((logits.argmax(dim=2) == targets) & is_pitch[targets]).sum(dim=1)
        notes = is_pitch[targets].sum(dim=1)
        rows.append(torch.stack([token_nats(logits, targets).sum(dim=1), right, notes], dim=1))
        points.append(z)
        scales.append(scale)
    nats, right, notes = torch.cat(rows).cpu().double().numpy().T
    return (
        torch.cat(points),
        torch.cat(scales),
        {
            "nats": nats,
            "notes": notes,
            "pitches_told": right / np.maximum(notes, 1),
        },
    )


def _of_posterior(model: VAE, posterior: Normal) -> dict[str, Any]:
    """What the posteriors of clips, (C, Z), say of the latent space."""
    kl = kl_nats(posterior)
    return {
        "kl": float(kl.sum(dim=1).mean()),
        "active_units": int((kl.mean(dim=0) > ACTIVE).sum()),
        "mutual_information": _mutual_information(model, posterior),
    }


def _of_codes(z: Tensor) -> dict[str, Any]:
    """What codes without posteriors, (C, Z), say of the latent space."""
    codes = z.double().cpu().numpy()
    return {"active_units": active_units(codes), "units_on": units_on(codes)}


def _mutual_information(model: VAE, posterior: Normal) -> float:
    """Upper bound in nats of the mutual information of z and clip, with the mixture as the marginal of z."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(posterior.mean.shape, generator=generator).to(posterior.mean.device)
    z = posterior.mean + posterior.stddev * noise
    mixture = model.mixture_log_weights + log_densities(z, model.mixture_means, model.mixture_scales.square())
    own: Tensor = posterior.log_prob(z)  # type: ignore[no-untyped-call]
    return float((own.sum(dim=1) - mixture.logsumexp(dim=1)).mean())


def _systems(of: ClipSet, chosen: _Chosen, training: Clips, z: Tensor, forced: Values) -> dict[str, Values]:
    tables, metre = of.tokenizer.tables, chosen.clips.metre[chosen.which]
    count = len(chosen.which)
    lengths = of.bars * tables.bar_positions[metre] * tables.position_ticks[metre]  # in ticks
    training_notes = clip_notes(training.ids, training.offsets, tables)
    versions = {
        "model": _free_running(of, chosen, z),
        "nearest_training_clip": _nearest(chosen, training, training_notes),
        # One note that begins before each clip and lasts to its end.
        "all_holds": Notes(np.arange(count), np.full(count, -1), lengths + 1, np.zeros(count, np.int64)),
    }
    is_line = of.checkpoint.config.data.tracks == "melody"
    values = {
        system: _measured(chosen.notes, versions[system], lengths, count, is_line=is_line)
        for system in SYSTEMS
    }
    values["model"]["pitches_told"] = forced["pitches_told"]
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
    """The notes of the reconstructions."""
    metres = [of.metre(index) for index in chosen.which.tolist()]
    results = of.decode_results(means.numpy(), metres, "Reconstructing")
    return _notes_of([np.array(result.ids) for result in results], of.tokenizer.tables)


def _transposed(notes: Notes, semitones: int) -> Notes:
    """All notes but drums."""
    return notes._replace(pitch=notes.pitch + semitones * (notes.pitch < DRUMS))


def _nearest(chosen: _Chosen, training: Clips, training_notes: Notes) -> Notes:
    """The notes of the training clip, at any of `TRANSPOSITIONS`, with the best note F1 for each clip."""
    order = np.argsort(note_keys(training_notes), kind="stable")
    keys, owners = note_keys(training_notes)[order], training_notes.clip[order]
    found = []
    for clip, own in enumerate(map(chosen.notes.of, range(len(chosen.which)))):
        best, best_score = Notes(*(column[:0] for column in training_notes)), -1.0
        for shift in TRANSPOSITIONS:
            wanted = note_keys(_transposed(own, -shift))
            begins, ends = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
            hits = np.bincount(
                np.concatenate([owners[begin:end] for begin, end in zip(begins, ends, strict=True)]),
                minlength=len(training.piece),
            )
            scores = 2 * hits / (len(wanted) + training.notes)
            nearest = int(scores.argmax())
            if scores[nearest] > best_score:
                best_score, best = float(scores[nearest]), _transposed(training_notes.of(nearest), shift)
        found.append(best._replace(clip=np.full(len(best.onset), clip)))
    return Notes(*(np.concatenate(columns) for columns in zip(*found, strict=True)))
