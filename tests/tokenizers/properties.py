"""What holds of every tokenizer and all music: round trips, and masks that allow what is encoded.

Each property is a function of a `Subject` and of what hypothesis draws for it. A tokenizer is added to
`subjects`, with a strategy for scores that it can encode.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st
from symusic.core import ScoreTick

from musegen.checkpoint.build import build_model
from musegen.config.options import SamplingOptions
from musegen.config.settings import LMConfig, TokenizerConfig, TrainConfig
from musegen.generation.eager import Eager
from musegen.generation.engine import sample_streams
from musegen.generation.sampling import RowStreams
from musegen.tokenizers import (
    Constraints,
    GridTokenizer,
    Kind,
    Part,
    RemiTokenizer,
    Tokenizer,
    limits_of,
)
from musegen.tokenizers.grammars import make_grammar
from musegen.tokenizers.tables import DRUMS, Ints
from tests.tokenizers.oracle import miditok_decode, miditok_ids, snap
from tests.tokenizers.strategies import PARTS, Example, Values, events, voices
from tests.tokenizers.walks import walk

ROWS = 64
"""Streams of a walk that are drawn together."""
ROSTERS = [[0], [0, DRUMS], [1, 2], [0, 1, 2, 3]]
"""Who plays in the rows of a walk, as numbered in the stream."""


class Subject(NamedTuple):
    """A tokenizer under test."""

    tokenizer: Tokenizer
    scores: st.SearchStrategy[Example]


@lru_cache
def subjects() -> dict[str, dict[str, Subject]]:
    """Tokenizers by kind and name."""
    flags = {"plain": "", "tempo": "vt", "programs": "p", "parts": "pv", "all": "pvt"}
    remi = {name: _remi(flag, PARTS if name == "parts" else []) for name, flag in flags.items()}
    choir = [Part(name, 52) for name in ("Soprano", "Alto", "Tenor", "Bass")]
    grid = {"line": _grid(24, []), "choir": _grid(4, choir)}
    return {"remi": remi, "grid": grid}


def _remi(flags: str, parts: list[Part]) -> Subject:
    config = TokenizerConfig(programs="p" in flags, velocity="v" in flags, tempo="t" in flags)
    tokenizer = RemiTokenizer.build(config, time_signatures=[], programs=[], parts=parts)
    names = [token.partition("_") for token in tokenizer.vocab]
    velocities = [int(value) for kind, _, value in names if kind == "Velocity"] or [100]
    tempos = [round(6e7 / float(value)) for kind, _, value in names if kind == "Tempo"] or [500_000]
    durations = np.unique(tokenizer.tables.duration)[1:]
    values = Values(durations, np.array(velocities), np.array(tempos))
    return Subject(tokenizer, events(values, tempos=config.tempo))


def _grid(positions: int, parts: list[Part]) -> Subject:
    config = TokenizerConfig(kind="grid", positions=positions)
    tokenizer = GridTokenizer.build(config, time_signatures=[], parts=parts)
    return Subject(tokenizer, voices(positions=positions, parts=parts))


def decoding_gives_the_music(subject: Subject, example: Example) -> None:
    """decode(encode(x)) is x on the grid; and x itself where all of it has tokens."""
    tokenizer = subject.tokenizer
    snapped = snap(tokenizer, example.score)
    decoded = tokenizer.decode(tokenizer.encode(example.score), ticks_per_quarter=snapped.ticks_per_quarter)
    assert facts(tokenizer, decoded) == facts(tokenizer, snapped)
    assert not example.exact or facts(tokenizer, snapped) == facts(tokenizer, example.score)


def encoding_gives_the_ids(subject: Subject, example: Example) -> None:
    """encode(decode(ids)) is ids, for ids that `encode` wrote."""
    again(subject.tokenizer, subject.tokenizer.encode(example.score))


def ids_are_miditoks(subject: Subject, example: Example) -> None:
    """Our encoder writes what MidiTok writes."""
    assert isinstance(subject.tokenizer, RemiTokenizer)
    assert subject.tokenizer.encode(example.score).tolist() == miditok_ids(subject.tokenizer, example.score)


def _is_miditoks(tokenizer: Tokenizer, ids: Ints) -> None:
    """Our decoder reads what MidiTok reads; grids and lines have no reference."""
    if isinstance(tokenizer, RemiTokenizer):
        assert tokenizer.decode(ids) == miditok_decode(tokenizer, ids).resample(480, min_dur=1)


def encoded_is_grammatical(subject: Subject, example: Example) -> None:
    """The masks allow every id that `encode` writes of music without overlaps on one pitch."""
    tokenizer = subject.tokenizer
    if _overlaps(tokenizer, snap(tokenizer, example.score)):
        return
    grammar = make_grammar(tokenizer.tables, Constraints())
    ids = torch.from_numpy(tokenizer.encode(example.score))
    state = grammar.init_state(1)
    for before, id_ in pairwise(ids):
        state = grammar.advance(state, before[None])
        assert bool(grammar.mask(state)[0, id_]), f"{tokenizer.vocab[id_]} after {tokenizer.vocab[before]}"


def walked_ids_come_back(subject: Subject, index: int) -> None:
    """encode(decode(ids)) is ids, for ids drawn uniformly under the masks; no mask is a dead end."""
    again(subject.tokenizer, pool(subject.tokenizer, _walks)(index))


def sampled_ids_come_back(subject: Subject, index: int) -> None:
    """encode(decode(ids)) is ids, for ids that an untrained model wrote."""
    again(subject.tokenizer, pool(subject.tokenizer, _samples)(index))


def again(tokenizer: Tokenizer, ids: Ints) -> None:
    """Decoding and encoding gives the same ids, and decoding the same music as MidiTok."""
    _is_miditoks(tokenizer, ids)
    assert tokenizer.encode(tokenizer.decode(ids)).tolist() == ids.tolist()


def facts(tokenizer: Tokenizer, score: ScoreTick) -> dict[str, Any]:
    """What a score says of what the stream tells: metres, tempos, and the notes of each voice.

    Of notes that fall together in one voice on one pitch, the stream keeps the shortest, then the softest.
    """
    tracks = [track for track in score.tracks if len(track.notes)]
    if not tokenizer.config.programs:
        tracks = [track for track in tracks if not track.is_drum]
    numbers = tokenizer.stream_programs(tracks) if tokenizer.config.programs else [0] * len(tracks)
    notes: dict[int, dict[tuple[int, int], tuple[int, int]]] = defaultdict(dict)
    for number, track in zip(numbers, tracks, strict=True):
        if tokenizer.parts and number < len(tokenizer.parts):
            assert (track.name, track.program) == tokenizer.parts[number]
        for note in track.notes:
            place, velocity = (note.time, note.pitch), note.velocity if tokenizer.config.velocity else 0
            said = (note.duration, velocity)
            notes[number][place] = min(said, notes[number].get(place, said))
    tempos = [(mark.time, round(mark.qpm, 2)) for mark in score.tempos]
    return {
        "ticks": score.ticks_per_quarter,
        "metres": [(mark.time, mark.numerator, mark.denominator) for mark in score.time_signatures],
        "tempos": tempos if tokenizer.config.tempo else [],
        "notes": dict(notes),
    }


def _overlaps(tokenizer: Tokenizer, score: ScoreTick) -> bool:
    """Whether a voice starts a pitch that still sounds."""
    for placed in facts(tokenizer, score)["notes"].values():
        free: dict[int, int] = {}
        for (onset, pitch), (duration, _) in sorted(placed.items()):
            if onset < free.get(pitch, 0):
                return True
            free[pitch] = onset + duration
    return False


@lru_cache
def pool(
    tokenizer: Tokenizer, batches: Callable[[Tokenizer], Iterator[list[list[int]]]]
) -> Callable[[int], Ints]:
    """Streams by number, drawn as they are asked for, batch after batch; the first ones are the shortest."""
    streams: list[Ints] = []
    more = batches(tokenizer)

    def stream(index: int) -> Ints:
        while len(streams) <= index:
            streams.extend(np.array(row, np.int16) for row in next(more))
        return streams[index]

    return stream


def _walks(tokenizer: Tokenizer) -> Iterator[list[list[int]]]:
    for seed in range(1 << 31):
        yield walk(tokenizer, _constraints(tokenizer, seed), rows=ROWS, seed=seed)


def _samples(tokenizer: Tokenizer) -> Iterator[list[list[int]]]:
    torch.manual_seed(0)
    size = LMConfig(embedding_dim=8, hidden_size=16, num_layers=1)
    machine = Eager(build_model(TrainConfig(model=size), tokenizer).eval(), tokenizer.tables)
    for seed in range(1 << 31):
        streams = sample_streams(
            machine,
            [],
            limits_of(tokenizer.tables, replace(_constraints(tokenizer, seed), bars=1 + seed % 2)),
            prompt_ids=[tokenizer.bos_id],
            sampling=SamplingOptions(temperature=1.5),
            streams=RowStreams(seed, range(ROWS)),
            max_new_tokens=20_000,
        )
        yield [[*stream.ids, tokenizer.eos_id] for stream in streams]


def _constraints(tokenizer: Tokenizer, seed: int) -> Constraints:
    """One of many wishes, from short to longer."""
    metres = np.flatnonzero(tokenizer.tables.kind == Kind.TIME_SIGNATURE)
    rosters = [frozenset(roster) for roster in ROSTERS if not tokenizer.parts or max(roster) < 4]
    return Constraints(
        bars=[1, 2, None, 4][seed % 4],
        time_signature_id=int(metres[seed // 4 % len(metres)]) if seed % 3 == 1 else None,
        pitches=[None, frozenset({60}), frozenset(range(48, 72, 2))][seed // 4 % 3],
        programs=[rosters[row % len(rosters)] for row in range(ROWS)] if tokenizer.config.programs else (),
    )


SCORE_PROPERTIES = (
    decoding_gives_the_music,
    encoding_gives_the_ids,
    encoded_is_grammatical,
    ids_are_miditoks,
)
STREAM_PROPERTIES = (walked_ids_come_back, sampled_ids_come_back)


def cases(kind: str, streams: int | None = None) -> st.SearchStrategy[tuple[str, Any]]:
    """Names of the tokenizers of a kind, each with a score, or with the number of one of so many streams."""
    return st.one_of(
        st.tuples(st.just(name), subject.scores if streams is None else st.integers(0, streams - 1))
        for name, subject in subjects()[kind].items()
    )
