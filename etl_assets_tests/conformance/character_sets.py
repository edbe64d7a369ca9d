"""Charter: the legacy character sets, and how many characters each loses on the way."""

from collections.abc import Mapping

Lost = tuple[int, int]
"""How many codes the server sends as `?`, and how many come back as another of the same text."""

SINGLE: Mapping[str, Lost] = {
    "armscii8": (0, 6), "cp1250": (5, 0), "cp1251": (1, 0), "cp1256": (8, 0), "cp1257": (12, 0),
    "cp850": (0, 0), "cp852": (0, 0), "cp866": (0, 0), "dec8": (14, 0), "geostd8": (41, 0),
    "greek": (6, 0), "hebrew": (36, 0), "hp8": (1, 0), "keybcs2": (0, 0), "koi8r": (0, 0),
    "koi8u": (0, 0), "latin1": (0, 0), "latin2": (0, 0), "latin5": (0, 0), "latin7": (0, 0),
    "macce": (0, 0), "macroman": (0, 0), "swe7": (129, 0), "tis620": (0, 8),
}  # fmt: skip
"""The character sets of one byte a character."""

DOUBLE: Mapping[str, Lost] = {
    "big5": (256, 6), "cp932": (1676, 398), "eucjpms": (2657, 24), "euckr": (5380, 0),
    "gb2312": (733, 0), "gbk": (2149, 0), "sjis": (4401, 1), "ujis": (2846, 2),
}  # fmt: skip
"""The character sets of up to three bytes a character."""
