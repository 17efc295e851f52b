"""Writing a Score: as MIDI, as MusicXML, as sound."""
