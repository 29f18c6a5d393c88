"""The command import_users: its output, its report, and a run that is killed."""

import csv
import io
import re
import sys

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, OutgoingMail, User
from accounts.transfer import user_import
from tests.concurrency import run_and_kill, run_elsewhere
from tests.conftest import PASSWORD
from tests.imports import PEOPLE, many

pytestmark = pytest.mark.usefixtures("db")


def run(tmp_path, content, *arguments, name="people.csv"):
    """Run the command; return its output and its errors."""
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    out, err = io.StringIO(), io.StringIO()
    call_command("import_users", str(path), *arguments, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def test_a_dry_run_says_what_will_happen_and_then_it_does(tmp_path, alice):
    people = f"username,password\nAlice,\ncarol,{PASSWORD}\ndave,short\n"
    printed = run(tmp_path, people, "--dry-run", "--report", str(tmp_path / "dry.jsonl"))
    assert (
        "1 would be imported, 0 would be updated, 1 would be unchanged, 1 would be refused.\n"
        "Nothing was written." in printed
    )
    assert (User.objects.count(), AuditEvent.objects.count()) == (1, 0)
    printed = run(tmp_path, people, "--report", str(tmp_path / "real.jsonl"))
    assert "1 imported, 0 updated, 1 unchanged, 1 refused." in printed
    assert "line 4: dave: password: This password is too short" in printed
    assert (tmp_path / "dry.jsonl").read_text() == (tmp_path / "real.jsonl").read_text()
    assert PASSWORD not in printed + (tmp_path / "real.jsonl").read_text()
    assert not OutgoingMail.objects.exists()


def test_a_report_is_private_and_no_spreadsheet_runs_it(tmp_path):
    run(tmp_path, "username,name\n=cmd()|a,\n", "--report", str(tmp_path / "report.csv"))
    report = tmp_path / "report.csv"
    assert report.stat().st_mode & 0o777 == 0o600
    assert next(csv.reader([report.read_text().splitlines()[1]]))[:3] == [
        "2",
        "'=cmd()|a",
        "imported",
    ]


def test_the_same_file_again_changes_nothing(tmp_path):
    run(tmp_path, PEOPLE)
    before = [*User.objects.order_by("pk").values()]
    assert "0 imported, 0 updated, 2 unchanged, 0 refused." in run(tmp_path, PEOPLE)
    assert [*User.objects.order_by("pk").values()] == before


def test_standard_input_is_read_as_it_is_told_to_be(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"username": "carol"}\n')))
    with pytest.raises(CommandError, match="--format"):
        call_command("import_users", "-")
    call_command(
        "import_users", "-", "--format", "jsonl", stdout=io.StringIO(), stderr=io.StringIO()
    )
    assert User.objects.get().username == "carol"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv"], "nowhere.csv: No such file or directory."),
        (["."], "Is a directory"),
        (["README.md"], "has to end in .csv or .jsonl"),
        (["README.md", "--format", "csv"], "has to name the columns"),
        (
            ["README.md", "--format", "csv", "--report", "/nowhere/report.csv"],
            "/nowhere/report.csv: No such file",
        ),
    ],
)
def test_invalid_arguments_are_refused_in_a_sentence(arguments, sentence):
    with pytest.raises(CommandError) as refusal:
        call_command("import_users", *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert sentence in str(refusal.value)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_killed_is_finished_by_running_it_again(tmp_path):
    """At most one batch is lost, nothing is doubled, and each account has its audit event."""
    people = tmp_path / "people.csv"
    people.write_bytes(b"".join(many(4000)))
    command = "manage.py", "import_users", str(people)
    events = AuditEvent.objects.filter(kind="imported")
    for there in (0, 1000):
        run_and_kill(*command, once=User.objects.order_by("pk")[there:].exists)
        assert there < User.objects.count() < 4000
        assert not User.objects.exclude(pk__in=events.values("user")).exists()
    imported, updated, unchanged, refused = map(int, re.findall(r"\d+", run_elsewhere(*command)))
    assert (imported + unchanged, updated, refused, unchanged % user_import.BATCH_SIZE) == (
        4000,
        0,
        0,
        0,
    )
    assert (
        User.objects.count() == events.count() == events.values("user").distinct().count() == 4000
    )
