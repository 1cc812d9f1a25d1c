"""What tests start: gunicorn and uvicorn (from tools/running.py), and nginx with TLS in front of them."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import shutil
import site
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import privacymw
from running import HOST, Server, ServerError, free_port, gunicorn, running, spawn, stop, uvicorn

__all__ = [
    "HOST",
    "Certificate",
    "Server",
    "ServerError",
    "gunicorn",
    "needed",
    "nginx",
    "uvicorn",
    "uwsgi",
]


def needed(*programs: str) -> str:
    """The path of the first of `programs` that is here. Else the test is skipped; in CI it fails."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    for program in programs:
        found = shutil.which(program, path=path)
        if found:
            return found
    message = f"{' or '.join(programs)} is not installed (tools/system-packages installs it)"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def uwsgi(
    app: str, *, folder: Path, workers: int = 1, env: Mapping[str, str] | None = None, options: Sequence[str] = ()
) -> contextlib.AbstractContextManager[Server]:
    """uWSGI as the system has it, serving `app` by HTTP: its Python, if it is of our version, with our packages."""
    program = shutil.which(f"uwsgi_python{sys.version_info[0]}{sys.version_info[1]}")
    if program is None:
        version = ".".join(map(str, sys.version_info[:2]))
        pytest.skip(
            f"no uWSGI for Python {version} is here: it is not tested (tools/system-packages installs Debian's)"
        )
    places = [folder, Path(privacymw.__file__).parents[1], *site.getsitepackages()]

    def command(port: int) -> list[str]:
        paths = [part for place in places for part in ("--pythonpath", str(place))]
        serving = ["--http-socket", f"{HOST}:{port}", "--module", app, "--processes", str(workers)]
        return [program, "--master", "--die-on-term", "--need-app", *paths, *serving, *options]

    return _uwsgi(command, env=env)


@contextlib.contextmanager
def _uwsgi(command: Callable[[int], Sequence[str]], *, env: Mapping[str, str] | None) -> Iterator[Server]:
    """It hands any rubbish on to the app, so that it is waited for by its own words."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="privacymw-uwsgi-") as scratch:
        log_file = Path(scratch, "log")
        process = spawn(command(port), env=env, log_file=log_file)
        server = Server("uwsgi", f"http://{HOST}:{port}", port, process, log_file)
        try:
            end = time.monotonic() + 20
            while "spawned uWSGI worker" not in server.log or "WSGI app 0 (mountpoint='') ready" not in server.log:
                if process.poll() is not None or time.monotonic() > end:
                    raise ServerError(f"uWSGI did not come up. Its log ends:\n{server.log[-2000:]}")
                time.sleep(0.05)
            yield server
        finally:
            stop(process)


KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for localhost, and a client's context that trusts it alone."""

    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path) -> Certificate:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        hosts = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
        usage = dict.fromkeys(KEY_USAGES, False) | {"digital_signature": True, "key_cert_sign": True}
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        signed = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(identifier, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
            .sign(key, hashes.SHA256())
        )
        made = cls(folder / "certificate.pem", folder / "key.pem")
        made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return made

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))


FORWARDED = """
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Prefix "{prefix}";"""

CONFIGURATION = """
daemon off;
pid {scratch}/pid;
error_log stderr warn;
{user}
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location {prefix}/ {{
            proxy_pass http://{host}:{upstream}/;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;{forwarded}
        }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(upstream: Server, *, certificate: Certificate, prefix: str = "", forwarded: bool = True) -> Iterator[Server]:
    """nginx ending TLS in front of `upstream`, whose paths appear under `prefix` ("" or "/portal").

    `forwarded` says whether it adds X-Forwarded-For, -Proto, -Host and -Prefix; what a client sends of these
    passes through without it. The server's url has the prefix.
    """
    program = needed("nginx")
    with tempfile.TemporaryDirectory(prefix="privacymw-nginx-") as scratch:
        configuration = Path(scratch, "nginx.conf")

        def command(port: int) -> list[str]:
            configuration.write_text(
                CONFIGURATION.format(
                    scratch=scratch,
                    user="user root root;" if os.geteuid() == 0 else "",  # the scratch folder is private
                    host=HOST,
                    port=port,
                    upstream=upstream.port,
                    certificate=certificate.certificate,
                    key=certificate.key,
                    prefix=prefix,
                    forwarded=FORWARDED.format(prefix=prefix) if forwarded else "",
                )
            )
            return [program, "-p", scratch, "-e", "stderr", "-c", str(configuration)]

        with running("nginx", command, tls=certificate.context()) as server:
            yield Server(server.name, server.url + prefix, server.port, server.process, server.log_file)
