"""What can go by at a glance: one pattern eats text, tags that matter to nobody, and links within the site.

It takes only what is beyond doubt, in the spelling that generators write; at everything else it stops, and
the exact path takes the next tag. What it eats must be what the exact path would pass without a change:
tests compare the two.
"""

import re
import sys
from typing import NamedTuple

from privacymw.drawings import drawing
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
# DOCTYPE and the like, <?xml ..?> (HTML 13.2.5.41): to the first ">", quotes or not.
_DECLARATION = rb"(?:![a-zA-Z]|\?)[^>]*+>"

_VALUE = rb"""(?:=(?:"[^"]*+"|'[^']*+'|[^\t\n\f\r "'=<>`]++(?=[\t\n\f\r >])))"""
_ATTRIBUTES = rb"""(?:[\t\n\f\r ]++[^\t\n\f\r />"'=]++%b?+)*+""" % _VALUE
_CLOSE = rb"[\t\n\f\r ]*+/?+>"


def _but(letters: bytes, also: bytes = rb"(?!)") -> bytes:
    """Attributes whose names begin with none of the letters, which are those of attributes that matter."""
    first = rb"""[^\t\n\f\r />"'=%b%b\x80-\xff]""" % (letters, letters.upper())
    return rb"""(?:[\t\n\f\r ]++(?:%b|%b[^\t\n\f\r />"'=]*+%b?+))*+""" % (also, first, _VALUE)


_OTHER = _but(b"hpx")  # of a link: neither href, ping nor xlink:href
_UNHELD = _but(b"d", rb"""d(?:efer|ata-(?!privacy)[a-z_-]++|isabled)(?=[\t\n\f\r />=])%b?+""" % _VALUE)
# No refresh: the first of duplicates counts, and none that follows may be one.
_NO_REFRESH = rb"""http-equiv=(?:"[a-qs-zA-QS-Z][^"]*+"|[a-qs-zA-QS-Z][^\t\n\f\r "'=<>`]*+(?=[\t\n\f\r >]))"""
# Tags that matter for a single attribute: formaction, http-equiv, data-privacy-category.
_HARMLESS = [
    b"(?:input|button)" + _but(b"f") + _CLOSE,
    b"meta" + _but(b"h", _NO_REFRESH) + _CLOSE,
    b"(?:img|link|source|video|audio|track|embed|object)" + _UNHELD + _CLOSE,
]
# Text without tags, and its end tag. Where parsers differ on whether it is text, it is not for this.
_TEXTS = [
    b"title" + _ATTRIBUTES + _CLOSE + rb"[^<]*+</title>",
    b"style" + _ATTRIBUTES + _CLOSE + rb"[^<]*+(?:<(?!/(?i:style)[\t\n\f\r />])[^<]*+)*+</style>",
    b"script" + _UNHELD + _CLOSE + rb"[^<]*+(?:<(?!!--|/(?i:script)[\t\n\f\r />])[^<]*+)*+</script>",
]
_COLUMN = b"col" + _ATTRIBUTES + _CLOSE
_COMMON_OTHER = rb'(?: [a-gi-oq-wyz][a-z-]*+="[^"]*+")*+'
# An address within the site: no scheme, no second slash, nothing that a parser strips or decodes before the query;
# far below the length beyond which a link is not judged at all.
_OWN = rb'href="(?!//)[^":&\\\x00-\x20?#/]{0,2000}+(?:/[^"&\\\x00-\x20?#]{0,2000}+)?+(?:[?#][^"]{0,2000}+)?+"'
_OWN_SINGLE = _OWN.replace(b'"', b"'")


class Glance(NamedTuple):
    """Patterns that match from any place in a page's data state, and stop before what is to be looked at.

    `sure` eats no link, and nothing that is read in two ways inside of `select` or `template`; `dull` is for
    anywhere else; `own` eats links within the site too, whole with their text: where it is to be used, there is
    no open link. `whole` matches a link with its end tag where what is between is dull; its group is the start tag.
    `drawing` matches an svg in which no link is, whole. `link` matches the start tag of a link that leads somewhere.
    """

    sure: re.Pattern[bytes]
    dull: re.Pattern[bytes]
    own: re.Pattern[bytes]
    whole: re.Pattern[bytes]
    drawing: re.Pattern[bytes]
    link: re.Pattern[bytes]


def glance(possessive: bool = sys.version_info >= (3, 11, 5)) -> Glance:
    """The patterns. Possessive repetitions of a group are faster; CPython before 3.11.5 gets them wrong (gh-106052)."""
    common = _COMMON + rb'(?:>| [a-z-]++="[^"]*+"(?: [a-z-]++="[^"]*+")*+ ?+/?+>)'
    other = _NAME + _ATTRIBUTES + _CLOSE
    rest = [other, _END, *_HARMLESS]
    common_link = b"a" + _COMMON_OTHER + b" " + _OWN + _COMMON_OTHER + b">"
    link = rb"a%b[\t\n\f\r ]++(?:%b|%b)%b[\t\n\f\r ]*+>" % (_OTHER, _OWN, _OWN_SINGLE, _OTHER)
    anchor = b"a" + _OTHER + rb"[\t\n\f\r ]*+>"
    # Tried before the content of any kind: most links hold text, at most in tags of these.
    words = rb"[^<]*+(?:</a>|(?:<(?:%b)[^<]*+)++</a>)" % b"|".join((_COMMON_END, common))

    content = rb"[^<]*+(?:<(?:%b)[^<]*+)*+</a>" % b"|".join((_COMMON_END, common, *rest))
    links = [rb"(?:%b|%b)%b" % (link, anchor, content)]
    seldom = [_COMMENT, _DECLARATION]
    wide = [*_TEXTS, _COLUMN, *seldom]
    whole = rb"(<a%b%b)%b" % (_ATTRIBUTES, _CLOSE, content)
    return Glance(
        *(
            re.compile(pattern if possessive else re.sub(rb"\)([*+?])\+", rb")\1", pattern))
            for pattern in (
                _repeated([_COMMON_END, common, *rest, *seldom]),
                _repeated([_COMMON_END, common, *rest, *wide]),
                _repeated([_COMMON_END, common_link + words, common, *links, *rest, *wide]),
                whole,
                drawing(_ATTRIBUTES),
                rb"""<a%b[\t\n\f\r ]++href=["']""" % _OTHER,
            )
        )
    )


def _repeated(tags: list[bytes]) -> bytes:
    return rb"(?:[^<]*+<(?:%b))*+[^<]*+" % b"|".join(tags)
