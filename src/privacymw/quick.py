"""What can go by at a glance: one pattern eats text, tags that matter to nobody, and links within the site.

It takes only what is beyond doubt, in the spelling that generators write; at everything else it stops, and
the exact path takes the next tag. What it eats must be what the exact path would pass without a change:
tests compare the two.
"""

import re
import sys
from typing import NamedTuple

from privacymw.held import ELEMENTS, HOOK

# Start tags that lead on to another state or to an outlet. Names in capitals are left to the exact path.
_NOTED = (
    b"a|area|form|button|input|meta|base|title|textarea|style|xmp|noembed|noframes|noscript|plaintext|svg|math"
    b"|select|template|col|%b|%b" % (HOOK.encode(), b"|".join(sorted(ELEMENTS)))
)
_NAME = rb"(?!(?:%b)[\t\n\f\r />])[a-z][a-z0-9-]*+" % _NOTED
# The commonest of the others, so spelt that few bytes are looked at twice.
_COMMON = (
    rb"(?:span|code|p(?:re)?|li|t[dhr]|d[a-z]*+|h[a-z0-9]*+|ul?|em|strong|i|b|[krqw][a-z]*+|section|tt|ol|br"
    rb"|t(?:able|body|head)|font|cente?r|nav|article|main|footer)"
)
_END = rb"/(?!(?:a|form|body|select|template)[\t\n\f\r />])[a-z][a-z0-9-]*+>"
_COMMON_END = rb"/(?:[c-eg-ru-z][a-z0-9]*+|[st](?!e)[a-z]*+)>"
_COMMENT = rb"!--(?!-?>)(?:[^-]++|-(?!-))*+-->"

_VALUE = rb"""(?:=(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r "'=<>`]++(?=[\t\n\f\r >])))"""
_ATTRIBUTES = rb"""(?:[\t\n\f\r ]++[^\t\n\f\r />"'=]++%b?+)*+""" % _VALUE
_CLOSE = rb"[\t\n\f\r ]*+/?+>"


def _but(letters: bytes) -> bytes:
    """Attributes whose names begin with none of the letters, which are those of attributes that matter."""
    first = rb"""[^\t\n\f\r />"'=%b%b\x80-\xff]""" % (letters, letters.upper())
    return rb"""(?:[\t\n\f\r ]++%b[^\t\n\f\r />"'=]*+%b?+)*+""" % (first, _VALUE)


_OTHER = _but(b"hpx")  # of a link: neither href, ping nor xlink:href
# Tags that matter for a single attribute: formaction, http-equiv, data-privacy-category.
_HARMLESS = [
    b"(?:input|button)" + _but(b"f") + _CLOSE,
    b"meta" + _but(b"h") + _CLOSE,
    b"(?:img|link|source|video|audio|track|embed|object)" + _but(b"d") + _CLOSE,
]
_COMMON_OTHER = rb'(?: [a-gi-oq-wyz][a-z-]*+="[^"]*+")*+'
# An address within the site: no scheme, no second slash, nothing that a parser strips or decodes before the query;
# far below the length beyond which a link is not judged at all.
_OWN = rb'href="(?!//)[^":&\\\x00-\x20?#]{0,2000}+(?:[?#][^"]{0,2000}+)?+"'
_INLINE = rb"(?:code|span|em|strong|b|i|tt)"


class Glance(NamedTuple):
    """Patterns that match from any place in a page's data state, and stop before what is to be looked at.

    `dull` eats no link; `own` eats links within the site too, whole with their text: where it is to be used,
    there is no open link. `link` matches the start tag of such a link. `content` matches what follows the start
    tag of a link, with its end tag, where that is dull.
    """

    dull: re.Pattern[bytes]
    own: re.Pattern[bytes]
    link: re.Pattern[bytes]
    content: re.Pattern[bytes]


def glance(possessive: bool = sys.version_info >= (3, 11, 5)) -> Glance:
    """The patterns. Possessive repetitions of a group are faster; CPython before 3.11.5 gets them wrong (gh-106052)."""
    common = _COMMON + rb'(?:>| [a-z-]++="[^"]*+"(?: [a-z-]++="[^"]*+")*+ ?+/?+>)'
    other = _NAME + _ATTRIBUTES + _CLOSE
    rest = [other, _END, *_HARMLESS]
    common_link = b"a" + _COMMON_OTHER + b" " + _OWN + _COMMON_OTHER + b">"
    link = b"a" + _OTHER + rb"[\t\n\f\r ]++" + _OWN + _OTHER + rb"[\t\n\f\r ]*+>"
    anchor = b"a" + _OTHER + rb"[\t\n\f\r ]*+>"
    words = rb'[^<]*+(?:</a>|<%b(?: [a-z-]++="[^"]*+")*+>[^<]*+</%b></a>)' % (_INLINE, _INLINE)
    content = rb"[^<]*+(?:<(?:%b)[^<]*+)*+</a>" % b"|".join((_COMMON_END, common, *rest))
    links = [rb"(?:%b|%b)%b" % (link, anchor, content)]
    return Glance(
        *(
            re.compile(pattern if possessive else re.sub(rb"\)([*?])\+", rb")\1", pattern))
            for pattern in (
                _repeated([_COMMON_END, common, *rest, _COMMENT]),
                _repeated([_COMMON_END, common_link + words, common, *links, *rest, _COMMENT]),
                b"<" + link,
                content,
            )
        )
    )


def _repeated(tags: list[bytes]) -> bytes:
    return rb"(?:[^<]*+<(?:%b))*+[^<]*+" % b"|".join(tags)
