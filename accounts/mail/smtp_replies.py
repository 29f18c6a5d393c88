"""Replies of a mail server: their words as text, and whether trying again can help."""

import smtplib

# Codes that refuse the client, not the mail: shutting down, commands out of order, and, by RFC 4954 and 3207, no login or no TLS.
ABOUT_THE_CLIENT = {421, 503, 523, 524, 525, 530, 534, 535, 538}
ABOUT_THE_MAIL = (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)


def refused_for_good(error: OSError) -> bool:
    """Return whether the server refused this sender, recipient or message with 5xx, and will refuse it again.

    A server that is away, or that refuses to let this service in, says nothing of the mail: an operator can mend that.
    """
    codes = [code for code, _ in _replies(error)] if isinstance(error, ABOUT_THE_MAIL) else []
    return bool(codes) and all(500 <= code < 600 and code not in ABOUT_THE_CLIENT for code in codes)


def words(error: OSError) -> str:
    """Return the server's reply, as in ``550 5.1.1 No such user``, or the fault of the connection.

    It may quote the mail.
    """
    if replies := _replies(error):
        said = "; ".join(dict.fromkeys(f"{code} {_text(reply)}" for code, reply in replies))
        return (
            f"login refused: {said}" if isinstance(error, smtplib.SMTPAuthenticationError) else said
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
    """Its lines as one, in whatever encoding the server wrote them."""
    return " ".join((reply.decode(errors="replace") if isinstance(reply, bytes) else reply).split())
