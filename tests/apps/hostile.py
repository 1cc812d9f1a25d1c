"""Pages whose links lead away in every way there is, as `app`; a page that a program makes in the browser.

OTHER names the other site's origin, which listens at a loopback port under a name of its own.
"""

import os
from collections.abc import Iterable
from typing import Any

from privacymw.wsgi import PrivacyMiddleware

OTHER = os.environ.get("OTHER", "http://other.test:80")
PORT = OTHER.rpartition(":")[2]
HOST = OTHER.partition("//")[2]

# Each of them leads to the other site if nobody looks; {o} is its origin, {h} its host with the port.
LINKS = [
    '<a id="{i}" href="{o}/1">plain</a>',
    '<a id="{i}" href="//{h}/2">without a scheme</a>',
    '<a id="{i}" href="\\\\\\\\{h}\\\\3">backslashes</a>',
    '<a id="{i}" href="/\\\\{h}/4">slash and backslash</a>',
    '<a id="{i}" href="  \t\n{o}/5 ">blanks around</a>',
    '<a id="{i}" href="ht\ntp:/\t/{h}/6">line feed and tab in it</a>',
    '<a id="{i}" href="&#104;ttp&colon;&sol;&#x2f;{h}/7">references</a>',
    '<a id="{i}" href="HTTP:\\\\\\\\{h}/8">capitals and backslashes</a>',
    '<a id="{i}" href="http:////{h}/9">too many slashes</a>',
    '<a id="{i}" href="http://localhost@{h}/10">another host before the at</a>',
    "<a id={i} href={o}/11>no quotes</a>",
    '<A ID={i} HREF = \'{o}/12\'>capitals</A>',
    '<a id="{i}" href="{o}/13" href="/here">twice, the first counts</a>',
    '<a/id="{i}"/href="{o}/14">slashes for blanks</a>',
    '<a id="{i}" title="><a href=/here>" href="{o}/15">a tag in a value</a>',
    '<a id="{i}" href="{o}/16" target="_blank">new window</a>',
    '<a id="{i}" href="{o}/17" download>to be saved</a>',
    '<a id="{i}" href="/here" ping="{o}/18">a ping</a>',
    '<svg width=90 height=20><a id="{i}" xlink:href="{o}/19"><text y=15>in a drawing</text></a></svg>',
    '<svg width=90 height=20><a id="{i}" href="{o}/20"><text y=15>the same</text></a></svg>',
    (
        '<map name=m><area id="{i}" shape=rect coords="0,0,60,20" href="{o}/21" alt="area"></map>'
    '<img usemap="#m" width=60 height=20 alt="map" src="data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=">'
    ),
    '<form action="{o}/22"><input name=q value=x><button id="{i}">ask</button></form>',
    '<form action="/here"><input name=q value=x><button id="{i}" formaction="{o}/23">ask there</button></form>',
    '<form action="/here"><input type=submit id="{i}" formaction="//{h}/24" value="ask there"></form>',
    '<form id=far action="{o}/25"></form><button id="{i}" form=far>from afar</button>',
    '<div><template shadowrootmode=open><a id="{i}" href="{o}/26">in a shadow</a></template></div>',
    '<textarea></textarea ><a id="{i}" href="{o}/27">after a raw text</a>',
    '<!--><a id="{i}" href="{o}/28">after no comment</a><!-- -->',
    '<script><!-- <script> </script> --></script><a id="{i}" href="{o}/29">after a script</a>',
    '<math><mtext><a id="{i}" href="{o}/30">in a formula</a></mtext></math>',
    '<table><tr><a id="{i}" href="{o}/31">out of its table</a></table>',
    '<a id="{i}" href="{o}/32" data-x=\'<!--\'>a comment in a value</a>',
    '<noscript></noscript foo><a id="{i}" href="{o}/33">after noscript</a>',
    '<a id="{i}" href="{o}/34"><b><i>nested</b></i></a>',
]  # fmt: skip
IDS = [f"l{number}" for number in range(len(LINKS))]
HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>Hostile</title><body>"
BASE = '<base href="{o}/">'
CLIENT = """<div id=root></div><a id=own href="/here">here</a><a id=mine href="http://localhost:1/">mine</a>
<a id=signed href="{o}/file?sig=1" download>signed</a>
<script src="/client.js"></script>"""
SCRIPT = """
const root = document.getElementById("root");
const draw = (markup) => { root.innerHTML = markup; };
window.draw = draw;
window.shadow = (href) => {
  root.innerHTML = "<span id=host></span>";
  const inside = document.getElementById("host").attachShadow({ mode: "open" });
  inside.innerHTML = `<a id=c href="${href}">in a shadow</a>`;
};
"""

# Strict on scripts: ours runs all the same. A link with a script in it, and what it says, is stopped.
POLICY = "default-src 'self'; img-src data:; form-action *; connect-src *; script-src 'self'"


def filled(markup: str, name: str) -> str:
    return markup.replace("{o}", OTHER).replace("{h}", HOST).replace("{i}", name).replace("\\\\", "\\")


PAGES = {
    "/": HEAD + "".join(f"<p>{filled(link, name)}</p>\n" for name, link in zip(IDS, LINKS, strict=True)),
    "/base": HEAD + filled(BASE, "") + '<p><a id=b href="x">relative</a> <a id=c href="/y">from the root</a>',
    "/refresh": HEAD + filled('<meta http-equiv="Refresh" content="0; URL=\'{o}/refresh\'">', ""),
    "/client": HEAD + filled(CLIENT, ""),
    "/here": HEAD + "<h1>Here</h1>",
}


def page(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/client.js":
        start("200 OK", [("Content-Type", "text/javascript")])
        return [SCRIPT.encode()]
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", POLICY)]
    start("200 OK" if path in PAGES else "404 Not Found", headers)
    return [PAGES.get(path, HEAD).encode()]


app = PrivacyMiddleware(page)
