"""Names for MIDI's numbers."""

PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
FAMILIES = (
    "piano", "chromatic percussion", "organ", "guitar", "bass", "strings", "ensemble", "brass",
    "reed", "pipe", "synth lead", "synth pad", "synth effects", "ethnic", "percussive", "sound effects",
)  # fmt: skip
"""General MIDI's families of instruments, 8 programs each."""
DRUMS = {
    35: "bass drum 2", 36: "bass drum", 37: "side stick", 38: "snare", 39: "clap", 40: "snare 2",
    41: "low tom 2", 42: "closed hi-hat", 43: "low tom", 44: "pedal hi-hat", 45: "mid tom 2",
    46: "open hi-hat", 47: "mid tom", 48: "high tom 2", 49: "crash", 50: "high tom", 51: "ride",
    52: "china", 53: "ride bell", 54: "tambourine", 55: "splash", 56: "cowbell", 57: "crash 2", 59: "ride 2",
}  # fmt: skip
"""General MIDI's drums of a kit, by pitch."""


def pitch_name(pitch: int) -> str:
    """A MIDI pitch as a name with its octave: 60 is C4."""
    return f"{PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def instrument_name(program: int) -> str:
    """The family of a General MIDI program from 0; -1 stands for drums."""
    return "drums" if program < 0 else FAMILIES[program // 8]
