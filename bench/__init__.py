"""Load tests and comparisons with peers; see README.md. The tests never run them."""
