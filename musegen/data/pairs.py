"""A melody and its accompaniment as two streams of the same bars."""

import numpy as np
from symusic.core import ScoreTick

from musegen.tokenizers import GridTokenizer, Kind, Tokenizer, WholeTokenizer
from musegen.tokenizers.tables import Ints


def encode_melody(melody: ScoreTick, tokenizer: WholeTokenizer) -> Ints:
    """Ids of a melody of one line, from BOS to EOS, (S,).

    What is finer than a grid is left out: the melody is listened to here, and copied elsewhere.

    Raises:
        TokenError: it cannot be encoded.
    """
    if isinstance(tokenizer, GridTokenizer):
        return tokenizer.encode(melody, lossy=True)
    return tokenizer.encode(melody)


def source_and_target(
    melody: ScoreTick, listener: WholeTokenizer, target: Ints, tokenizer: Tokenizer
) -> tuple[Ints, Ints]:
    """Both streams of a piece, from BOS to EOS, the shorter one filled up with silent bars.

    Args:
        melody: of one line.
        listener: the melody's tokenizer.
        target: (T,) the accompaniment.
        tokenizer: of the accompaniment.

    Raises:
        TokenError: the melody cannot be encoded.
    """
    source = encode_melody(melody, listener)
    metres = max(bar_metres(source, listener), bar_metres(target, tokenizer), key=len)
    return fill_bars(source, listener, metres), fill_bars(target, tokenizer, metres)


def bar_metres(ids: Ints, tokenizer: Tokenizer) -> list[str]:
    """The token of each bar's metre, such as "TimeSig_6/8"."""
    return [tokenizer.vocab[id_] for id_ in ids[tokenizer.tables.kind[ids] == Kind.TIME_SIGNATURE]]


def fill_bars(ids: Ints, tokenizer: Tokenizer, metres: list[str]) -> Ints:
    """A stream with silent bars put before its end, so that it has one for each of `metres`."""
    tables = tokenizer.tables
    [bar_id], rest_ids = tables.ids(Kind.BAR), tables.ids(Kind.REST)
    missing: list[int] = []
    for metre in metres[int((ids == bar_id).sum()) :]:
        metre_id = tokenizer.vocab.index(metre)
        slots = int(tables.bar_positions[metre_id]) * tables.voices
        missing += [bar_id, metre_id, *np.repeat(rest_ids, slots)]
    return np.concatenate([ids[:-1], missing, ids[-1:]]).astype(np.int64)
