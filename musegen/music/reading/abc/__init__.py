"""Reading ABC: a parser of the ABC standard 2.1 (abcnotation.com/wiki/abc:standard:v2.1), and what older files use.

`tunebook` splits a file into tunes, `lexer` a line of music into tokens, `fields` reads keys, metres and
tempos, `voice` collects the measures of a voice, and `tune` puts it all together.
"""
