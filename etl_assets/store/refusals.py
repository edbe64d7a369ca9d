"""What an object store means by refusing, and what to do about it.

The libraries of S3 say it by codes, or by errors of their own where no answer came; what other
stores say is shown as it is.
"""

import re
from collections.abc import Iterator

from etl_assets.errors import StoreError

_BUCKET = "make the bucket, or fix `output.directory`"
_PERMITS = (
    "let these credentials s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, "
    "s3:DeleteObject and s3:AbortMultipartUpload below it"
)
_UNKNOWN = (
    "the store does not take these credentials: see to AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY "
    "and AWS_SESSION_TOKEN, or to the profile"
)
_EXPIRED = "get new credentials, and export with --resume"
_REGION = "the bucket is elsewhere: set AWS_DEFAULT_REGION to its region, or AWS_ENDPOINT_URL"
_NONE = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"
)
_AWAY = "see that AWS_ENDPOINT_URL is right and can be reached from here, and export with --resume"
_BUSY = "export with --resume when the store has less to do"
_ROOM = "make room in the store, and export with --resume"
_CLOCK = "set this machine's clock, and export with --resume"
_OTHER = (
    "see to the bucket, the address, the credentials and what they permit; the object before it "
    "stays"
)

_NEXT_STEPS = {
    # Answers; to a HEAD request they have no code but HTTP's.
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), _BUCKET),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "Forbidden", "403"), _PERMITS),
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"), _UNKNOWN),
    **dict.fromkeys(("InvalidClientTokenId", "UnrecognizedClientException"), _UNKNOWN),
    **dict.fromkeys(("ExpiredToken", "TokenRefreshRequired"), _EXPIRED),
    **dict.fromkeys(("PermanentRedirect", "TemporaryRedirect", "301", "307"), _REGION),
    **dict.fromkeys(("AuthorizationHeaderMalformed", "IllegalLocationConstraint"), _REGION),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "503"), _BUSY),
    **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "507"), _ROOM),
    "RequestTimeTooSkewed": _CLOCK,
    # Errors of the library itself.
    **dict.fromkeys(("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"), _NONE),
    "CredentialRetrievalError": _NONE,
    **dict.fromkeys(("NoRegionError", "InvalidRegionError"), _REGION),
    **dict.fromkeys(("EndpointConnectionError", "ConnectTimeoutError", "SSLError"), _AWAY),
    **dict.fromkeys(("ConnectionClosedError", "ReadTimeoutError", "ProxyConnectionError"), _AWAY),
    **dict.fromkeys(("ConnectionError", "HTTPClientError"), _AWAY),
}


def refusal(location: str, error: BaseException) -> StoreError:
    """A store's error with the location, what the store said and what to do next."""
    codes = list(_codes(error))
    next_step = next((_NEXT_STEPS[code] for code in codes if code in _NEXT_STEPS), _OTHER)
    said = str(error) or type(error).__name__
    if codes and codes[0] not in said:
        said = f"{said} ({codes[0]})"
    # An address may hold a password.
    said = re.sub(r"//[^/@\s]*@", "//", said)
    return StoreError(f"{location}: {said}", next_step=next_step)


def is_refusal(error: BaseException) -> bool:
    """Whether an error of the operating system's kind is a store's in truth."""
    return any(True for _ in _codes(error))


def _codes(error: BaseException | None) -> Iterator[str]:
    """The store's codes and the library's errors that an error comes from, the outermost first."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            yield str(response.get("Error", {}).get("Code", ""))
        elif type(error).__module__.startswith(("botocore", "aiobotocore")):
            yield type(error).__name__
        error = error.__cause__
