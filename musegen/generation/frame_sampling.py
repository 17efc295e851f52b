"""New music of a model of piano-roll frames, frame by frame; it runs in torch."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import torch
from symusic import Score, Tempo, TimeSignature, Track
from symusic.core import ScoreTick

from musegen.checkpoint.folder import Checkpoint
from musegen.config.frames import FramesTrainConfig
from musegen.config.options import SamplingOptions
from musegen.errors import ConfigError
from musegen.generation.from_checkpoint import BARS, Generated, Wanted
from musegen.generation.rejection import Rejection, accept_all
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.models.frame_outputs import Draw
from musegen.models.frames import FrameModel
from musegen.music.metre import bar_ticks, metres_at
from musegen.music.rolls import KEYS, LOWEST, Roll, put_roll, roll_of

TICKS = 480
"""Per quarter note, of music without a prompt."""
FRAMES_TOO = ("temperature", "compiled")
"""Settings that are not for sampling one token at a time only."""


@dataclass(frozen=True)
class _Frame:
    """Where new bars stand."""

    score: ScoreTick
    """What is before them, or an empty score in its metre."""
    start: int
    """Tick of the first new bar."""
    before: Roll
    """(frames, KEYS) up to there."""
    count: int
    """Number of new frames."""
    bars: int
    """Of the whole piece."""


def generate_frames(checkpoint: Checkpoint, wanted: Wanted) -> Generated:
    """New pieces of a model of frames, or continuations of a prompt.

    Raises:
        ConfigError: the model cannot do what is requested, or too few pieces are accepted.
    """
    name, config = checkpoint.path.name, cast(FramesTrainConfig, checkpoint.config)
    sampling = wanted.sampling or config.sampling
    _refuse(name, wanted, sampling)
    bars = wanted.bars or BARS
    assert config.roll.positions is not None
    frame = _frame_of(wanted, bars, config.roll.positions, checkpoint.data)
    words = list[str]()
    rejection = Rejection(wanted.rejecting_copies(accept_all, bars, words)(wanted.num, wanted.seed))
    allowed = torch.zeros(KEYS)
    if wanted.pitches is not None:
        keys = [key for key in range(KEYS) if key + LOWEST not in wanted.pitches]
        allowed[keys] = -torch.inf
    if not allowed.isfinite().any():
        raise ConfigError("no key of a piano is allowed: widen ⟨pitch-range⟩ or ⟨scale⟩")
    while rejection.wanted:
        num, seed = rejection.wanted
        streams = RowStreams(seed, range(num))
        model = cast(FrameModel, checkpoint.model)
        rolls, nats = _sampled(model, frame, streams, sampling.temperature, allowed)
        rejection.take(
            [
                Result(
                    _as_score(roll, frame, config.roll.positions, wanted, checkpoint.data),
                    own,
                    frame.bars,
                    [],
                )
                for roll, own in zip(rolls, nats.tolist(), strict=True)
            ]
        )
    return Generated(rejection.results, words)


def _refuse(name: str, wanted: Wanted, sampling: SamplingOptions) -> None:
    """Refuse what frames do not have."""
    if wanted.prior:
        raise ConfigError(f"⟨prior⟩ is for clip models (VAEs), and {name} writes frames: leave it out")
    if wanted.key:
        raise ConfigError(
            f"⟨key⟩ is for models that write tokens, and {name} writes frames: restrict them with ⟨scale⟩"
        )
    wanted.labels.found((), name)
    if wanted.candidates:
        raise ConfigError(f"⟨candidates⟩ is for language models, and {name} writes frames: leave it out")
    for each in fields(sampling):
        if each.name not in FRAMES_TOO and getattr(sampling, each.name) != each.default:
            raise ConfigError(
                f"⟨{each.name.replace('_', '-')}⟩ is for models that sample one token at a time, and {name} "
                "samples whole frames: leave it out; ⟨temperature⟩ is for both"
            )


def _frame_of(wanted: Wanted, bars: int, positions: int, data: Mapping[str, Any]) -> _Frame:
    """Where the new bars stand: after a prompt, or from the start."""
    if wanted.prompt is None:
        most = next(iter(data.get("metres", ())), "4/4").split("/")
        beats, unit = wanted.time_signature or (int(most[0]), int(most[1]))
        score = Score(TICKS)
        score.time_signatures = [TimeSignature(0, beats, unit)]
        start, before = 0, np.zeros((0, KEYS), np.bool_)
    else:
        score = wanted.prompt
        start = int(bar_ticks(score)[-1])
        before = roll_of(score, positions, until=start)
        if not before.any():
            raise ConfigError("⟨prompt⟩ has no note in the 88 keys of a piano, of which frames are made")
        [(beats, unit)] = metres_at(score, np.array([max(0, start - 1)]))
    if 4 * beats * positions % unit:
        raise ConfigError(
            f"a bar of {beats}/{unit} has no whole number of frames at {positions} per quarter note: choose "
            "another ⟨time-signature⟩"
        )
    whole = bars + (0 if wanted.prompt is None else len(bar_ticks(score)) - 1)
    return _Frame(score, start, before, bars * 4 * beats * positions // unit, whole)


@torch.inference_mode()
def _sampled(
    model: FrameModel, frame: _Frame, streams: RowStreams, temperature: float, allowed: torch.Tensor
) -> tuple[Roll, np.ndarray[Any, np.dtype[np.float64]]]:
    """New frames of each row, (B, frames, KEYS), and their log-likelihood in nats, (B,)."""
    device = next(model.parameters()).device

    def uniform(count: int) -> torch.Tensor:
        return torch.from_numpy(streams.draw_steps(count).T.astype(np.float32)).to(device)

    draw, rows = Draw(uniform, temperature, allowed.to(device)), streams.rows
    silent = torch.zeros(rows, 1, KEYS, device=device)
    begin = torch.from_numpy(frame.before).float().to(device).expand(rows, -1, -1)
    states, state = model(torch.cat([silent, begin], dim=1), model.init_state(rows))
    last, now = torch.cat([silent, begin], dim=1)[:, -1], states[:, -1]
    rolls, nats = [], torch.zeros(rows, dtype=torch.float64, device=device)
    for _ in range(frame.count):
        last, own = model.output.sample(now.float(), last, draw)
        rolls.append(last)
        nats = nats + own.double()
        states, state = model(last[:, None], state)
        now = states[:, -1]
    found = torch.stack(rolls, dim=1) > 0
    return found.cpu().numpy(), nats.cpu().numpy()


def _as_score(
    roll: Roll, frame: _Frame, positions: int, wanted: Wanted, data: Mapping[str, Any]
) -> ScoreTick:
    """The new frames after what is before them, on its only track or on one of their own."""
    score = frame.score.copy()
    if wanted.prompt is None:
        score.tempos = [Tempo(0, qpm=wanted.tempo or data["tempo"])]
    elif wanted.tempo is not None:
        score.tempos.append(Tempo(frame.start, qpm=wanted.tempo))
    program = data["program"] if wanted.program is None else wanted.program
    melodic = [number for number, track in enumerate(score.tracks) if len(track.notes) and not track.is_drum]
    is_same = len(melodic) == 1 and wanted.program in (None, score.tracks[melodic[0]].program)
    if not is_same:
        score.tracks.append(Track("Continuation" if wanted.prompt else "", max(program, 0)))
    put_roll(score.tracks[melodic[0] if is_same else -1], roll, positions, score.tpq, frame.start)
    return score
