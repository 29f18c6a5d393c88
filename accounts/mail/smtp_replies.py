"""Replies of a mail server: their text, and whether another try can help."""

import smtplib

# Codes that refuse the client and not the mail: shutting down, commands out of order, and
# (RFC 4954, RFC 3207) no login or no TLS.
ABOUT_THE_CLIENT = {421, 503, 523, 524, 525, 530, 534, 535, 538}
ABOUT_THE_MAIL = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)


def is_permanent(error: OSError) -> bool:
    """Return whether the server refused sender, recipient or message for good, with 5xx.

    A server that is away, or that refuses this service, does not refuse the mail: an operator can
    mend that.
    """
    codes = [code for code, _ in _replies(error)] if isinstance(error, ABOUT_THE_MAIL) else []
    return bool(codes) and all(500 <= code < 600 and code not in ABOUT_THE_CLIENT for code in codes)


def text(error: OSError) -> str:
    """Return the server's reply, as in ``550 5.1.1 No such user``, or the connection's error.

    The reply may quote the mail.
    """
    if replies := _replies(error):
        joined = "; ".join(dict.fromkeys(f"{code} {_text(reply)}" for code, reply in replies))
        return (
            f"login refused: {joined}"
            if isinstance(error, smtplib.SMTPAuthenticationError)
            else joined
        )
    if isinstance(error, smtplib.SMTPException):
        return str(error)
    return f"no connection: {error.strerror or error}"


def _replies(error: OSError) -> list[tuple[int, bytes | str]]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return list(error.recipients.values())
    return (
        [(error.smtp_code, error.smtp_error)]
        if isinstance(error, smtplib.SMTPResponseException)
        else []
    )


def _text(reply: bytes | str) -> str:
    """Return the lines of a reply as one, decoded as UTF-8 with replacements."""
    return " ".join((reply.decode(errors="replace") if isinstance(reply, bytes) else reply).split())
