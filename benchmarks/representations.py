"""Three ways of writing a clip of one line, by what comes back of it from a VAE after equal training time.

    python -m benchmarks.representations DATASET [--minutes 6] [--limit 500] [--kinds remi grid pairs]

remi: bar, position, pitch and duration of each note, as musegen writes events. grid: one id a position,
pitch, hold or rest, with as many positions a quarter as hold 95 in 100 tunes whole. pairs: pitch (or rest)
and duration in turn, time following from the durations, so that there are no bars and no positions to write;
the model is told where it is all the same. The rest is the same for all: model, optimizer, batches of 4,096
ids, the product's own training steps, as many as fit into so many minutes of processor time.

Clips of the test split that stand nowhere in the training pieces at any transposition, the same for all;
encoded to the mean of their posterior and decoded greedily, each id fed back. Reference are the notes as REMI
writes them.
"""

import argparse
import json
import logging
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from musegen.checkpoint import build_model
from musegen.config import TokenizerConfig, TrainerConfig, VAEConfig, VAETrainConfig
from musegen.console import say
from musegen.data.augment import transposition_tables
from musegen.data.clips import Clips, clip_notes, cut_clips
from musegen.data.dataset import Dataset
from musegen.data.views import TokenView, token_view
from musegen.errors import MusegenError
from musegen.evaluation.reconstruction import choose
from musegen.generation.latent import decode_latents
from musegen.metrics.bootstrap import bootstrap_mean
from musegen.metrics.note_sets import Notes, found_again
from musegen.models.place import Place, PlaceState, PlaceTracker, hold
from musegen.models.vae import VAE, ClipEncoder
from musegen.tokenizers import Kind, Tables
from musegen.tokenizers.tables import Ints
from musegen.training.clips import ClipDataModule
from musegen.training.latent import VAEModule
from musegen.training.setup import Run, set_up

BARS = 2
KINDS = ("remi", "grid", "pairs")
PACED = 12
"""Steps that are timed, after a few, to know how many fit."""


