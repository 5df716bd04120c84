"""Text from files made fit for a terminal and for a spreadsheet."""

from __future__ import annotations

import re
import unicodedata

# Control characters, line and paragraph separators, and marks that turn the direction of the text that
# follows.
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp", "Co")
# Letters and marks that show nothing, of categories that are otherwise visible.
INVISIBLE = frozenset(map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)))
# Also in their full-width forms, which some spreadsheets fold.
FORMULA = (*"=+-@\t\r\n", *"\uff1d\uff0b\uff0d\uff20")


def printable(text: str) -> str:
    """The text with every character that a terminal would act on written as an escape: \\x1b, \\n, \\u202e.

    Bytes of a name that are not UTF-8 (surrogates) become \\xff. The backslash itself is kept, because
    Windows paths hold it.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(each) for each in text)


def as_utf8(text: str) -> str:
    """The text with bytes that are not UTF-8 as escapes (\\xff), for UTF-8 files; the rest stays as it is."""
    return re.sub("[\ud800-\udfff]", lambda found: _shown(found[0]), text)


def spreadsheet_cell(text: str) -> str:
    """The text as a CSV cell that spreadsheets show and do not evaluate; an apostrophe goes before a formula.

    Numbers pass unchanged. Source: OWASP, CSV injection.
    """
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def without_guard(cell: str) -> str:
    """The text that spreadsheet_cell wrote as this cell."""
    return cell[1:] if cell.startswith("'") and spreadsheet_cell(cell[1:]) == cell else cell


def _shown(character: str) -> str:
    if unicodedata.category(character) not in HIDDEN and character not in INVISIBLE:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def markdown_text(text: str) -> str:
    """Words of others inside Markdown: no markup, formula, link or HTML, and neither cell nor line ends."""
    # A lone underscore or hyphen inside a word is none, and stays readable in a terminal.
    return re.sub(r"([\\`*|<>$\[\]{}~]|(?<!\w)_|_(?!\w))", r"\\\1", printable(text))
