"""A package that is no part of authsvc, with a contract of its own."""
