"""A form of SQL in which what Django writes in the dialects of two databases is equal."""

import re
from functools import cache

# Transactions, and what Django asks a connection about itself.
CONTROL = re.compile(
    r"(BEGIN|SAVEPOINT|RELEASE|ROLLBACK|COMMIT|SET CONSTRAINTS|PRAGMA|DECLARE|SHOW)\b"
)
DIALECTS = [
    (re.compile(pattern, re.DOTALL), form)
    for pattern, form in (
        (r'[`"]', ""),
        # django.db.models.functions: Now, TruncHour and TruncDay
        (r"STRFTIME\('[^']*', 'NOW'\)|STATEMENT_TIMESTAMP\(\)", "NOW"),
        (r"django_datetime_trunc\(%s, ([\w.]+), %s, %s\)", r"TRUNC(\1)"),
        (r"DATE_TRUNC\(%s, ([\w.]+) AT TIME ZONE %s\)", r"TRUNC(\1)"),
        (r"django_format_dtdelta\('\+', NOW, %s\)", "NOW + %s"),
        # QuerySet: select_for_update, bulk_create, lookups
        (r" FOR (NO KEY )?UPDATE( OF \w+)?( SKIP LOCKED| NOWAIT)?", ""),
        (r"^INSERT OR IGNORE (.*)$", r"INSERT \1 ON CONFLICT DO NOTHING"),
        (r"SELECT \* FROM UNNEST\(.*\)|VALUES \(.*\), \(.*\)", "VALUES rows"),
        (r" RETURNING .*$", ""),
        (r"\((CASE WHEN [^()]*(?:\([^()]*\)[^()]*)*END)\)::", r"\1::"),
        (r"::[a-z]+(\(\d+\))?(\[\])?( with time zone(\[\])?)?", ""),
        (r" ESCAPE '\\'", ""),
        (r" (REGEXP|~) ", " MATCHES "),
        # accounts.hashing.uniform_timing: strings in the order of their bytes
        (r"COLLATE (BINARY|C)\b", "COLLATE BYTES"),
        # accounts.status_lists.indices: the next number of a session
        (r"nextval\('\w+'\)|\(SELECT last \+ 1 FROM \w+\)", "NEXT"),
        (r"\((%s, )+(%s|NEXT)\)", r"(\2)"),
    )
]
# accounts.db.compiled.CompiledChange: one statement on PostgreSQL, several on SQLite
CHANGE = re.compile(
    r"WITH changed AS \((?P<change>.*?) RETURNING 1\)(?P<added>.*) SELECT \S+ FROM "
)
ADDED = re.compile(
    r"added\d+ AS \((.*?)SELECT ([^F]+) FROM changed"
    r"( ON CONFLICT.*?)?(?: RETURNING \S+)?\)(?=,|$)"
)


@cache
def portable(statement: str) -> frozenset[str]:
    """The form of a statement, or of each that it stands for on another database."""
    if CONTROL.match(statement):
        return frozenset()
    if found := CHANGE.match(statement):
        added = ADDED.findall(found["added"])
        steps = [f"{insert}VALUES ({row}){conflict}" for insert, row, conflict in added]
        return frozenset(map(in_no_dialect, [found["change"], *steps]))
    return frozenset([in_no_dialect(statement)])


def in_no_dialect(statement: str) -> str:
    for pattern, form in DIALECTS:
        statement = pattern.sub(form, statement)
    return statement.strip()
