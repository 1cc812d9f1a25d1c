"""The default list of promises, in page order: the one place where order is decided."""

from typing import Final

from privacymw.promise import Promise
from privacymw.promises.addresses import Addresses
from privacymw.promises.choices import Choices
from privacymw.promises.confidential import Confidential
from privacymw.promises.cookies import Cookies
from privacymw.promises.notice import Notice
from privacymw.promises.outbound import Outbound
from privacymw.promises.security import Security
from privacymw.promises.signals import Signals
from privacymw.promises.transport import Headers, Transport

PROMISES: Final[tuple[type[Promise], ...]] = (
    Confidential,
    Choices,
    Cookies,
    Addresses,
    Outbound,
    Transport,
    Headers,
    Security,
    Signals,
    Notice,
)
