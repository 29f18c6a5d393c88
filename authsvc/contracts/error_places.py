"""Description of an exception in one line, for sentences that stop the start."""

import traceback


def describe(error: BaseException, filename: str = "", line: int = 0) -> str:
    """Return the class, text and place of ``error``.

    The place is the last line of ``filename`` that was running, else ``line`` of it. Without a
    ``filename`` it is the module whose import failed; one that is not there has no place.
    """
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split()).rstrip(".")
    place = _place(error, filename, line)
    return f"{type(error).__name__}: {text}{place and f' ({place})'}"


def _place(error: BaseException, filename: str, line: int) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    modules = [frame.filename for frame in frames if frame.name == "<module>"]
    filename = filename or (modules[-1] if modules else "")
    lines = [frame.lineno or 0 for frame in frames if frame.filename == filename]
    return f"{filename}, line {lines[-1] if lines else line}" if filename else ""
