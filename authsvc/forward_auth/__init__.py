"""Forward authentication, for proxies that ask before each request to a program behind them."""

NAME = "forward"  # in place of a contract's, in logs and in the audit log
