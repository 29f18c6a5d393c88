"""Accounts that move in and out, many at once."""
