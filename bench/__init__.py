"""Load and peer comparisons; see README.md. Never run by the tests."""
