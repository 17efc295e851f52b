"""What `Model.generate` is to write: the prompt is read, and new music measured in bars or in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from musegen.api.datasets import training_dataset
from musegen.api.inputs import (
    Music,
    label,
    read_music,
    read_raw,
    said_of,
    say_ended_tracks,
    say_misfits,
    tidy_tracks,
    unreadable,
)
from musegen.api.text import allowed_pitches, key_of, metre_of
from musegen.console import say
from musegen.errors import ConfigError, MidiError
from musegen.generation.from_checkpoint import Generated, Wanted
from musegen.generation.guidance import LabelRequest

if TYPE_CHECKING:
    from symusic import Score

    from musegen.checkpoint.folder import Checkpoint
    from musegen.config.options import SamplingOptions
    from musegen.config.verbs import GenerateOptions
    from musegen.generation.request import Result

SECONDS = 30.0
"""Default length of new music in free time."""
IN_BARS = ("bars", "time_signature", "tempo", "key")
"""Options that free time does not have."""


Finish = Callable[[Generated], Generated]
"""What is done with new music before it is the user's."""


class Recording(NamedTuple):
    """A prompt in free time."""

    raw: Score
    """As it is in its file."""
    free: Score
    """In the form of models."""
    numbers: list[int]
    """The number in the file of each track of `free`."""


def wanted_of(
    checkpoint: Checkpoint, options: GenerateOptions, sampling: SamplingOptions, seed: int
) -> tuple[Wanted, Finish]:
    """What a model is to write, and what is to be done with it before it is the user's.

    Args:
        checkpoint: of the model.
        options: of the user.
        sampling: settings.
        seed: of all random numbers.

    Raises:
        MusegenError: an option cannot be understood, or the prompt or the training data cannot be read.
    """
    is_free = checkpoint.config.tokenizer.kind == "free"
    check_length(checkpoint, options, is_free=is_free)
    key = key_of(options.key, scale=options.scale, prompt=options.prompt)
    recording = prompt = None
    if options.prompt is not None and is_free:
        recording = read_recording(options.prompt)
        prompt = recording.free
    elif options.prompt is not None:
        prompt = read_music(options.prompt, option="prompt")
    known = None
    if options.max_copy:
        from musegen.data.training_index import open_training_index

        known = open_training_index(training_dataset(options.against or str(checkpoint.path))).known
    if prompt is not None and recording is None:
        say_misfits("the prompt", prompt, checkpoint.tokenizer)
        if checkpoint.config.writes == "pieces":
            say_ended_tracks(prompt, checkpoint)
    wanted = Wanted(
        seed=seed,
        num=options.num,
        bars=options.bars,
        time_signature=metre_of(options.time_signature),
        pitches=allowed_pitches(options.scale, options.pitch_range),
        tempo=options.tempo,
        program=options.program,
        ends=not is_free,
        prompt=prompt,
        key=key,
        prior=options.prior,
        known=known,
        max_copy=options.max_copy or 0,
        candidates=options.candidates,
        sampling=sampling,
        labels=LabelRequest(options.label, options.guidance),
    )
    if not is_free:
        return wanted, lambda written: written
    bars = bars_in(options.seconds or SECONDS, recording)
    return replace(wanted, bars=bars), lambda written: replace(
        written, results=[recorded(result, recording) for result in written.results]
    )


def check_length(checkpoint: Checkpoint, options: GenerateOptions, *, is_free: bool) -> None:
    """Refuse bars of a model in free time, and seconds of any other.

    Raises:
        ConfigError: see above.
    """
    name = checkpoint.path.name
    if not is_free and options.seconds is not None:
        raise ConfigError(f"⟨seconds⟩ is for models in free time, and {name} writes bars: use ⟨bars⟩")
    for option in IN_BARS if is_free else ():
        if getattr(options, option) is not None:
            raise ConfigError(
                f"⟨{option.replace('_', '-')}⟩ is for models of bars, and {name} writes free time, without "
                "bars and beats: " + ("use ⟨seconds⟩" if option == "bars" else "leave it out")
            )


def read_recording(music: Music) -> Recording:
    """A prompt in free time; repairs are reported.

    Raises:
        ConfigError: the path does not exist, or is a folder.
        MidiError: the file cannot be read.
    """
    from musegen.music.free_time import in_free_time

    with said_of("prompt"):
        raw, repairs = read_raw(music)
        free, more = in_free_time(raw)
        try:
            tidy, numbers, _, words = tidy_tracks(free)
        except MidiError as error:
            raise unreadable(music, error) from error
    if repairs := [*repairs, *more, *words]:
        say(f"{label(music)}: {'; '.join(repairs)}")
    return Recording(raw, tidy, numbers)


def bars_in(seconds: float, recording: Recording | None) -> int:
    """The most bars of new music that do not last longer than some seconds, at least one.

    Args:
        seconds: of new music.
        recording: what comes before it.
    """
    from musegen.music.free_time import BAR_SECONDS, seconds_at
    from musegen.music.metre import bar_ticks
    from musegen.music.notes import all_onsets, last_end

    begin, bars = 0.0, 0
    if recording is not None:
        free = recording.free
        begin = float(seconds_at(free, last_end(free)))  # type: ignore[arg-type]
        bars = 1 + int(all_onsets(free).max()) // int(bar_ticks(free)[1])
    return max(1, int((begin + seconds) / BAR_SECONDS) - bars)


def recorded(result: Result, recording: Recording | None) -> Result:
    """What a model wrote, as a recording, after the prompt as it is in its file.

    Args:
        result: of the model, with its prompt.
        recording: the prompt.
    """
    from musegen.music.free_time import as_recording, with_recorded
    from musegen.music.metre import bar_ticks

    user_tracks = result.user_tracks
    if recording is None:
        written = as_recording(result.score)
    else:
        new = result.score.copy()
        for number, track in enumerate(recording.free.tracks):
            new.tracks[number].notes = new.tracks[number].notes[len(track.notes) :]
        written = with_recorded(recording.raw, new, recording.numbers)
        user_tracks = tuple(range(len(recording.raw.tracks)))
    return replace(result, score=written, bars=len(bar_ticks(written)) - 1, user_tracks=user_tracks)
