"""A cell of a spreadsheet that came from outside must never become a formula (rule S16). Here, for every floor.

Source: OWASP, CSV injection; quoting alone does not help, because the program that opens the file takes quotes away.
"""

from __future__ import annotations

import re
import unicodedata

FORMULA_SIGNS = ("=", "+", "-", "@", "|")
LINE_SIGNS = ("\t", "\r", "\n")
PLAIN_NUMBER = re.compile(r"-\d+(\.\d+)?", re.ASCII)


def harmless(text: str) -> str:
    """With a leading apostrophe where a spreadsheet would otherwise compute it; a plain negative number is kept."""
    if PLAIN_NUMBER.fullmatch(text):
        return text
    first = next((sign for sign in text if not _is_shapeless(sign)), "")
    computed = unicodedata.normalize("NFKC", first).startswith(FORMULA_SIGNS)
    return f"'{text}" if computed or text.startswith(LINE_SIGNS) else text


def _is_shapeless(sign: str) -> bool:
    """Some program may take it away before it looks what the cell is."""
    return sign.isspace() or unicodedata.category(sign) in ("Cf", "Cc")
