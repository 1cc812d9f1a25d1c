"""The app in another process, with an empty data folder, as `check` talks to it."""

import atexit
import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privacymw.errors import StoreError
from privacymw.evidence.driver import Answer, Asked
from privacymw.evidence.probe import Scratch


def scratch_settings(environ: Mapping[str, str], folder: Path, *, apart: bool, logs: bool) -> dict[str, str]:
    """An environment with the same settings, whose data go into a folder; keys stay apart where they were."""
    places = ("PRIVACYMW_DATA", "PRIVACYMW_STORE", "PRIVACYMW_KEYS")
    kept = {name: value for name, value in environ.items() if name.removesuffix("_FILE") not in places}
    scratch = scratch_of(folder, apart=apart)
    kept["PRIVACYMW_DATA"] = str(scratch.data)
    kept["PRIVACYMW_STORE"] = f"sqlite:///{scratch.log}" if logs else "none"
    kept["PRIVACYMW_KEYS"] = str(scratch.keys)
    return kept


def scratch_of(folder: Path, *, apart: bool) -> Scratch:
    """Where these settings put what is kept."""
    data = folder / "data"
    return Scratch(data, folder / "keys" if apart else data / "keys", data / "log.sqlite")


class OtherProcess:
    """One app at the other end of two pipes.

    Args:
        target: `module:app`.
        environ: with its data in `scratch`.
        wraps: whether privacymw is put in front of it there too.

    Raises:
        StoreError: it does not start there.
    """

    def __init__(self, target: str, kind: str, environ: Mapping[str, str], scratch: Scratch, *, wraps: bool) -> None:
        self.scratch = scratch
        self._ahead = 0.0
        reads, writes = os.pipe()
        command = [sys.executable, "-m", "privacymw.cli.clock", str(writes), target, kind, "wrapped" if wraps else ""]
        path = os.pathsep.join([os.getcwd(), *filter(None, sys.path)])  # noqa: PTH109 - where `check` looks for apps
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            env={**environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writes,),
            text=True,
        )
        os.close(writes)
        self._answers = os.fdopen(reads, encoding="utf-8")

    def _told(self, command: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            print(json.dumps(command), file=self._process.stdin, flush=True)
            found: dict[str, Any] = json.loads(self._answers.readline())
        except (OSError, ValueError):
            raise StoreError("the app did not start in a process of its own") from None
        return found

    def ask(self, asked: Asked) -> Answer:
        """What the app answers there."""
        found = self._told({**asked._asdict(), "body": base64.b64encode(asked.body).decode()})
        headers = tuple((name, value) for name, value in found["headers"])
        return Answer(found["status"], headers, base64.b64decode(found["body"]), found["failure"])

    def travel(self, seconds: float) -> None:
        """Sets its clock forward."""
        self._told({"ahead": seconds})
        self._ahead += seconds

    def now(self) -> float:
        """What its clock says."""
        return time.time() + self._ahead

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()


def scratch_folder() -> Path:
    """A folder that is gone with this process; after the app, which writes at its own end."""
    folder = tempfile.mkdtemp(prefix="privacymw-check-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
