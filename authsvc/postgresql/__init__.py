"""How the service is connected to PostgreSQL: libpq's parameters (PostgreSQL documentation, 32.1.2), and psycopg's."""

CONNECTION = {
    # Statements are prepared on the server: a request's one query is not parsed and planned anew each time.
    "server_side_binding": True,
    "prepare_threshold": 3,
    "connect_timeout": 3,
    # A server that vanishes without a word, as with its network, is given up after ten seconds, or twenty if it was at work on a
    # statement: the kernel would wait for a quarter of an hour, or hours.
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "options": "-c lock_timeout=5s -c idle_in_transaction_session_timeout=30s",
}
