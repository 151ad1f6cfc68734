"""Who may ask: only this machine's own browser, at an address that pyinit printed."""

from __future__ import annotations

import hmac
import re
import secrets

__all__ = ["POLICY", "is_own_host", "is_own_origin", "is_token", "new_token"]

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may load: nothing that is not the server's own."""

_OWN = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def new_token() -> str:
    """Return a token of 128 random bits, for one launch."""
    return secrets.token_urlsafe(16)


def is_token(given: str, token: str) -> bool:
    """Tell whether a token is the one of this launch, in a time that tells nothing of it."""
    return hmac.compare_digest(given.encode(), token.encode())


def is_own_host(host: str) -> bool:
    """Tell whether a request's Host is this machine by a name that nobody else can give.

    A page elsewhere may have its own name lead here (DNS rebinding); its requests carry that name.

    Examples
    --------
    >>> is_own_host("127.0.0.1:8710"), is_own_host("localhost"), is_own_host("lab.example:8710")
    (True, True, False)
    """
    return _OWN.fullmatch(host) is not None


def is_own_origin(origin: str, host: str) -> bool:
    """Tell whether a request comes from the page that this server sent.

    Examples
    --------
    >>> is_own_origin("http://127.0.0.1:8710", "127.0.0.1:8710"), is_own_origin("null", "127.0.0.1:8710")
    (True, False)
    """
    return is_own_host(host) and origin.lower() == f"http://{host.lower()}"
