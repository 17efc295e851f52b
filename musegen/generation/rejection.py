"""Rejection sampling: pieces that do not meet a condition are rejected, and others are generated instead.

This samples from the model's own distribution, conditioned on the requirement: no token is forced. A filter
is a generator that requests a number of pieces of a seed, is sent them, and returns those that it accepts. So
filters nest (a key, and nothing copied), and whoever generates the pieces calls none of them.

Of each piece a few candidates are generated. The first is accepted that is as repetitive and as dense as
training pieces are, see `musegen.data.typical`; and as many pieces end on the tonic of their key as training
pieces do: most folk tunes do, and a small model sometimes loses the key.
"""

from collections.abc import Callable, Generator
from dataclasses import replace

from musegen.data.novelty import NoveltyIndex, max_copied_run
from musegen.data.typical import IsTypical
from musegen.errors import ConfigError
from musegen.generation.engine import stream_nats
from musegen.generation.machine import Machine
from musegen.generation.request import Result
from musegen.generation.sampling import RowStreams
from musegen.music.key import ends_on_tonic, tonic_in, with_signature
from musegen.music.metre import bar_ticks
from musegen.music.notes import transpose
from musegen.tokenizers import Kind, Tokenizer

TRIES = 10
"""How many times rejected pieces are replaced."""
KEY_TRIES = 60
"""The same if a key is requested: one tune in ten is in dorian."""
OTHER_SEEDS, KEY_SEEDS = 2**32, 2**40
"""Distances of the seeds of the tries: beyond any seed that can be requested, and beyond those."""
CANDIDATES = 3
"""Of each piece by default: enough if every other one ends on the tonic."""
TONIC_STREAM = 2**40
"""Number of the random stream that decides whether the first piece must end on its tonic."""

Draws = Generator[tuple[int, int], list[Result], list[Result]]
"""Yields how many pieces of which seed are needed, is sent them, and returns those it accepts."""
Filter = Callable[[int, int], Draws]
"""From a number of pieces and a seed."""


class Rejection:
    """Accepted pieces; until there are enough, `wanted` is the number and seed of those to generate next.

    Args:
        draws: of a filter.
    """

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.results: list[Result] = []
        """The accepted pieces, at the end."""
        self.wanted: tuple[int, int] | None = next(draws)

    def take(self, results: list[Result]) -> None:
        """Pass on the pieces that `wanted` requested."""
        try:
            self.wanted = self._draws.send(results)
        except StopIteration as end:
            self.wanted, self.results = None, end.value


def accept_all(num: int, seed: int) -> Draws:
    """All pieces are accepted."""
    return (yield num, seed)


def best_candidates(count: int, *, share: float = 0.0, is_typical: IsTypical | None = None) -> Filter:
    """The first typical one of a few candidates; piece i does not depend on the number of pieces.

    A share of the pieces ends on the tonic, if a candidate does. Where none is typical and ends so, an ending
    gives way.

    Args:
        count: of the candidates of each piece.
        share: of the pieces that must end on their tonic, 0 to 1.
        is_typical: None if all are.
    """

    def draws(num: int, seed: int) -> Draws:
        candidates = yield num * count, seed
        must_end = (RowStreams(seed, range(TONIC_STREAM, TONIC_STREAM + num)).draw() < share).tolist()
        groups = (candidates[i * count : (i + 1) * count] for i in range(num))
        return [
            _best(group, is_typical, must_end=required)
            for group, required in zip(groups, must_end, strict=True)
        ]

    return draws if count > 1 and (share or is_typical) else accept_all


def _best(group: list[Result], is_typical: IsTypical | None, *, must_end: bool) -> Result:
    """The first candidate of those that are best."""
    passed = [
        (is_typical is None or is_typical(each.ids), not must_end or ends_on_tonic(each.score))
        for each in group
    ]
    best = passed.index(max(passed))
    return replace(group[best], passed_over=best)


def novel(inner: Filter, index: NoveltyIndex, *, max_copy: int, bars: int, words: list[str]) -> Filter:
    """Pieces whose new bars copy no run of more than `max_copy` notes from an index.

    Args:
        inner: another filter that they must pass.
        index: of the training music.
        max_copy: how many notes in a row may be copied.
        bars: new bars of each piece; the prompt before them does not count.
        words: where to append how many were rejected.

    Raises:
        ConfigError: after `TRIES` rounds there are too few.
    """

    def accept(result: Result) -> Result | None:
        return result if copied_run(result, index, bars) <= max_copy else None

    reason = f"copying more than {max_copy} notes in a row"
    too_few = (
        f"⟨max-copy⟩ {max_copy}: {{}} of {{}} pieces were accepted and {{}} rejected: allow longer copies, "
        "or raise ⟨temperature⟩"
    )
    return _accepting(inner, accept, words, reason, too_few, tries=TRIES, apart=OTHER_SEEDS)


