"""What a reader looks for on the privacy page of the example portals, in each language."""

from typing import NamedTuple


class Reader(NamedTuple):
    language: str
    path: str
    short: str
    kept: str
    rows: dict[str, str]
    change: str
    choices: str
    save: str
    saved: str
    versions: str
    changes: str
    before: str
    after: str


READERS = [
    Reader(
        language="en",
        path="/privacy/notice",
        short="In short",
        kept="What is kept of a visit",
        rows={
            "Log of requests, with your IP address": "30 days",
            "Cookie __Host-privacy": "400 days",
            "Cookie session": "until you close the browser",
        },
        change="See and change your choices",
        choices="Your choices",
        save="Save",
        saved="Your choices are saved.",
        versions="Earlier and coming versions of this notice",
        changes="Changes of version 2",
        before="60",
        after="30",
    ),
    Reader(
        language="es",
        path="/privacy/es/notice",
        short="En resumen",
        kept="Lo que se guarda de una visita",
        rows={
            "Registro de solicitudes, con su dirección IP": "30 días",
            "La cookie __Host-privacy": "400 días",
            "La cookie session": "hasta que cierre el navegador",
        },
        change="Ver y cambiar sus opciones",
        choices="Sus opciones",
        save="Guardar",
        saved="Sus opciones se han guardado.",
        versions="Versiones anteriores y por venir de este aviso",
        changes="Cambios de la versión 2",
        before="60",
        after="30",
    ),
]
