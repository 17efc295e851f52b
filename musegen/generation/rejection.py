"""Pieces that are as they are wanted: what is not is thrown away, and others are written instead.

That draws from the model's own law, given that a piece is as wanted: no token is forced. A wish is a
generator that asks for so many pieces of a seed, is sent them, and returns those it takes; so wishes stand in
one another (a key, and nothing copied), and whoever writes the pieces calls none of them.

Pieces come to rest, as many of them as end on the tonic of their key as of the training pieces do: most folk
tunes do, and a small model that is sampled loses sight of the key now and then. So a few candidates are
written of each, and where an ending on the tonic is wanted the first that has one is taken.
"""

from collections.abc import Callable, Generator
from dataclasses import replace

import torch

from musegen.data.novelty import NoveltyIndex, max_copied_run
from musegen.errors import ConfigError
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.models.lm import LanguageModel
from musegen.models.losses import stream_nats
from musegen.music.key import ends_on_tonic, tonic_in, with_signature
from musegen.music.metre import bar_ticks
from musegen.music.notes import transpose
from musegen.tokenizers import Kind, Tokenizer

TRIES = 10
"""How often what was thrown away is written anew."""
KEY_TRIES = 60
"""The same where a key is wanted: one tune in ten is in dorian."""
OTHER_SEEDS, KEY_SEEDS = 2**32, 2**40
"""How far the seeds of the tries lie apart: beyond any seed that can be asked for, and beyond those."""
CANDIDATES = 3
"""Of each piece that may have to end on its tonic: enough where every other one does."""
WISHES = 2**40
"""Number of the random stream from which is drawn what the first piece is to have: beyond all pieces'."""

Draws = Generator[tuple[int, int], list[Result], list[Result]]
"""Yields how many pieces of which seed are to be written, is sent them, and returns what is taken."""
Wish = Callable[[int, int], Draws]
"""So many pieces of a seed."""


class Rejection:
    """Pieces as wished for, while `wanted` says how many of which seed are to be written next.

    Args:
        draws: of a wish.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.results: list[Result] = []
        """What was taken, at the end."""
        self.wanted: tuple[int, int] | None = next(draws)

    def take(self, results: list[Result]) -> None:
        """What was written, as `wanted` said."""
        try:
            self.wanted = self._draws.send(results)
        except StopIteration as end:
            self.wanted, self.results = None, end.value


def once(num: int, seed: int) -> Draws:
    """Pieces as they come."""
    return (yield num, seed)


def at_rest(share: float) -> Wish:
    """Pieces, a share of which ends on the tonic if their candidates do; piece i does not depend on `num`.

    Args:
        share: of the pieces that are to end so, 0 to 1; 0 takes them as they come.
    """

    def draws(num: int, seed: int) -> Draws:
        candidates = yield num * CANDIDATES, seed
        wishes = (RowStreams(seed, range(WISHES, WISHES + num)).draw() < share).tolist()
        groups = (candidates[i * CANDIDATES : (i + 1) * CANDIDATES] for i in range(num))
        return [
            _first_at_rest(group) if wish else group[0] for group, wish in zip(groups, wishes, strict=True)
        ]

    return draws if share else once


def _first_at_rest(candidates: list[Result]) -> Result:
    return next((each for each in candidates if ends_on_tonic(each.score)), candidates[0])


def novel(wish: Wish, index: NoveltyIndex, *, max_copy: int, bars: int, words: list[str]) -> Wish:
    """Pieces whose new bars copy no longer run of notes of an index.

    Args:
        wish: what else they are to be.
        index: of what was learnt.
        max_copy: how many notes in a row may be copied.
        bars: new bars of each piece; what stands before them, a prompt, does not count.
        words: to which is added how many were thrown away.

    Raises:
        ConfigError: after `TRIES` rounds there are too few.
    """

    def choose(result: Result) -> Result | None:
        return result if copied_run(result, index, bars) <= max_copy else None

    reason = f"copying more than {max_copy} notes in a row"
    too_few = (
        f"--max-copy {max_copy} is kept by {{}} of {{}} pieces, after {{}} were thrown away: allow longer "
        "copies, or raise --temperature"
    )
    return _choosing(wish, choose, words, reason, too_few, tries=TRIES, apart=OTHER_SEEDS)


def in_key(
    model: LanguageModel,
    tokenizer: Tokenizer,
    *,
    tonic: int,
    mode: str,
    words: list[str],
    pitches: frozenset[int] | None = None,
) -> Wish:
    """Pieces in a key, ending on its tonic.

    Pieces are written in whatever key; those of the mode are then moved to the tonic, by half an octave at
    most. A model trained on transpositions likes all tonics alike.

    Args:
        model: that writes them.
        tokenizer: its own.
        tonic: pitch class, 0 is C.
        mode: see `musegen.music.key.tonic_in`.
        words: to which is added how many were thrown away for being in another mode.
        pitches: that may sound; a piece that leaves them when it is moved is thrown away.

    Raises:
        ConfigError: after `KEY_TRIES` rounds there are too few.
    """

    def choose(result: Result) -> Result | None:
        found = tonic_in(result.score, mode)
        there = None if found is None else moved(result, tonic - found, model, tokenizer, pitches)
        return there and replace(there, score=with_signature(there.score, tonic, mode))

    reason = f"not being in {mode} and ending on the tonic"
    too_few = (
        f"--key: {{}} of {{}} pieces came out in {mode}, after {{}} were thrown away: the training music is "
        "seldom so; ask for another mode or fewer pieces, or keep to notes with --scale"
    )
    return _choosing(once, choose, words, reason, too_few, tries=KEY_TRIES, apart=KEY_SEEDS)


def _choosing(
    wish: Wish,
    choose: Callable[[Result], Result | None],
    words: list[str],
    reason: str,
    too_few: str,
    *,
    tries: int,
    apart: int,
) -> Wish:
    """Pieces that are as wanted, others being written instead of those that are not.

    The same arguments give the same pieces; those that are as wanted at once are the ones that the seed gives
    anyway.

    Args:
        wish: what else they are to be.
        choose: a piece as it is to be, or None.
        words: to which is added how many were rejected.
        reason: for which.
        too_few: the error where too few are kept, with a place for their number, the number of pieces wanted
            and the number rejected.
        tries: how often what was rejected is written again.
        apart: how far the seeds of the tries lie apart.

    Raises:
        ConfigError: after all tries there are too few.
    """

    def draws(num: int, seed: int) -> Draws:
        kept: list[Result] = []
        rejected = 0
        for attempt in range(tries):
            results = yield from wish(num - len(kept), seed + attempt * apart)
            chosen = [each for each in map(choose, results) if each is not None]
            kept += chosen
            rejected += len(results) - len(chosen)
            if len(kept) == num:
                words.append(f"thrown away, for {reason}: {rejected}")
                return kept
        raise ConfigError(too_few.format(len(kept), num, rejected))

    return draws


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
