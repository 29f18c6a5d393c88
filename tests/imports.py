"""Imports of users in tests: the text of a file in, the results of its rows out."""

import io

import bcrypt

from accounts.transfer.file_reader import read_rows
from accounts.transfer.user_import import ImportOptions, import_rows
from tests.conftest import PASSWORD

PEOPLE = """\
username,email,name,organization,aws_region,language,is_active,must_change_password,uuid,\
created_at,last_login
Carol,Carol@Example.com,Carol Danvers,NASA,eu-north-1,de,true,no,\
6f2c3f6e-7d6b-4c58-9d3c-0b3e6d1f2a10,2020-02-29T10:00:00+02:00,2024-01-01
dave,,,,,,0,yes,,,
"""


def import_text(text, form="csv", **options):
    """Import a file; return the result of each row."""
    content = text.encode() if isinstance(text, str) else text
    batches = import_rows(
        read_rows(io.BytesIO(content), form), ImportOptions(**options), source="people.csv"
    )
    return [result for batch in batches for result in batch]


def row_tuples(results):
    """Return line, user name, status and reason of each result."""
    return [(result.line, result.username, str(result.status), result.reason) for result in results]


def refusals(text, form="csv", **options):
    """Import a file; return the reasons of its refused rows, by line."""
    return {
        result.line: result.reason
        for result in import_text(text, form, **options)
        if result.status == "refused"
    }


def bcrypt_hash():
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


def many(count):
    """Yield the lines of a file of so many users, with password hashes."""
    yield b"username,email,name,password_hash\n"
    encoded = bcrypt_hash()
    for number in range(count):
        yield f"person{number},person{number}@example.com,Person {number},{encoded}\n".encode()
