"""The header with which a server says when to ask again."""

import email.utils
from collections.abc import Mapping


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Return the seconds that Retry-After names, as a number or as a date; None for neither.

    Args:
        headers: of a response; names without regard to case, or in small letters.
        now: seconds since the epoch.

    Example:
        >>> retry_after({"retry-after": "1.5"}, now=0.0)
        1.5
        >>> retry_after({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, now=10.0)
        50.0
        >>> retry_after({"retry-after-ms": "250"}, now=0.0)
        0.25
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(0.0, email.utils.mktime_tz(date) - now) if date else None
