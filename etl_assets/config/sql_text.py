"""Whether a condition in SQL stays inside the brackets that are put around it.

`WHERE (…) AND window` holds for every text whose brackets close one another, as the server sees
them: so not those in a string or a comment, and with nothing open that would go on after the text.
This is about brackets alone; whether the condition is right SQL is for the server to say.

The rules are the lexical ones of MySQL and MariaDB under `sql_mode = ''`, which every session has,
and those of SQLite.
"""

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

BackendName: TypeAlias = Literal["mysql", "sqlite"]

# A doubled quote inside of a string reads as two strings side by side: it ends at the same place.
# To MySQL two minus signs begin a comment before white space and control characters alone.
_SKIPPED: Mapping[BackendName, re.Pattern[str]] = {
    "mysql": re.compile(
        r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|`[^`]*+`"""
        r"""|--(?=[\0-\x20\x7f]|\Z)[^\n]*+|\#[^\n]*+|/\*(?!M?!|\+).*?\*/""",
        re.DOTALL,
    ),
    "sqlite": re.compile(
        r"""'[^']*+'|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]|--[^\n]*+|/\*.*?\*/""", re.DOTALL
    ),
}
"""What brackets do not count in: strings, names in quotes and comments."""

_BALANCED = "brackets that close one another"

_REFUSED: Mapping[BackendName, Mapping[str, tuple[str, str]]] = {
    "mysql": {
        r"""['"`]""": ("each quote closed", "one that stays open"),
        # What begins with `/*!` is no comment to the server.
        r"/\*": ("each comment closed, and none that is executed", "another one"),
        ";": ("one condition", "a semicolon"),
        r"\\": ("a backslash inside of quotes only", "one outside"),
        # MySQL 9 reads $tag$…$tag$ as a string.
        r"(?<![\w$])\$": ("a name that begins with $ in backticks", "one without"),
    },
    "sqlite": {
        r"""['"`\[]""": ("each quote closed", "one that stays open"),
        r"/\*": ("each comment closed", "one that stays open"),
        ";": ("one condition", "a semicolon"),
        # A parameter's name may hold brackets.
        r"[@:?]|(?<![\w$])\$": ("a condition without parameters", "one"),
    },
}


def condition_problem(text: str, backend: BackendName) -> tuple[str, str] | None:
    """What keeps a condition from staying in its brackets: expected and found; None where it stays.

    Arguments:
        text: the condition, as it stands between `(` and a line break and `)`.
        backend: whose rules apply.
    """
    # SQLite ends at a NUL; half a surrogate pair cannot be sent to any server.
    if re.search("[\0\ud800-\udfff]", text):
        return "text", "a character that is none"
    depth = position = 0
    while position < len(text):
        if skipped := _SKIPPED[backend].match(text, position):
            position = skipped.end()
            continue
        for refused, problem in _REFUSED[backend].items():
            if re.compile(refused).match(text, position):
                return problem
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        if depth < 0:
            return _BALANCED, "one that closes too much"
        position += 1
    return (_BALANCED, "one that stays open") if depth else None
