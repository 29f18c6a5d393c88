"""The contracts that come with authsvc: a line each, for its module in this package.

The settings read this list before Django is set up, so nothing is imported here; ``registry``
imports the modules.
"""

BUILT_IN = (
    "bearer",
    "camel",
    "form",
    "challenge",
    "envelope",
)
