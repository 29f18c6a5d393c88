"""The limit of open files of a process (RLIMIT_NOFILE), which limits its connections."""

import resource

RESERVED_FILES = 128  # descriptors for databases, Redis, logs and static files


def connections_allowed(wanted: int) -> int:
    """Raise this process's limit; return how many of ``wanted`` connections it may hold."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + RESERVED_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - RESERVED_FILES, allowed // 2)
