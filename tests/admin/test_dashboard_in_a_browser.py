"""Olga opens the dashboard in the morning, at her desk and on her phone."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.audit import seals, statistics
from apikeys.audit_codes import KeyEventKind
from tests import busy_month
from tests.pages.visitor import DESK_DARK, DESK_LIGHT, PHONE_DARK, PHONE_LIGHT


@pytest.fixture
def busy(alice):
    """A month of a busy service, and a mail server that has just become difficult."""
    busy_month.fill(alice, scale=0.3)
    for contract, count in (("bearer", 9), ("camel", 5), ("form", 3)):
        for _ in range(count):
            busy_month.session(alice, contract)
    busy_month.mail(
        alice,
        status="waiting",
        at=now() + timedelta(minutes=3),
        error="421 4.7.0 Try again later",
        tries=3,
    ).save()
    busy_month.event(
        KeyEventKind.KEY_LEAKED, now() - timedelta(hours=2), user=alice, contract="camel"
    )
    busy_month.count()
    statistics.update()
    seals.seal()


def test_a_morning_after_a_busy_night(busy, enter):
    browser = enter()
    assert "2 things need you now" in browser.page.inner_text(".notices h2")
    assert browser.page.locator("figure").count() == 12
    check_bars(browser.page.locator("figure").nth(1))
    browser.look("dashboard", DESK_LIGHT, PHONE_DARK)
    for summary in browser.page.locator("details summary").all():
        summary.click()
    browser.look("dashboard-open", PHONE_LIGHT, DESK_DARK)
    browser.page.locator("figure").first.locator("a.bar[href]").last.click()
    browser.page.wait_for_url("**/auditevent/?**")
    browser.page.go_back()
    browser.page.get_by_role("link", name="Find user").click()
    browser.page.wait_for_url("**/admin/accounts/user/**")


def check_bars(figure):
    """Bars have tooltips and stay in their frame."""
    bars = figure.locator("a.bar")
    assert bars.count() == 30
    assert "bearer" in bars.nth(20).locator("title").inner_html()
    frame = figure.locator("svg.chart").bounding_box()
    for rect in figure.locator("a.bar rect:not(.hover-area)").all()[:60]:
        box = rect.bounding_box()
        assert frame["x"] <= box["x"]
        assert frame["y"] <= box["y"]
        assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 1
        assert box["y"] + box["height"] <= frame["y"] + frame["height"]


def test_the_first_morning(enter):
    browser = enter()
    assert "All is well." in browser.page.inner_text(".all-well")
    browser.look("dashboard-empty", PHONE_LIGHT, PHONE_DARK)
