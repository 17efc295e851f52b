"""Reading Humdrum **kern (humdrum.org/rep/kern), a format of scores in spines.

`spines` follows the spines through splits and joins, `token` reads notes and barlines, and `score` puts the
measures together.
"""
