"""Parts of the dashboard, as its tests read them."""

import re
from datetime import timedelta
from html import unescape

PAGE = "/admin/"
HOUR = timedelta(hours=1)


def text(page):
    """The text of a page, on one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


def notices(page):
    return [notice.text for notice in page.context["notices"]]


def chart(page, title, heading="Last 24 hours"):
    pair = next(
        (hours, days) for topic, hours, days in page.context["topics"] if topic.title == title
    )
    return next(chart for chart in pair if chart.heading == heading)


def numbers(chart):
    """Return what links to rows: the total, the legend and the newest interval with events."""
    last = next(interval for interval in chart.newest_first if interval.total.count)
    return [chart.total, *(number for _, number in chart.legend), *last.numbers, last.total]


def rows_behind(client, number):
    """Return how many rows the list has that a number links to."""
    return client.get(number.url).context["cl"].queryset.count()
