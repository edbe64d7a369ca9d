"""Charter: text in every character set that the contract names, full of what CSV has to quote."""

from collections.abc import Sequence

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import ColumnType, Sql, text_literal

UNICODE = ("utf8mb4", "utf16", "utf16le", "utf32")
"""Character sets that hold every character."""

BASIC = ("utf8mb3", "ucs2")
"""Those that hold every character below U+10000."""

LEGACY = {
    "latin1": "cp1252",
    "gbk": "gbk",
    "sjis": "shift_jis",
    "cp932": "cp932",
    "big5": "big5",
    "euckr": "euc_kr",
    "ujis": "euc_jp",
    "gb2312": "gb2312",
    "latin2": "iso8859_2",
    "koi8r": "koi8_r",
    "cp1251": "cp1251",
    "ascii": "ascii",
}
"""Those of one script, each with the codec of Python that has about its characters."""

_ONE_WAY = {"shift_jis": "¥‾", "euc_jp": "¥‾", "cp932": "¢£¬‖−〜", "euc_kr": "ㅤ"}
"""Characters that Python's codecs write as another one."""

AWKWARD = (
    "", "NULL", "null", "\\N", '"', '""', '","', ",", ";", "\t", "\n", "\r", "\r\n", "\\", "\\\\",
    '\\"', "'", "\0", "\x1a", "\x7f", " ", "  x  ", "007", "-0", "1e5", "0x41", "=1+1", "#", "true",
    "a,b\nc\"d\re", "nan",
)  # fmt: skip
_LENGTHS = (250, 251, 252, 255)
"""Around the places where the protocol writes a length in another way."""


def text_types(*, is_mysql: bool) -> list[ColumnType]:
    """CHAR to LONGTEXT."""
    everything, basic = _texts(st.characters(codec="utf-8")), _texts(_below_surrogates())
    return [
        *(
            ColumnType(f"varchar(150) character set {name}", _edges("汉é😀"), everything)
            for name in UNICODE
        ),
        *(ColumnType(f"varchar(150) character set {name}", _edges("汉é"), basic) for name in BASIC),
        *_legacy(is_mysql=is_mysql),
        ColumnType("varchar(150) collate utf8mb4_bin", _edges("É"), everything),
        ColumnType("char(100)", _edges("汉é😀"), everything),
        ColumnType("char(100) character set latin1", _edges("é"), _texts_of("cp1252")),
        ColumnType("char(100) character set ucs2", _edges("汉"), basic),
        ColumnType("char(100) character set gbk", _edges("汉"), _texts_of("gbk")),
        ColumnType("char(0)", ("''",), st.just("''")),
        ColumnType("tinytext", _edges("😀", *_long(_LENGTHS[:-1])), everything),
        ColumnType("text", _edges("😀", *_long(_LENGTHS)), everything),
        ColumnType("text character set utf16", _edges("😀", *_long(_LENGTHS)), everything),
        ColumnType("text character set sjis", _edges("日本"), _texts_of("shift_jis")),
        ColumnType("mediumtext", _edges("😀", *_long((65535, 65536))), everything),
        ColumnType("mediumtext character set gbk", _edges("汉"), _texts_of("gbk")),
        ColumnType("longtext", _edges("😀", *_long((65535, 65536, 70_001))), everything),
        ColumnType("longtext collate utf8mb4_bin", _edges("é"), everything),
    ]


def _legacy(*, is_mysql: bool) -> list[ColumnType]:
    codecs = {**LEGACY, "gb18030": "gb18030"} if is_mysql else LEGACY
    return [
        ColumnType(f"varchar(150) character set {name}", _edges(), _texts_of(codec))
        for name, codec in codecs.items()
    ]


def _edges(*more: str) -> tuple[str, ...]:
    return tuple(map(text_literal, (*AWKWARD, *more)))


def _long(lengths: Sequence[int]) -> tuple[str, ...]:
    return tuple(character * length for character in 'x"' for length in lengths)


def _below_surrogates() -> st.SearchStrategy[str]:
    return st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])


def _texts_of(codec: str) -> Sql:
    return _texts(st.characters(codec=codec, exclude_characters=_ONE_WAY.get(codec, "")))


def _texts(characters: st.SearchStrategy[str]) -> Sql:
    """Runs of characters with awkward pieces between them."""
    piece = st.text(characters, max_size=20)
    awkward = st.sampled_from(AWKWARD)
    joined = st.lists(piece | awkward, max_size=4).map("".join)
    return (piece | joined).map(text_literal)
