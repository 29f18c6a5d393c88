"""Operators with browsers: the same as everybody else's."""

from tests.pages.conftest import chromium, visit

__all__ = ["chromium", "visit"]
