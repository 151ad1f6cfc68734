"""Text without the secrets that URLs may hold: passwords, signatures, tokens and keys."""

from __future__ import annotations

import re

__all__ = ["masked"]

# A password as URLs hold it, with one slash or two before its user, up to the last "@" of the word: keys of
# S3 have slashes themselves. Digits before a slash are a port.
_PASSWORD = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+:/{1,2}[^/@:?#\s'\"]*:)(?!\d+(?:/|$))[^\s'\"]+@")
# where the host of a URL is a bucket, which has no port
_OF_BUCKET = re.compile(r"((?:s3a?|gs|gcs|az|abfss?|adl|oss|r2)://[^/@:?#\s'\"]*:)[^\s'\"]+@")
# what a URL is signed with, or opens with: X-Amz-Signature, X-Goog-Credential, sig, AWSAccessKeyId, upload_id
_WORDS = "signature|token|secret|passw|pwd|credential|authorization|(?:api|access|account)[_-]?key"
_PARAMETER = re.compile(
    rf"([?&;#](?:sig|sas|auth|key|upload_?id|[\w.%-]*(?:{_WORDS})[\w.%-]*)=)[^&;#\s'\"]*", re.IGNORECASE
)


def masked(text: str) -> str:
    """Return a text in which the secrets of URLs are three asterisks.

    Examples
    --------
    >>> masked("s3://key:hidden@bucket/model")
    's3://key:***@bucket/model'
    >>> masked("https://host/model?versionId=3&X-Amz-Signature=0123")
    'https://host/model?versionId=3&X-Amz-Signature=***'
    """
    for pattern in (_OF_BUCKET, _PASSWORD):
        text = pattern.sub(r"\1***@", text)
    return _PARAMETER.sub(r"\1***", text)
