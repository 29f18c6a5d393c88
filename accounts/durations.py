"""Lengths of time as people read them."""

from datetime import timedelta
from math import ceil


def minutes_rounded_up(length: timedelta) -> int:
    return ceil(length / timedelta(minutes=1))