def in_key(
    machine: Machine,
    tokenizer: Tokenizer,
    *,
    tonic: int,
    mode: str,
    words: list[str],
    pitches: frozenset[int] | None = None,
    count: int = CANDIDATES,
    is_typical: IsTypical | None = None,
) -> Filter:
    """Pieces in a key, ending on its tonic.

    Pieces are generated in any key; those in the mode are then transposed to the tonic, by half an octave at
    most. A model trained on transpositions gives all tonics the same probability.

    Args:
        machine: the model that generates them.
        tokenizer: the model's own.
        tonic: pitch class, 0 is C.
        mode: see `musegen.music.key.tonic_in`.
        words: where to append how many were rejected for being in another mode.
        pitches: allowed; a piece that leaves them when it is transposed is rejected.
        count: of those in the key, how many are tried for a typical one.
        is_typical: None if all are.

    Raises:
        ConfigError: after `KEY_TRIES` rounds there are too few.
    """
    passed_over = 0

    def accept(result: Result) -> Result | None:
        nonlocal passed_over
        found = tonic_in(result.score, mode)
        there = None if found is None else transposed(result, tonic - found, machine, tokenizer, pitches)
        if there is None:
            return None
        if is_typical and passed_over < count - 1 and not is_typical(there.ids):
            passed_over += 1
            return None
        there = replace(there, score=with_signature(there.score, tonic, mode), passed_over=passed_over)
        passed_over = 0
        return there

    reason = f"not being in {mode} and ending on the tonic"
    too_few = (
        f"⟨key⟩: {{}} of {{}} pieces are in {mode}, and {{}} were rejected: the training music is seldom in "
        "it; choose another mode or fewer pieces, or restrict the notes with ⟨scale⟩"
    )
    return _accepting(accept_all, accept, words, reason, too_few, tries=KEY_TRIES, apart=KEY_SEEDS)


def _accepting(
    inner: Filter,
    accept: Callable[[Result], Result | None],
    words: list[str],
    reason: str,
    too_few: str,
    *,
    tries: int,
    apart: int,
) -> Filter:
    """Pieces that pass `accept`, others being generated instead of those that do not.

    The same arguments give the same pieces; those accepted at the first try are the ones that the seed gives
    without a filter.

    Args:
        inner: another filter that they must pass.
        accept: the accepted piece, perhaps changed, or None.
        words: where to append how many were rejected.
        reason: why they were rejected.
        too_few: the error message, with a place for the numbers of accepted, requested and rejected pieces.
        tries: how many times rejected pieces are replaced.
        apart: the distance of the seeds of the tries.

    Raises:
        ConfigError: after all tries there are too few.
    """

    def draws(num: int, seed: int) -> Draws:
        accepted: list[Result] = []
        rejected = 0
        for attempt in range(tries):
            results = yield from inner(num - len(accepted), seed + attempt * apart)
            passed = [each for each in map(accept, results) if each is not None]
            accepted += passed
            rejected += len(results) - len(passed)
            if len(accepted) == num:
                words.append(f"rejected for {reason}: {rejected}")
                return accepted
        raise ConfigError(too_few.format(len(accepted), num, rejected))

    return draws


def transposed(
    result: Result, semitones: int, machine: Machine, tokenizer: Tokenizer, pitches: frozenset[int] | None
) -> Result | None:
    """A piece transposed by `semitones`, at most half an octave; None if it leaves `pitches`.

    Its likelihood is that of the transposed piece.
    """
    semitones = (semitones + 5) % 12 - 5
    tables = tokenizer.tables
    ids_by_pitch = {
        int(tables.pitch[i]): int(i)
        for i in tables.ids(Kind.PITCH)
        if not tables.is_drum[i] and (pitches is None or int(tables.pitch[i]) in pitches)
    }
    ids = []
    for id_ in result.ids:
        if tables.kind[id_] != Kind.PITCH or tables.is_drum[id_]:
            ids.append(id_)
        elif int(tables.pitch[id_]) + semitones in ids_by_pitch:
            ids.append(ids_by_pitch[int(tables.pitch[id_]) + semitones])
        else:
            return None
    if not semitones:
        return result
    nats = float(stream_nats(machine, [[*ids, tokenizer.eos_id]], [])[0].sum())
    return replace(result, score=transpose(result.score, semitones), ids=ids, log_likelihood=-nats)


def copied_run(result: Result, index: NoveltyIndex, bars: int) -> int:
    """The number of notes of the longest copied run in the last `bars` bars of a piece."""
    lines = bar_ticks(result.score)
    first = min(result.bars - bars, len(lines) - 1)
    return max_copied_run(result.score, index, since=int(lines[first]))
