"""Pieces that are as they are wanted: what is not is thrown away, and others are written instead.

That draws from the model's own law, given that a piece is as wanted: no token is forced.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from musegen.data.novelty import NoveltyIndex, max_copied_run
from musegen.errors import ConfigError
from musegen.generation.requests import Result
from musegen.models.lm import LanguageModel
from musegen.models.losses import stream_nats
from musegen.music.key import tonic_in, with_signature
from musegen.music.metre import bar_ticks
from musegen.music.notes import transpose
from musegen.tokenizers import Kind, Tokenizer

TRIES = 10
"""How often what was thrown away is written anew."""
KEY_TRIES = 60
"""The same where a key is wanted: one tune in ten is in dorian."""
OTHER_SEEDS, KEY_SEEDS = 2**32, 2**40
"""How far the seeds of the tries lie apart: beyond any seed that can be asked for, and beyond those."""


def generate_chosen(
    write: Callable[[int, int], list[Result]],
    choose: Callable[[Result], Result | None],
    *,
    num: int,
    seed: int,
    tries: int,
    apart: int,
) -> tuple[list[Result], int]:
    """Pieces that are as wanted, and how many were thrown away; fewer than `num` if there are no more.

    The same arguments give the same pieces; those that are as wanted at once are the ones that `seed` gives
    anyway.

    Args:
        write: makes so many pieces of a seed.
        choose: a piece as it is to be, or None.
        num: how many pieces.
        seed: fixes everything.
        tries: how often what was thrown away is written anew.
        apart: how far their seeds lie apart.
    """
    kept: list[Result] = []
    rejected = 0
    for attempt in range(tries):
        results = write(num - len(kept), seed + attempt * apart)
        chosen = [each for each in map(choose, results) if each is not None]
        kept += chosen
        rejected += len(results) - len(chosen)
        if len(kept) == num:
            break
    return kept, rejected


def generate_novel(
    write: Callable[[int, int], list[Result]],
    index: NoveltyIndex,
    *,
    max_copy: int,
    bars: int,
    num: int = 1,
    seed: int = 0,
) -> tuple[list[Result], int]:
    """Pieces whose new bars copy no longer run of notes of an index, and how many were thrown away.

    Args:
        write: makes so many pieces of a seed.
        index: of what was learnt.
        max_copy: how many notes in a row may be copied.
        bars: new bars of each piece; what stands before them, a prompt, does not count.
        num: how many pieces.
        seed: fixes everything.

    Raises:
        ConfigError: after `TRIES` rounds there are too few.
    """

    def choose(result: Result) -> Result | None:
        return result if copied_run(result, index, bars) <= max_copy else None

    kept, rejected = generate_chosen(write, choose, num=num, seed=seed, tries=TRIES, apart=OTHER_SEEDS)
    if len(kept) < num:
        raise ConfigError(
            f"--max-copy {max_copy} is kept by {len(kept)} of {num} pieces, after {rejected} were thrown "
            "away: allow longer copies, or raise --temperature"
        )
    return kept, rejected


def generate_in_key(
    write: Callable[[int, int], list[Result]],
    model: LanguageModel,
    tokenizer: Tokenizer,
    *,
    tonic: int,
    mode: str,
    pitches: frozenset[int] | None = None,
    num: int = 1,
    seed: int = 0,
) -> tuple[list[Result], int]:
    """Pieces in a key, ending on its tonic, and how many were thrown away for being in another mode.

    Pieces are written in whatever key; those of the mode are then moved to the tonic, by half an octave at
    most. A model trained on transpositions likes all tonics alike.

    Args:
        write: makes so many pieces of a seed.
        model: that writes them.
        tokenizer: its own.
        tonic: pitch class, 0 is C.
        mode: see `musegen.music.key.tonic_in`.
        pitches: that may sound; a piece that leaves them when it is moved is thrown away.
        num: how many pieces.
        seed: fixes everything.

    Raises:
        ConfigError: after `KEY_TRIES` rounds there are too few.
    """

    def choose(result: Result) -> Result | None:
        found = tonic_in(result.score, mode)
        there = None if found is None else moved(result, tonic - found, model, tokenizer, pitches)
        return there and replace(there, score=with_signature(there.score, tonic, mode))

    kept, rejected = generate_chosen(write, choose, num=num, seed=seed, tries=KEY_TRIES, apart=KEY_SEEDS)
    if len(kept) < num:
        raise ConfigError(
            f"--key: {len(kept)} of {num} pieces came out in {mode}, after {rejected} were thrown away: the "
            "training music is seldom so; ask for another mode or fewer pieces, or keep to notes with --scale"
        )
    return kept, rejected


def moved(
    result: Result,
    semitones: int,
    model: LanguageModel,
    tokenizer: Tokenizer,
    pitches: frozenset[int] | None,
) -> Result | None:
    """A piece moved by so many semitones, octaves aside, the nearest way; None where it leaves `pitches`.

    Its likelihood is that of the piece as it then stands.
    """
    semitones = (semitones + 5) % 12 - 5
    tables = tokenizer.tables
    to = {
        int(tables.pitch[i]): int(i)
        for i in tables.ids(Kind.PITCH)
        if not tables.is_drum[i] and (pitches is None or int(tables.pitch[i]) in pitches)
    }
    ids = []
    for id_ in result.ids:
        if tables.kind[id_] != Kind.PITCH or tables.is_drum[id_]:
            ids.append(id_)
        elif int(tables.pitch[id_]) + semitones in to:
            ids.append(to[int(tables.pitch[id_]) + semitones])
        else:
            return None
    if not semitones:
        return result
    stream = torch.tensor([[*ids, tokenizer.eos_id]], device=next(model.parameters()).device)
    with torch.inference_mode():
        nats = float(stream_nats(model, model.init_state(1), stream).sum())
    return replace(result, score=transpose(result.score, semitones), ids=ids, log_likelihood=-nats)


def copied_run(result: Result, index: NoveltyIndex, bars: int) -> int:
    """How many notes the longest copied run has in the last so many bars of a piece."""
    lines = bar_ticks(result.score)
    first = min(result.bars - bars, len(lines) - 1)
    return max_copied_run(result.score, index, since=int(lines[first]))
