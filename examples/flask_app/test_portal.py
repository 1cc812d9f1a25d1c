"""The portal's own tests of its promises: `pytest test_portal.py`, with the settings of portal.env."""

from __future__ import annotations

import pytest
from portal import app

from privacymw.testing import assert_promises, declared_cookies_only, no_personal_data_in


def test_the_portal_does_what_its_page_says() -> None:
    report = assert_promises(app, paths=["/search?q=claim", "/registered"])
    assert report.pages > 5


def test_its_cookies_are_on_the_page() -> None:
    declared_cookies_only(app.test_client())


def test_its_logs_name_nobody(caplog: pytest.LogCaptureFixture) -> None:
    app.test_client().get("/members/M1001/claims", headers={"X-Forwarded-For": "203.0.113.9"})
    no_personal_data_in(caplog, "M1001")
