"""MidiTok's own encoder, to which ours must be identical."""

import warnings

from symusic import Track
from symusic.core import ScoreTick, TrackTick

from musegen.errors import TokenError
from musegen.tokenizers import RemiTokenizer


def miditok_ids(tokenizer: RemiTokenizer, score: ScoreTick) -> list[int]:
    """What MidiTok writes of a tidy score, BOS and EOS added."""
    ids = miditok_encode(tokenizer, miditok_ready(tokenizer, score))
    return [tokenizer.bos_id, *ids, tokenizer.eos_id]


def miditok_encode(tokenizer: RemiTokenizer, ready: ScoreTick) -> list[int]:
    """MidiTok alone, on a score made ready for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sequence = tokenizer._remi.encode(ready)
    ids: list[int] = (sequence[0] if isinstance(sequence, list) else sequence).ids
    return ids


def miditok_ready(tokenizer: RemiTokenizer, score: ScoreTick) -> ScoreTick:
    """The score with its tracks as they stand in the stream.

    Programs ascend, drums are last; without programs there is one track, of all but the drums.

    Raises:
        TokenError: nothing to encode, or not with this tokenizer.
    """
    known = set(tokenizer.time_signatures)
    if not all((mark.numerator, mark.denominator) in known for mark in score.time_signatures):
        raise TokenError("unknown metre")  # MidiTok would leave it out
    ready = score.copy()
    ready.tracks = _programs(tokenizer, ready) if tokenizer.config.programs else [_merged(ready)]
    if not any(len(track.notes) for track in ready.tracks):
        raise TokenError("no notes")
    return ready


def _programs(tokenizer: RemiTokenizer, score: ScoreTick) -> list[TrackTick]:
    tracks = [track for track in score.tracks if len(track.notes)]
    for track, number in zip(tracks, tokenizer.stream_programs(tracks), strict=True):
        if not track.is_drum:
            track.program = number
    return sorted(tracks, key=lambda track: (track.is_drum, track.program))


def _merged(score: ScoreTick) -> TrackTick:
    merged = Track(name="", program=0, is_drum=False, ttype="Tick")
    for track in score.tracks:
        if not track.is_drum:
            merged.notes.extend(track.notes)
    merged.notes.sort(key=lambda note: (note.time, note.pitch), inplace=True)
    return merged
