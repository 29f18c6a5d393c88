"""Olga opens the dashboard in the morning, at her desk and on her phone."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.audit import seals, statistics
from apikeys.audit_codes import EventKind
from tests import busy_month
from tests.pages.visitor import DESK, PHONE


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
    busy_month.event(EventKind.KEY_LEAKED, now() - timedelta(hours=2), user=alice, contract="camel")
    busy_month.count()
    statistics.update()
    seals.seal()


@pytest.mark.parametrize(("screen", "viewport"), [("desk", DESK), ("phone", PHONE)])
def test_a_morning_after_a_busy_night(busy, enter, screen, viewport):
    browser = enter(viewport=viewport, color_scheme="dark")
    assert "2 things need you now" in browser.page.inner_text(".notices h2")
    assert browser.page.locator("figure").count() == 12
    assert browser.barriers() == []
    browser.keep(f"dashboard-{screen}-dark")
    browser.page.emulate_media(color_scheme="light")
    assert not browser.scrolls_sideways()
    browser.keep(f"dashboard-{screen}-light")
    for summary in browser.page.locator("details summary").all():
        summary.click()
    assert not browser.scrolls_sideways()
    assert browser.barriers() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_first_morning(enter, scheme):
    browser = enter(viewport=PHONE, color_scheme=scheme)
    assert "All is well." in browser.page.inner_text(".all-well")
    assert not browser.scrolls_sideways()
    assert browser.barriers() == []
    browser.keep(f"dashboard-empty-{scheme}")


def test_olga_follows_a_bar_and_a_number_to_their_rows(busy, enter):
    browser = enter()
    browser.page.locator("figure").first.locator("a.bar[href]").last.click()
    browser.page.wait_for_url("**/auditevent/?**")
    browser.page.go_back()
    browser.page.get_by_role("link", name="Find user").click()
    browser.page.wait_for_url("**/admin/accounts/user/**")


def test_bars_have_tooltips_and_stay_in_their_frame(busy, enter):
    browser = enter()
    figure = browser.page.locator("figure").nth(1)
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
