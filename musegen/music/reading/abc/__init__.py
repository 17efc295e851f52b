"""Reading ABC: the standard 2.1 (abcnotation.com/wiki/abc:standard:v2.1), and what older files use.

`tunebook` splits a file into tunes, `lexer` a line of music into tokens, `fields` reads keys, metres and
tempos, `voice` collects the `measure`s of a voice, `piece` puts the voices together, and `tune` reads it all.
"""
