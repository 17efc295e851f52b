"""Train small models on your own music and have them write new pieces as MIDI."""

__version__ = "0.1.0"
