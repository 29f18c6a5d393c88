"""Sessions for status lists, of which one in a hundred has ended."""

import psycopg

# Parameters: ``first``, the lowest number, and ``end``, the one after the highest.
ROWS = """
INSERT INTO accounts_session (id, user_id, contract, created_at, last_used_at, expires_at, address,
    user_agent, refresh_jti, previous_jti, revoked_why, status_index, revoked_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, (SELECT min(id) FROM accounts_user), 'bearer', at, at,
    at + interval '30 days', '10.0.0.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0',
    md5(n::text), '', '', n, CASE WHEN n %% 100 = 7 THEN at END
FROM (
    SELECT n, now() - interval '1 hour' + (n - %(end)s) * interval '1 second' / 50 AS at
    FROM generate_series(%(first)s::bigint, %(end)s - 1) n
) numbers
"""


LIST = 262_144  # sessions of one list


def insert_list(address: str, number: int) -> None:
    """Add the sessions of a whole list, once."""
    first = (number - 1) * LIST
    with psycopg.connect(address) as connection:
        known = connection.execute(
            "SELECT 1 FROM accounts_session WHERE status_index = %s", [first]
        ).fetchone()
    if not known:
        insert(address, first, LIST)


def insert(address: str, first: int, count: int) -> None:
    """Add ``count`` sessions, the first of which has this number."""
    with psycopg.connect(address) as connection:
        if count > LIST:  # checks no foreign keys, which takes a superuser
            connection.execute("SET session_replication_role = replica")
        connection.execute(ROWS, {"first": first, "end": first + count})