class PairTracker(PlaceTracker):
    """Where a stream of pairs is in the music: the durations so far say it.

    Args:
        tables: of the pairs.
        is_reader: a duration stands where its note begins; else where the next one does, as a writer wants.
    """

    _lasts: Tensor
    _bar: Tensor

    def __init__(self, tables: Tables, *, is_reader: bool) -> None:
        kind, position, pitch, duration, bar = (
            torch.from_numpy(column)
            for column in (tables.kind, tables.position, tables.pitch, tables.duration, tables.bar_positions)
        )
        super().__init__(kind=kind, position=position, pitch=pitch, lookback=())
        self.is_reader = is_reader
        self.register_buffer("_lasts", duration.clamp(min=0), persistent=False)
        self.register_buffer("_bar", bar.clamp(min=1), persistent=False)

    @torch.no_grad()
    def forward(self, ids: Tensor, state: PlaceState) -> tuple[Place, PlaceState]:
        """As of every tracker; the third counter is the time gone by, the fourth the metre's id."""
        told, after = super().forward(ids, state)
        gone0, metre0 = state.counters[:, 2], state.counters[:, 3]
        gone = gone0[:, None] + self._lasts[ids].cumsum(1)
        metre = hold(ids, self._bar[ids] > 1, metre0)
        length = self._bar[metre]
        at = gone - self._lasts[ids] if self.is_reader else gone
        counters = after.counters.clone()
        counters[:, 2], counters[:, 3] = gone[:, -1], metre[:, -1]
        bar = (at // length + 1) * (metre > 0)
        place = (at % length + 1) * (metre > 0)
        return told._replace(bar=bar, place=place, metre=self._metre[metre]), after._replace(
            counters=counters
        )


def pair_tables(tables: Tables) -> Tables:
    """Those of REMI, and one id more: a rest."""
    columns = {
        name: np.append(column, 0 if name == "is_drum" else -1)
        for name, column in tables._asdict().items()
        if name != "voices"
    }
    columns["kind"][-1] = Kind.REST
    return Tables(**columns, voices=0)


def as_pairs(clips: Clips, tables: Tables) -> Clips:
    """REMI's clips as pairs; of notes that begin together the highest, each cut where the next begins.

    Args:
        clips: in REMI.
        tables: of the pairs.
    """
    notes = clip_notes(clips.ids, clips.offsets, tables)
    order = np.lexsort((notes.pitch, notes.onset, notes.clip))
    notes = Notes(*(column[order] for column in notes))
    same = (notes.clip[1:] == notes.clip[:-1]) & (notes.onset[1:] == notes.onset[:-1])
    notes = Notes(*(column[np.append(~same, True)] for column in notes))
    length = {int(tables.duration[id_]): int(id_) for id_ in tables.ids(Kind.DURATION)}
    pitch = {int(tables.pitch[id_]): int(id_) for id_ in tables.ids(Kind.PITCH) if not tables.is_drum[id_]}
    fits = sorted(length, reverse=True)
    [rest_id] = tables.ids(Kind.REST)
    cuts = np.searchsorted(notes.clip, np.arange(len(clips.piece) + 1))
    streams = []
    for clip, metre in enumerate(clips.metre.tolist()):
        unit = int(tables.position_ticks[metre])
        end = BARS * int(tables.bar_positions[metre])
        here = slice(cuts[clip], cuts[clip + 1])
        onsets, durations = notes.onset[here] // unit, notes.duration[here] // unit
        ids = clips.ids[clips.offsets[clip] : clips.offsets[clip] + 3].tolist()  # BOS, Bar, metre
        now = 0
        for onset, duration, key, following in zip(
            onsets.tolist(),
            durations.tolist(),
            notes.pitch[here].tolist(),
            [*onsets[1:].tolist(), end],
            strict=True,
        ):
            ids += _spans(onset - now, rest_id, length, fits)
            lasts = next(each for each in fits if each <= min(duration, following - onset))
            ids += [pitch[key], length[lasts]]
            now = onset + lasts
        ids += [*_spans(end - now, rest_id, length, fits), int(clips.ids[clips.offsets[clip + 1] - 1])]
        streams.append(ids)
    return clips._replace(
        ids=np.array([id_ for ids in streams for id_ in ids], np.uint16),
        offsets=np.append(0, np.cumsum([len(ids) for ids in streams])),
    )


def _spans(gap: int, rest_id: int, length: dict[int, int], fits: list[int]) -> list[int]:
    """A silence as rests, the longest first."""
    ids = []
    while gap > 0:
        lasts = next(each for each in fits if each <= gap)
        ids += [rest_id, length[lasts]]
        gap -= lasts
    return ids


def pair_notes(ids: Ints, offsets: Ints, tables: Tables) -> Notes:
    """What pairs say, as `clip_notes` does of other clips."""
    kind = tables.kind[ids]
    clip = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    lasts = np.where(kind == Kind.DURATION, tables.duration[ids], 0)
    gone = np.cumsum(lasts)
    start = np.append(0, gone)[offsets[:-1]]
    struck = np.flatnonzero(kind[:-1] == Kind.PITCH)
    struck = struck[kind[struck + 1] == Kind.DURATION]
    unit = tables.position_ticks[ids[offsets[:-1] + 2]][clip[struck]]
    onset = gone[struck] - start[clip[struck]]
    return Notes(clip[struck], onset * unit, lasts[struck + 1] * unit, tables.pitch[ids[struck]])


@torch.inference_mode()
def write_pairs(model: VAE, z: Tensor, heads: Ints, tables: Tables) -> list[Ints]:
    """The likeliest pairs that points stand for, pitch (or rest) and duration in turn, up to the end.

    Args:
        model: of pairs.
        z: (N, Z).
        heads: (N, 3) BOS, bar and metre of each.
        tables: of the pairs.
    """
    duration = torch.from_numpy(np.maximum(tables.duration, 0))
    is_duration = torch.from_numpy(tables.kind == Kind.DURATION)
    is_sound = torch.from_numpy(np.isin(tables.kind, (Kind.PITCH, Kind.REST)))
    room = BARS * torch.from_numpy(tables.bar_positions[heads[:, 2]])  # (N,)
    state = model.init_state(z)
    logits, state = model(torch.from_numpy(heads), state)
    steps = [torch.from_numpy(heads)]
    for step in range(2 * int(room.max())):
        allowed = is_sound[None] if step % 2 == 0 else is_duration[None] & (duration[None] <= room[:, None])
        done = room <= 0
        chosen = logits[:, -1].float().masked_fill(~allowed, -torch.inf).argmax(dim=1)
        chosen = torch.where(done, 0, chosen)
        room = room - duration[chosen]
        steps.append(chosen[:, None])
        if step % 2 and bool((room <= 0).all()):
            break
        logits, state = model(chosen[:, None], state)
    rows = torch.cat(steps, dim=1).numpy()
    return [row[row != 0] for row in rows]


class Ready(NamedTuple):
    """A way of writing, and a run of it that has not begun."""

    run: Run
    data: ClipDataModule
    tables: Tables


def make(kind: str, dataset: Dataset, steps: int) -> Ready:
    """Everything a run of so many steps needs."""
    config = VAETrainConfig(
        model=VAEConfig(clip_bars=BARS),
        tokenizer=TokenizerConfig(kind="grid" if kind == "grid" else "remi"),
        trainer=TrainerConfig(max_steps=steps),
    )
    pl.seed_everything(0, verbose=False)
    run = set_up(config, dataset, None, logging.getLogger(__name__).info)
    data, tables = run.data, run.tokenizer.tables
    assert isinstance(data, ClipDataModule)
    if kind == "pairs":
        tables = pair_tables(tables)
        data.train_clips, data.valid_clips = (
            as_pairs(clips, tables) for clips in (data.train_clips, data.valid_clips)
        )
        data.tables, data.moves = tables, transposition_tables(tables, range(-data.reach, data.reach + 1))
        assert isinstance(run.config, VAETrainConfig)
        model = build_model(run.config, _Written(tables))  # type: ignore[arg-type]
        assert isinstance(model, VAE)
        assert isinstance(model.encoder, ClipEncoder)
        model.decoder.tracker = PairTracker(tables, is_reader=False)
        model.encoder.reader.tracker = PairTracker(tables, is_reader=True)
        is_note = torch.from_numpy((tables.kind == Kind.PITCH).astype("int64"))
        module = VAEModule(model, optim=config.optim, latent=run.config.latent, steps=steps, is_note=is_note)
        run = run._replace(model=model, module=module)
    return Ready(run, data, tables)


class _Written(NamedTuple):
    """What of a tokenizer a model is built from."""

    tables: Tables


def fit(ready: Ready, steps: int) -> float:
    """Train; returns minutes of processor time."""
    computes_bf16 = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - it has no public name
    trainer = pl.Trainer(
        max_steps=steps,
        max_epochs=-1,
        precision="bf16-mixed" if computes_bf16 else "32-true",
        accelerator="cpu",
        gradient_clip_val=1.0,
        limit_val_batches=0,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        logger=False,
    )
    began = time.process_time()
    trainer.fit(ready.run.module, datamodule=ready.data)
    return (time.process_time() - began) / 60


def seconds_a_step(kind: str, dataset: Dataset) -> float:
    """Processor time of a training step."""
    ready = make(kind, dataset, 1000)
    few = fit(ready, 3)
    more = fit(make(kind, dataset, 1000), 3 + PACED)
    return (more - few) * 60 / PACED


def named(view: TokenView, clips: Clips) -> dict[tuple[str, int], int]:
    """Number of each clip by its piece and first bar."""
    return {
        (view.pieces[piece].name, bar): number
        for number, (piece, bar) in enumerate(
            zip(clips.piece.tolist(), clips.first_bar.tolist(), strict=True)
        )
    }


@torch.inference_mode()
def given_back(kind: str, ready: Ready, clips: Clips, which: Ints) -> Notes:
    """The notes of what comes back of some clips."""
    model, tables = ready.run.model, ready.tables
    assert isinstance(model, VAE)
    model.eval()
    own = as_pairs(clips, tables) if kind == "pairs" else clips
    z = torch.cat(
        [model.posterior(torch.from_numpy(own.rows(part))).mean for part in np.array_split(which, 8)]
    )
    streams: list[Any] = [None] * len(which)
    if kind == "pairs":
        streams = list(write_pairs(model, z, own.rows(which)[:, :3], tables))
    else:
        metres = clips.metre[which]
        for metre in np.unique(metres).tolist():
            rows = np.flatnonzero(metres == metre)
            beats, _, unit = ready.run.tokenizer.vocab[metre].removeprefix("TimeSig_").partition("/")
            results = decode_latents(model, ready.run.tokenizer, z[rows], (int(beats), int(unit)))
            for row, result in zip(rows, results, strict=True):
                streams[row] = np.array(result.ids)
    offsets = np.append(0, np.cumsum([len(ids) for ids in streams]))
    return (pair_notes if kind == "pairs" else clip_notes)(np.concatenate(streams), offsets, tables)


def measure(kinds: Sequence[str], dataset: Dataset, minutes: float, limit: int) -> list[dict[str, Any]]:
    """A row of the table for each way of writing."""
    remi = make("remi", dataset, 1000)
    view = token_view(dataset, remi.run.tokenizer, remi.run.config.data)
    clips = cut_clips(view, remi.tables, bars=BARS, split="test")
    chosen = choose(clips, remi.data.train_clips, remi.tables, limit=10**9, is_training=False)
    homes = named(view, clips)
    wanted = [key for key, number in homes.items() if number in set(chosen.which.tolist())]
    grid = make("grid", dataset, 1000)
    grid_view = token_view(dataset, grid.run.tokenizer, grid.run.config.data)
    grid_clips = cut_clips(grid_view, grid.tables, bars=BARS, split="test")
    grid_homes = named(grid_view, grid_clips)
    wanted = [key for key in wanted if key in grid_homes]
    wanted = [wanted[i] for i in np.linspace(0, len(wanted) - 1, min(limit, len(wanted))).round().astype(int)]
    which = np.array([homes[key] for key in wanted])
    rows_of = clips.rows(which)
    reference_ids = [row[row != 0] for row in rows_of]
    offsets = np.append(0, np.cumsum([len(ids) for ids in reference_ids]))
    reference = clip_notes(np.concatenate(reference_ids), offsets, remi.tables)
    table = []
    for kind in kinds:
        steps = max(20, round(minutes * 60 / seconds_a_step(kind, dataset)))
        ready = make(kind, dataset, steps)
        took = fit(ready, steps)
        of_grid = kind == "grid"
        numbers = np.array([grid_homes[key] for key in wanted]) if of_grid else which
        found = given_back(kind, ready, grid_clips if of_grid else clips, numbers)
        f1 = found_again(reference, found, len(which))[:, 2]
        with_durations = found_again(reference, found, len(which), with_durations=True)[:, 2]
        mean = bootstrap_mean(f1)
        lengths = np.diff(ready.data.train_clips.offsets)
        table.append(
            {
                "writing": f"grid of {grid.run.tokenizer.positions} a quarter" if of_grid else kind,  # type: ignore[union-attr]
                "ids_a_clip": float(lengths.mean()),
                "steps": steps,
                "minutes": took,
                "note_f1": mean._asdict(),
                "note_f1_durations": float(with_durations.mean()),
                "clips": len(which),
            }
        )
        say(f"{kind}: note F1 {mean.mean:.3f} after {steps} steps, {took:.1f} minutes of processor time")
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.representations", description=__doc__.split("\n")[0] if __doc__ else None
    )
    parser.add_argument("data", type=Path, help="a dataset of tunes")
    parser.add_argument("--minutes", type=float, default=6, help="of processor time for each (default 6)")
    parser.add_argument("--limit", type=int, default=500, help="clips that are measured (default 500)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="ways of writing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    try:
        rows = measure(arguments.kinds, Dataset.open(arguments.data), arguments.minutes, arguments.limit)
    except MusegenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    print(f"{'':<22}{'ids a clip':>11}{'steps':>7}{'minutes':>9}  {'note F1':<22}{'with duration'}")
    for row in rows:
        f1 = row["note_f1"]
        print(
            f"{row['writing']:<22}{row['ids_a_clip']:>11.1f}{row['steps']:>7}{row['minutes']:>9.1f}  "
            f"{f1['mean']:.3f} ({f1['low']:.3f}-{f1['high']:.3f})   {row['note_f1_durations']:.3f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
