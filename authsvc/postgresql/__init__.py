"""Parameters of connections to PostgreSQL: libpq's (PostgreSQL manual, 32.1.2) and psycopg's."""

CONNECTION = {
    # Statements are prepared on the server, which then parses and plans them once.
    "server_side_binding": True,
    "prepare_threshold": 3,
    "connect_timeout": 3,
    # The connection to a server that vanishes ends after ten seconds, or twenty during a statement;
    # the kernel would wait for a quarter of an hour, or hours.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "options": "-c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
}
