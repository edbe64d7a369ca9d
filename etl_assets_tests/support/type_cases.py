"""Values of every MySQL type, and the text that has to stand in the file for each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A column type, a value as SQL, and the text that has to stand in the file."""

    type: str
    sql: str
    text: str


INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
TEXTS = {
    "latin1": "é €",  # MySQL's latin1 is Windows-1252
    "gbk": "汉字",
    "sjis": "日本",
    "big5": "漢字",
    "euckr": "한글",
    "koi8r": "тест",
    "ucs2": "汉é",
    "utf16": "汉😀",
    "utf16le": "汉😀",
    "utf32": "汉😀",
    "utf8mb3": "汉é",
    "utf8mb4": "汉😀",
    "ascii": "a",
}
ALL_BYTES = bytes(range(256))
CONTROL = "".join(map(chr, [*range(32), 127]))

CASES = [
    *(Case(kind, str(-(2 ** (n - 1))), str(-(2 ** (n - 1)))) for kind, n in INTEGERS.items()),
    *(Case(kind, str(2 ** (n - 1) - 1), str(2 ** (n - 1) - 1)) for kind, n in INTEGERS.items()),
    *(Case(f"{kind} unsigned", str(2**n - 1), str(2**n - 1)) for kind, n in INTEGERS.items()),
    Case("tinyint(1)", "2", "2"),
    Case("int(8) unsigned zerofill", "42", "00000042"),
    Case("bigint zerofill", "42", "0" * 18 + "42"),
    Case("decimal(6,2) zerofill", "1.5", "0001.50"),
    Case("double zerofill", "1.5", "0" * 19 + "1.5"),
    Case("decimal(65,30)", "-" + "9" * 35 + "." + "1" * 30, "-" + "9" * 35 + "." + "1" * 30),
    Case("decimal(65,0)", "9" * 65, "9" * 65),
    Case("decimal(10,2)", "1.50", "1.50"),
    Case("float", "0.1", "0.10000000149011612"),
    Case("float", "16777216", "16777216"),
    Case("float", "3.4028234663852886e38", "3.4028234663852886e38"),
    Case("float unsigned", "0.1", "0.10000000149011612"),
    Case("float(7,3)", "999.001", "999.0009765625"),
    Case("double", "0.1", "0.1"),
    Case("double", "1.7976931348623157e308", "1.7976931348623157e308"),
    *(Case(f"bit({n})", str(2**n - 1), str(2**n - 1)) for n in range(1, 65)),
    Case("bit(12)", "0", "0"),
    Case("date", "'9999-12-31'", "9999-12-31"),
    Case("date", "'0000-00-00'", "0000-00-00"),
    Case("date", "'2022-11-00'", "2022-11-00"),
    Case("datetime", "'0000-00-00'", "0000-00-00 00:00:00"),
    Case("datetime", "'2022-00-00 01:02:03'", "2022-00-00 01:02:03"),
    *(
        Case(f"{kind}({n}){more}", f"'{text[: n - 6 or None]}'", text[: n - 6 or None])
        for n in range(1, 7)
        for kind, more, text in (
            ("datetime", "", "9999-12-31 23:59:59.999999"),
            ("timestamp", " null", "2022-01-02 03:04:05.123456"),
            ("time", "", "-01:02:03.000004"),
        )
    ),
    Case("timestamp null", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    Case("timestamp null", "'2038-01-19 03:14:07'", "2038-01-19 03:14:07"),
    Case("time(6)", "'-838:59:59'", "-838:59:59.000000"),
    Case("time", "'838:59:59'", "838:59:59"),
    Case("time", "'-00:00:01'", "-00:00:01"),
    Case("year", "0", "0000"),
    Case("year", "2155", "2155"),
    Case("char(10)", "'ab  '", "ab"),
    Case("varchar(10)", "'ab  '", "ab  "),
    Case("varchar(10)", "''", ""),
    Case("varchar(10)", "'NULL'", "NULL"),
    *(Case(f"varchar(20) character set {name}", f"'{text}'", text) for name, text in TEXTS.items()),
    *(Case(f"text character set {name}", f"'{text}'", text) for name, text in TEXTS.items()),
    Case("char(9) character set gbk", "x'B0A1A2AB'", "啊?"),
    Case("varchar(20) collate utf8mb4_bin", "'É'", "É"),
    Case("char(5) binary", "'É'", "É"),
    Case("tinytext", "'é'", "é"),
    Case("mediumtext collate utf8mb4_bin", "'é'", "é"),
    Case("longtext", r"'a,b\r\n\0\\\"c\"\t'", 'a,b\r\n\0\\"c"\t'),
    Case("text", f"x'{CONTROL.encode().hex()}'", CONTROL),
    Case("enum('a,b','q\"','')", "'a,b'", "a,b"),
    Case("enum('a,b','q\"','')", "'q\"'", 'q"'),
    Case("enum('a,b','q\"','')", "''", ""),
    Case("enum('a','汉') character set gbk", "'汉'", "汉"),
    Case("enum('a')", "'not one of them'", ""),
    Case("set('a','b','c''d')", r"'a,c\'d'", "a,c'd"),
    Case("set('a','b')", "''", ""),
    Case("binary(4)", "x'00FF'", "00FF0000"),
    Case("binary(0)", "''", ""),
    Case("varbinary(9)", "x'0A0D2C22'", "0A0D2C22"),
    Case("varbinary(9)", "''", ""),
    Case("char(4) character set binary", "x'FF'", "FF000000"),
    Case("text character set binary", "x'FF'", "FF"),
    Case("tinyblob", f"x'{ALL_BYTES[1:].hex()}'", ALL_BYTES[1:].hex().upper()),
    *(
        Case(kind, f"x'{ALL_BYTES.hex()}'", ALL_BYTES.hex().upper())
        for kind in ("blob", "mediumblob", "longblob")
    ),
    *(
        Case(text.split("(")[0].lower(), f"ST_GeomFromText('{text}')", text)
        for text in (
            "POINT(1 2.5)",
            "POINT(0.30000000000000004 1e-20)",
            "LINESTRING(0 0,1 1)",
            "POLYGON((0 0,1 0,1 1,0 0))",
            "MULTILINESTRING((0 0,1 1),(2 2,3 3))",
            "MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
            "GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))",
        )
    ),
    Case("geometry", "ST_GeomFromText('POINT(1 2)', 4326)", "SRID=4326;POINT(1 2)"),
]
MARIADB_CASES = [
    Case("uuid", "'123E4567-e89b-12d3-a456-426614174000'", "123e4567-e89b-12d3-a456-426614174000"),
    Case("inet6", "'2001:db8::ff00:42'", "2001:db8::ff00:42"),
    Case("inet4", "'192.0.2.1'", "192.0.2.1"),
    # It is a LONGTEXT there.
    Case("json", '\'{"b": 1.50,"a":1}\'', '{"b": 1.50,"a":1}'),
    Case("multipoint", "ST_GeomFromText('MULTIPOINT(0 0,1 1)')", "MULTIPOINT(0 0,1 1)"),
]
MYSQL_CASES = [
    Case("varchar(20) character set gb18030", "'汉字'", "汉字"),
    # MariaDB keeps no negative zero in a table.
    Case("float", "-0e0", "-0"),
    Case("double", "-0e0", "-0"),
    Case("json", '\'{"b": 1.50, "a": [null, "x\\\\n"]}\'', '{"a": [null, "x\\n"], "b": 1.5}'),
    Case("json", "'null'", "null"),
    Case("multipoint", "ST_GeomFromText('MULTIPOINT((0 0),(1 1))')", "MULTIPOINT((0 0),(1 1))"),
    Case("point srid 0", "ST_GeomFromText('POINT(1 2)')", "POINT(1 2)"),
]
VECTOR_CASES = [
    Case("vector(2)", "TO_VECTOR('[1,2]')", "0000803F00000040"),
    Case("vector", "TO_VECTOR('[-0.5]')", "000000BF"),
]

ODD_NAMES = [
    "a b",
    " x",
    'qu"ote',
    "it's",
    "com,ma",
    "back`tick",
    "per%cent",
    "per%%s",
    "%(id)s",
    "%s",
    "?",
    "co:lon",
    ":id",
    "汉字",
    "sla/sh",
    "back\\slash",
    "new\nline",
    "-- c",
    "select",
    "42",
    "x" * 64,
]
