"""Reading MusicXML (musicxml.com, version 4.0), a format of scores.

`document` parses the text, `signs` reads what is neither note nor rest,
`part` reads the measures of a part, and `score` puts the parts together.
"""
