"""Both example portals under real servers, visited once, then left running for you to look at: `make demo`.

    python tools/demo.py           free ports, until Ctrl-C
    python tools/demo.py --once    ends after the visits; exit code 1 if one did not go as it should

To show one more thing, add a row to VISITS.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import http.cookiejar
import re
import secrets
import shlex
import signal
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from running import Server, ServerError, gunicorn, uvicorn

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visit(NamedTuple):
    """One request and what shows that it went well: the status, and a text in the headers or the page.

    A path that ends with * is the first link that begins so, on the page that was seen last.
    """

    what: str
    path: str
    look_for: str = ""
    status: int = 200
    form: Mapping[str, str] | None = None  # sent by POST
    with_token: bool = True  # the form's token, from the page that was seen last


PERSON = {
    "name": "Ana Invented",
    "site": "Example Clinic",
    "tax_id": "12-3456789",
    "email": "ana@clinic.example",
}

VISITS = [
    Visit("The home page greets and links to other sites", "/", "Imaging guidelines"),
    Visit("A link to another site first says where it goes", "/privacy/leaving/*", "guidelines.example.org"),
    Visit("A search on the site finds its page", "/search?q=appeal", "Appeal a decision"),
    Visit("A form that does not come from our page is refused", "/register", "try again", 400, PERSON, False),
    Visit("The registration form opens", "/register", "Tax number"),
    Visit("A person registers", "/register", "You are registered", form=PERSON),
    Visit("A member's claims are shown", "/members/M1001/claims", "MRI of the knee"),
    Visit("They are not to be kept by a browser or a cache", "/members/M1001/claims", "no-store"),
    Visit("The language page opens", "/language", "Greet me in"),
    Visit("The visitor chooses Spanish", "/language", "bienvenida", form={"language": "es"}),
    Visit("The choice is remembered", "/", "bienvenida"),
    Visit("The policy names the company", "/privacy/notice", "Example Health"),
    Visit("The visitor may change their mind", "/privacy/choices", "<form"),
]

ADDRESSES = {
    "home": "/",
    "privacy notice": "/privacy/notice",
    "privacy choices": "/privacy/choices",
}


class Visitor:
    """A browser, as far as the visits need one: cookies, redirects, and the token of the last form."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = self.page = ""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        # An empty ProxyHandler: what is on this machine is asked directly, whatever the environment says.
        self.opener = urllib.request.build_opener(jar, urllib.request.ProxyHandler({}))

    def ask(self, path: str, form: Mapping[str, str] | None = None) -> tuple[int, str]:
        """The status, and headers and page as one text."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            answer = self.opener.open(self.url + path, data, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = f"{answer.headers}\n{answer.read().decode(errors='replace')}"
        found = TOKEN.search(text)
        self.token, self.page = found[1] if found else self.token, text
        return answer.status, text

    def link(self, beginning: str) -> str | None:
        found = re.search(rf'href="({re.escape(beginning)}[^"]*)"', self.page)
        return html.unescape(found[1]) if found else None

    def pay(self, visit: Visit) -> str:
        """What went wrong, or an empty text."""
        token = {"csrf_token": self.token} if visit.with_token else {}
        path = self.link(visit.path[:-1]) if visit.path.endswith("*") else visit.path
        if path is None:
            return f"the page has no link to {visit.path}"
        status, text = self.ask(path, visit.form and {**visit.form, **token})
        if status != visit.status:
            return f"the answer was {status}, not {visit.status}"
        return "" if visit.look_for in text else f"“{visit.look_for}” was not there"


def main() -> int:
    parser = argparse.ArgumentParser(description="Start both example portals and visit them.")
    parser.add_argument("--once", action="store_true", help="end after the visits")
    parser.add_argument("--flask-port", type=int, default=0, metavar="PORT")
    parser.add_argument("--starlette-port", type=int, default=0, metavar="PORT")
    options = parser.parse_args()
    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        with portals(options.flask_port, options.starlette_port) as servers:
            faults = sum(show(title, server) for title, server in servers.items())
            if options.once:
                return int(faults > 0)
            print("\nPress Ctrl-C to end.", flush=True)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        print("\nEnded.", flush=True)
        return 0
    except ServerError as error:
        print(f"The demo cannot run. {error}", file=sys.stderr)
        return 1


def interrupt(number: int, frame: object) -> NoReturn:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not stop us from ending the servers
    raise KeyboardInterrupt


@contextlib.contextmanager
def portals(flask_port: int, starlette_port: int) -> Iterator[dict[str, Server]]:
    settings = read_settings(EXAMPLES / "portal.env") | {
        "PORTAL_SECRET": secrets.token_hex(32),
    }
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="privacymw-demo-")))

        def env(name: str) -> dict[str, str]:
            return settings | {"PRIVACYMW_DATA": str(data / name)}

        flask = gunicorn("portal:app", folder=EXAMPLES / "flask_app", workers=2, env=env("flask"), port=flask_port)
        starlette = uvicorn("portal:app", folder=EXAMPLES / "starlette_app", env=env("starlette"), port=starlette_port)
        yield {
            "Flask under gunicorn, two workers": stack.enter_context(flask),
            "Starlette under uvicorn": stack.enter_context(starlette),
        }


def read_settings(path: Path) -> dict[str, str]:
    """The settings of an .env file, with the .toml file beside it for what is a table."""
    lines = shlex.split(path.read_text(), comments=True)
    return dict(line.split("=", 1) for line in lines) | {"PRIVACYMW_CONFIG": str(path.with_suffix(".toml"))}


def show(title: str, server: Server) -> int:
    """Print what the visits saw and where to look; the number of visits that went wrong."""
    print(f"\n{title}: {server.url}")
    visitor = Visitor(server.url)
    faults = 0
    for visit in VISITS:
        fault = visitor.pay(visit)
        faults += bool(fault)
        print(f"  {'no' if fault else 'ok'}  {visit.what}{fault and ': ' + fault}")
    for name, path in ADDRESSES.items():
        if visitor.ask(path)[0] == 200:
            print(f"      {name:<16} {server.url}{path}")
    sys.stdout.flush()
    return faults


if __name__ == "__main__":
    sys.exit(main())
