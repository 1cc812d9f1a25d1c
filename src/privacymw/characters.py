"""Character encodings and character references: what the bytes of a value say, and the way back."""

import codecs
import re
from html.entities import html5 as _NAMED

# Encoding Standard, "Names and labels": the encodings in which no trail byte looks like markup, with the
# Python codec that decodes what browsers decode. Left out on purpose, since a byte scanner cannot read them:
# UTF-16, ISO-2022-JP, HZ, UTF-7 and the replacement encoding.
_CODECS = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "cp866": "ibm866 866 cp866 csibm866",
    "iso8859-2": "iso-8859-2 csisolatin2 iso-ir-101 iso8859-2 iso88592 iso_8859-2 iso_8859-2:1987 l2 latin2",
    "iso8859-3": "iso-8859-3 csisolatin3 iso-ir-109 iso8859-3 iso88593 iso_8859-3 iso_8859-3:1988 l3 latin3",
    "iso8859-4": "iso-8859-4 csisolatin4 iso-ir-110 iso8859-4 iso88594 iso_8859-4 iso_8859-4:1988 l4 latin4",
    "iso8859-5": "iso-8859-5 csisolatincyrillic cyrillic iso-ir-144 iso8859-5 iso88595 iso_8859-5 iso_8859-5:1988",
    "iso8859-6": "iso-8859-6 arabic asmo-708 csisolatinarabic ecma-114 iso-8859-6-e iso-8859-6-i iso-ir-127"
    " iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987 csiso88596e csiso88596i",
    "iso8859-7": "iso-8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-ir-126 iso8859-7 iso88597"
    " iso_8859-7 iso_8859-7:1987 sun_eu_greek",
    "iso8859-8": "iso-8859-8 csisolatinhebrew hebrew iso-8859-8-e iso-ir-138 iso8859-8 iso88598 iso_8859-8"
    " iso_8859-8:1988 visual csiso88598e iso-8859-8-i csiso88598i csisolatinhebrew logical",
    "iso8859-10": "iso-8859-10 csisolatin6 iso-ir-157 iso8859-10 iso885910 l6 latin6",
    "iso8859-13": "iso-8859-13 iso8859-13 iso885913",
    "iso8859-14": "iso-8859-14 iso8859-14 iso885914",
    "iso8859-15": "iso-8859-15 csisolatin9 iso8859-15 iso885915 iso_8859-15 l9",
    "iso8859-16": "iso-8859-16",
    "koi8-r": "koi8-r cskoi8r koi koi8 koi8_r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh csmacintosh mac x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "cp874": "windows-874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251",
    "cp1252": "windows-1252 ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100"
    " iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii x-cp1252",
    "cp1253": "windows-1253 cp1253 x-cp1253",
    "cp1254": "windows-1254 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9"
    " iso_8859-9:1989 l5 latin5 x-cp1254",
    "cp1255": "windows-1255 cp1255 x-cp1255",
    "cp1256": "windows-1256 cp1256 x-cp1256",
    "cp1257": "windows-1257 cp1257 x-cp1257",
    "cp1258": "windows-1258 cp1258 x-cp1258",
    "gb18030": "gb18030 gbk chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 iso-ir-58 x-gbk",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc-jp": "euc-jp cseucpkdfmtjapanese x-euc-jp",
    "cp932": "shift_jis csshiftjis ms932 ms_kanji shift-jis sjis windows-31j x-sjis",
    "cp949": "euc-kr cseuckr csksc56011987 iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601"
    " windows-949",
}
_LABELS = {label: codec for codec, labels in _CODECS.items() for label in labels.split()}

# HTML 13.2.5.80, "numeric character reference end state": what C1 numbers stand for. Where windows-1252 has a
# gap the number stands for itself.
_C1 = {number: bytes([number]).decode("cp1252", "replace") for number in range(0x80, 0xA0)}
_C1 |= {number: chr(number) for number, text in _C1.items() if text == "\ufffd"}

_REFERENCE = re.compile(r"&(?:#([xX][0-9a-fA-F]++|[0-9]++);?|([0-9A-Za-z]++)([;=]?))")
_SPECIAL = re.compile('[&<>"]')
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def supported_charset(label: str) -> str | None:
    """The Python codec for an encoding label of a page, or None where a page must pass as it is."""
    return _LABELS.get(label.strip("\t\n\f\r ").lower())


def decode(value: bytes, codec: str) -> str:
    """What a browser reads in the raw bytes of an attribute value."""
    text = value.decode(codec, "replace").replace("\0", "\ufffd")
    if "\r" in text:  # HTML 13.2.3.5: newlines are normalised before anything is read
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _REFERENCE.sub(_referenced, text) if "&" in text else text


def encode(text: str, codec: str) -> bytes:
    """The text as bytes that are safe in a double-quoted attribute value and between tags."""
    text = text.translate(_ESCAPES) if _SPECIAL.search(text) else text
    return text.encode(codec, "xmlcharrefreplace")


def _referenced(reference: re.Match[str]) -> str:
    number, name, after = reference.groups()
    if number:
        return _numbered(number)
    # HTML 13.2.5.73: in an attribute a name without its semicolon counts only where no "=" and no
    # alphanumeric follows.
    text = _NAMED.get(name + ";" if after == ";" else "" if after else name)
    return reference[0] if text is None else text


def _numbered(number: str) -> str:
    digits, base = (number[1:], 16) if number[0] in "xX" else (number, 10)
    digits = digits.lstrip("0")
    if not digits or len(digits) > 7:  # int() of a million digits would be quadratic
        return "\ufffd"
    code = int(digits, base)
    if code in _C1:
        return _C1[code]
    return "\ufffd" if code > 0x10FFFF or 0xD800 <= code < 0xE000 else chr(code)


for _codec in _CODECS:
    codecs.lookup(_codec)  # a Python built without one should say so at import, not on a visitor's page
