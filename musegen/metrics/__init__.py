"""Metrics of Scores (times in ticks): each a pure function that documents its unit and source.

Compared Scores have the same ticks per quarter note, and `bars` are the bar lines of
the whole piece, `bar_ticks` of the Score with all its tracks.
"""
