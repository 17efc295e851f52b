"""Finding the melody track of a Score."""

from typing import NamedTuple

import numpy as np
from symusic import Note, Score

from musegen.errors import DataError
from musegen.music.notes import Floats
from musegen.music.roles import ROLES, fits, program_of, top_track, track_role
from musegen.music.tune_features import Bools, same_lines, says_melody, says_tune, tune_odds

SURE = 0.6
"""The probability from which a line is taken for the melody without a doubt."""
SPARSE = 0.25
"""A smaller share of the median number of notes is never taken for the melody without a word."""


class Found(NamedTuple):
    """A melody track, and how it was found."""

    track: int
    """Its index, from 0."""
    how: str
    """"only track", "name" or "inferred"; if requested, "name", "number", "program" or "role"; or a doubt:
    "uncertain" (another track is about as likely), "sparse" (few notes beside the others), "unlikely" (all
    tracks look like accompaniments)."""
    rival: int | None = None
    """Another track that may be the melody, if that is uncertain."""


def melody_track(score: Score, requested: str | None = None) -> Found:
    """The melody track of a Score; never a drum track.

    Args:
        score: in ticks.
        requested: a track's name (in any case), its number from 1, "top" (the highest track), a program such
            as "program:73", or a role (see `roles`), of several tracks the most likely; None: detected.

    Raises:
        DataError: no such track, or only drums; the message lists the tracks.
    """
    candidates = [i for i, t in enumerate(score.tracks) if not t.is_drum and len(t.notes)]
    if not candidates:
        raise DataError(
            f"no pitched track for a melody; there are the tracks {track_names(score)}: what is on MIDI's "
            "channel 10 is drums, whatever its pitches; move a melody to another channel"
        )
    if requested is not None:
        return _requested(score, candidates, requested.strip())
    if len(candidates) == 1:
        return Found(candidates[0], "only track")
    return _detected(score, candidates)


def best_line(odds: Floats, same: Bools) -> tuple[int, float, Bools]:
    """The most likely track of the most likely line, the probability of that line, and its tracks.

    Args:
        odds: the probability of each track, (tracks,)
        same: whether two tracks play one line, (tracks, tracks)
    """
    sums = same @ odds
    tracks = same[int(np.argmax(sums))]
    return int(np.argmax(np.where(tracks, odds, -1))), float(sums.max()), tracks


def _detected(score: Score, candidates: list[int]) -> Found:
    counts = [len(score.tracks[i].notes) for i in candidates]
    few = SPARSE * float(np.median(counts))
    named = [i for i in candidates if says_melody(score.tracks[i].name)]
    if len(named) == 1:
        return Found(named[0], "sparse" if len(score.tracks[named[0]].notes) < few else "name")
    odds = tune_odds(score, candidates)
    row, sure, line = best_line(odds[:-1], same_lines(score, candidates))
    index = candidates[row]
    if odds[-1] > sure:
        return Found(index, "unlikely")
    if len(score.tracks[index].notes) < few:
        return Found(index, "sparse")
    if sure < SURE and not line.all():
        return Found(index, "uncertain", candidates[int(np.argmax(np.where(line, -1, odds[:-1])))])
    return Found(index, "name" if says_tune(score.tracks[index].name) == 1 else "inferred")


def how_found(score: Score, found: Found) -> str:
    """One line for the user about a melody track that was detected; "" if there is nothing to say."""
    name = _track_name(score, found.track)
    match found.how:
        case "inferred":
            return f"detected the melody in {name}; choose another with ⟨melody⟩"
        case "uncertain":
            rival = found.rival if found.rival is not None else found.track
            other = _track_name(score, rival)
            return f"the melody may be {name} or {other}: {name} is taken; choose another with ⟨melody⟩"
        case "sparse":
            track = score.tracks[found.track]
            why = "its name" if says_tune(track.name) == 1 else "how it goes"
            few = f"but it has only {len(track.notes)} notes"
            return f"the melody seems by {why} to be {name}, {few}; choose another with ⟨melody⟩"
        case "unlikely":
            return f"no track looks like a melody: {name} is taken; choose another with ⟨melody⟩"
        case _:
            return ""


def _track_name(score: Score, index: int) -> str:
    """A track for a message: `track 2 'Flute'`, without a name `track 2`."""
    name = score.tracks[index].name.strip()
    return f"track {index + 1} {name!r}" if name else f"track {index + 1}"


def track_names(score: Score) -> str:
    """The tracks of a Score for a message: `1 "MELODY" (voice), 2 (drums)`."""
    return ", ".join(
        f"{i}" + (f' "{t.name}"' if t.name.strip() else "") + (f" ({track_role(t)})" if len(t.notes) else "")
        for i, t in enumerate(score.tracks, start=1)
    )


def _requested(score: Score, candidates: list[int], requested: str) -> Found:
    named = [i for i in candidates if score.tracks[i].name.strip().casefold() == requested.casefold()]
    if named:
        return Found(named[0], "name")
    if requested.isdecimal() and int(requested) - 1 in candidates:
        return Found(int(requested) - 1, "number")
    if requested.casefold() == "top":
        return Found(top_track(score, candidates), "role")
    found = [i for i in candidates if fits(score.tracks[i], requested)]
    if not found:
        raise DataError(
            f"no melody track {requested!r}; there are the tracks {track_names(score)}; name a track, its "
            f"number, its role ({', '.join(ROLES[:-1])}), program:N, or top (the highest track)"
        )
    best = found[0] if len(found) == 1 else found[int(np.argmax(tune_odds(score, found)[:-1]))]
    return Found(best, "role" if program_of(requested) is None else "program")


def skyline(score: Score) -> Score:
    """The score reduced to one track: the highest note at each time, each cut where the next starts.

    A note that starts below a higher one that lasts for at least half of it is an inner voice and dropped;
    a shorter overlap is legato.
    """
    notes = (note for track in score.tracks for note in track.notes if not track.is_drum)
    rows = sorted((n.time, -n.pitch, n.end, n.velocity) for n in notes)
    line: list[tuple[int, int, int, int]] = []
    for onset, low, end, velocity in rows:
        if line:
            above, top, until, _ = line[-1]
            if above == onset or (top < low and until - onset >= (end - onset) / 2):
                continue
            line[-1] = (above, top, min(until, onset), line[-1][3])
        line.append((onset, low, end, velocity))
    single = score.copy()
    single.tracks = single.tracks[:1]
    single.tracks[0].notes = [Note(onset, end - onset, -low, v) for onset, low, end, v in line]
    return single
