"""Charter: texts that collations disagree about: equal, nearly equal, padded, ignored, reordered.

Every one is given as Unicode, and the server converts it to the column's character set; for sets of
single bytes there are any bytes as well.
"""

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import Sql, text_literal
from etl_assets_tests.fuzz.facts import Collation

ATOMS = (
    # Cases and accents.
    "a", "A", "b", "B", "z", "Z", "á", "Ä", "ä", "å", "Å", "aa", "ß", "ss", "SS", "æ", "ae", "œ",
    "i", "I", "ı", "İ", "e\u0301", "é", "ﬁ", "fi", "ñ", "n", "ch", "ll", "dž", "Ǆ", "ø", "o", "ü",
    # Padding, and what comes before it.
    " ", "  ", "\t", "\n", "\r", "\0", "\x01", "\x1a", "\x1f", "\x7f", "\xa0", "\u3000",
    # What collations pass over.
    "\u200b", "\u00ad", "\ufeff", "\u0301", "\u200d",
    # Digits, signs and what SQL or CSV takes for its own.
    "0", "1", "9", "10", "_", "-", "%", "\\", "'", '"', '""', ",", ";", ":x", "`", "?", "~", "@",
    # Other scripts; characters of other widths; the end of all.
    "α", "Α", "ά", "ς", "σ", "я", "Я", "ё", "ж", "א", "ا", "ا\u064e", "เก", "ก", "क", "ค", "한",
    "漢", "汉", "字", "日", "か", "カ", "ｶ", "が", "は", "ー", "１", "²", "½", "Ⅷ", "€", "😀", "😁",
    "\ue000", "\uffff", "\U0010ffff", "\U00020000",
)  # fmt: skip


def texts(collation: Collation) -> Sql:
    """Short texts as SQL."""
    atom = st.sampled_from(ATOMS)
    joined = st.lists(atom, max_size=3).map("".join)
    padded = st.tuples(st.sampled_from(ATOMS[:12]), st.sampled_from(("", " ", "\t", "\0", "  a")))
    made = (joined | padded.map("".join) | joined).map(text_literal)
    if collation.width > 1:
        return made
    raw = st.binary(min_size=1, max_size=3)
    return made | raw.map(lambda data: f"_{collation.charset} x'{data.hex()}'")
