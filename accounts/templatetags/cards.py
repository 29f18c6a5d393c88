"""Rows of a list that a narrow screen shows as cards: every cell bears the name of its column."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
EMPTY = ">—</td>"


@register.filter
def labelled(cells: Iterable[str], headers: list[dict[str, Any]]) -> Iterator[SafeString]:
    """Return the cells of one row as Django renders them, with ``data-label``.

    Empty cells have the class ``nothing``, too.
    """
    for cell, header in zip(cells, headers, strict=False):
        if not cell.startswith('<td class="field-'):
            # A checkbox or the row's title, as Django escaped it.
            yield mark_safe(cell)  # noqa: S308
            continue
        label = format_html('<td data-label="{}" class="', str(header["text"]).capitalize())
        rest = cell.removeprefix('<td class="')
        empty = "nothing " if cell.endswith(EMPTY) else ""
        yield mark_safe(f"{label}{empty}{rest}")  # noqa: S308 (both are escaped)
