"""What `Model.generate` is to write, made from its options."""

from musegen.api.datasets import training_dataset
from musegen.api.inputs import read_music, say_ended_tracks, say_misfits
from musegen.api.text import allowed_pitches, key_of, metre_of
from musegen.checkpoint.folder import Checkpoint
from musegen.config.options import SamplingOptions
from musegen.config.verbs import GenerateOptions
from musegen.generation.from_checkpoint import Wanted
from musegen.generation.guidance import LabelRequest


def wanted_of(
    options: GenerateOptions, checkpoint: Checkpoint, *, sampling: SamplingOptions, seed: int
) -> Wanted:
    """The wishes of a user; what a model makes of a prompt is reported.

    Raises:
        MusegenError: an option cannot be understood, or the prompt or the training data cannot be read.
    """
    key = key_of(options.key, scale=options.scale, prompt=options.prompt)
    prompt = None if options.prompt is None else read_music(options.prompt, option="prompt")
    known = None
    if options.max_copy:
        from musegen.data.training_index import open_training_index

        known = open_training_index(training_dataset(options.against or str(checkpoint.path))).known
    if prompt is not None:
        say_misfits("the prompt", prompt, checkpoint.tokenizer)
        if checkpoint.config.writes == "pieces":
            say_ended_tracks(prompt, checkpoint)
    return Wanted(
        seed=seed,
        num=options.num,
        bars=options.bars,
        time_signature=metre_of(options.time_signature),
        pitches=allowed_pitches(options.scale, options.pitch_range),
        tempo=options.tempo,
        program=options.program,
        prompt=prompt,
        key=key,
        prior=options.prior,
        known=known,
        max_copy=options.max_copy or 0,
        candidates=options.candidates,
        sampling=sampling,
        labels=LabelRequest(options.label, options.guidance),
    )
