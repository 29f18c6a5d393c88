"""Columns of the files that users are imported from and exported to, in their order."""

PROFILE = ("username", "email", "name", "organization", "aws_region", "language")
FLAGS = ("is_active", "must_change_password")
DATES = ("created_at", "last_login")
SECRETS = ("password", "password_hash")  # no export has them unless hashes are asked for
COLUMNS = ("uuid", *PROFILE, "role", *FLAGS, *DATES, *SECRETS)
