"""Musical measures of Scores (times in ticks): each a pure function that states its unit and source.

Where two Scores are compared, both have the same ticks a quarter, and `bars` are the bar lines of
the whole piece, `bar_ticks` of the Score with all its tracks.
"""
