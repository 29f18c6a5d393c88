"""Fields of a user that operators fill in: with a new account, and on its page."""

IDENTIFIERS = ("username", "email")  # given with a new account; changed by an action
EDITABLE_FIELDS = ("name", "organization", "aws_region", "language")
