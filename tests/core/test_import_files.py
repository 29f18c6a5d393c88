"""Files of users: formats, faults, and files of any length."""

import io
import tracemalloc

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent, User
from accounts.transfer import user_import
from accounts.transfer.file_reader import MAX_LINE_LENGTH, UnreadableFile, read_rows
from accounts.transfer.user_import import ImportOptions, import_rows
from tests.audit_events import without_triggers
from tests.imports import import_text, many, refusals

pytestmark = pytest.mark.usefixtures("db")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfusername,name\ncarol,Caf\xc3\xa9\n",
        b"username,name\r\ncarol,Caf\xc3\xa9\r\n",
        b"username;name\ncarol;Caf\xc3\xa9",
        b"username\tname\ncarol\tCaf\xc3\xa9\n\n\n",
        b'\n"Username", NAME \n"carol","Caf\xc3\xa9"\n',
    ],
)
def test_files_are_read_as_programs_write_them(content):
    assert [str(each.status) for each in import_text(content)] == ["imported"]
    assert User.objects.get().name == "Café"


def test_a_quoted_field_may_hold_commas_quotes_and_lines():
    results = import_text('username,name\ncarol,"Danvers, ""Carol""\nof Boston"\ndave,\n')
    assert [result.line for result in results] == [2, 4]
    assert User.objects.get(username="carol").name == 'Danvers, "Carol"\nof Boston'


@pytest.mark.parametrize(
    ("content", "form", "sentence"),
    [
        (b"", "csv", "The file is empty."),
        (b"\n \n", "csv", "The file is empty."),
        (b"", "jsonl", "The file is empty."),
        (b"\n\n", "jsonl", "The file is empty."),
        ("username\ncarol\n".encode("utf-16"), "csv", "UTF-16"),
        ("username\ncarol\n".encode("utf-16-le"), "csv", "UTF-16"),
        ('{"username": "carol"}'.encode("utf-16"), "jsonl", "UTF-16"),
        (b"PK\x03\x04\x00\x00\x08", "csv", "no text at all"),
        (b"carol,secret words of hers\n", "csv", "has to name the columns"),
        (b"user,email\ncarol,\n", "csv", "has to name the columns"),
        (b'"username,email\n', "csv", "has to name the columns"),
        (b"username,nickname,shoe size\n", "csv", "There is no column 'nickname', 'shoe size'."),
        (b"username,email,email\n", "csv", "'email' twice"),
        (b"username," + b"x" * MAX_LINE_LENGTH, "csv", "longer than 64 KiB"),
        (b'[{"username": "carol"}]', "jsonl", "one JSON array"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_in_a_sentence(content, form, sentence):
    with pytest.raises(UnreadableFile) as refusal:
        import_text(content, form)
    assert sentence in str(refusal.value)
    assert "secret words" not in str(refusal.value)


def test_a_malformed_row_costs_no_other():
    content = b"\n".join(
        [
            b"username,name",
            b"carol,Caf\xe9",
            b"dave",
            b"erin,a,b",
            b'fay,"F"ay',
            b"x" * (MAX_LINE_LENGTH + 5),
            b"gus,a\0b",
            b"hal,Hal",
            b'ida,"Ida',
            b"joe,",
        ]
    )
    assert refusals(content) == {
        2: "line 2 is not UTF-8, at its byte 10",
        3: "1 fields, where the first line names 2 columns",
        4: "3 fields, where the first line names 2 columns",
        5: "a quotation mark in the middle of a field: it has to be doubled",
        6: "line 6 is longer than 64 KiB",
        7: "name: holds what is no character",
        9: "a quotation mark is opened and not closed; lines 9 to 10 are left out",
    }
    assert User.objects.get().username == "hal"


def test_a_malformed_object_costs_no_other():
    lines = [
        "7",
        "[]",
        "{",
        '{"username": "a", "username": "b"}',
        '{"username": NaN}',
        "[" * 9000,
        '{"username": ' + "9" * 5000 + "}",
    ]
    assert refusals(
        "\n".join(
            ['{"username": "carol"}', *lines, '{"username": "dave"}', '"\xff'.encode().decode()]
        ),
        "jsonl",
    ) == {
        2: "not a JSON object",
        3: "not a JSON object",
        4: "not JSON",
        5: "'username' stands there twice.",
        6: "username: not text",
        7: "not JSON",
        8: "not JSON",
        10: "not JSON",
    }
    assert {user.username for user in User.objects.all()} == {"carol", "dave"}


class Endless(io.RawIOBase):
    """A line of a hundred megabytes, made as it is read."""

    def __init__(self):
        self.left = 100 * 2**20

    def readable(self):
        return True

    def readinto(self, buffer):
        size = min(len(buffer), self.left)
        buffer[:size] = b"x" * size
        self.left -= size
        return size


def test_a_line_of_a_hundred_megabytes_takes_no_memory():
    tracemalloc.start()
    read = list(read_rows(io.BufferedReader(Endless()), "jsonl"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row.fault for row in read] == ["line 1 is longer than 64 KiB"]
    assert peak < 2**20


# Long files


class Stream(io.RawIOBase):
    """A file whose lines are made as they are read."""

    def __init__(self, lines):
        self.lines, self.rest = lines, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        self.rest = self.rest or next(self.lines, b"")
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


def peak_of(count):
    tracemalloc.start()
    for results in import_rows(
        read_rows(io.BufferedReader(Stream(many(count))), "csv"),
        ImportOptions(dry_run=True),
        source="many",
    ):
        assert results[0].status == "imported"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_file():
    peak_of(600)
    assert peak_of(6000) < peak_of(1500) + 512 * 1024


@pytest.mark.own_sql
def test_a_batch_costs_as_many_queries_as_any_other(monkeypatch):
    def queries_of(count):
        with without_triggers():
            AuditEvent.objects.all().delete()
        User.objects.all().delete()
        with CaptureQueriesContext(connection) as captured:
            import_text(b"".join(many(count)))
        return len(
            [
                query
                for query in captured.captured_queries
                if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
            ]
        )

    monkeypatch.setattr(user_import, "BATCH_SIZE", 20)
    two = queries_of(2)
    assert queries_of(20) == two
    assert queries_of(40) == 2 * two
    assert two <= 5  # three queries, the users, the events
