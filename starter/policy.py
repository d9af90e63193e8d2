"""What a page of ours may load: from us, and nothing that stands in the page itself."""

from __future__ import annotations


def csp(*images: str) -> str:
    """The policy of a page; `images` are origins beside our own from which pictures may come."""
    pictures = " ".join(("'self'", "data:", *images))
    return (
        f"default-src 'none'; img-src {pictures}; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )


CSP = csp()
