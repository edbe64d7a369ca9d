"""What an object store refuses is told with what to do about it, and without secrets."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from s3fs.errors import translate_boto_error

from etl_assets.store.refusals import is_refusal, refusal


@pytest.mark.parametrize(
    ("status", "code", "next_step"),
    [
        (404, "NoSuchBucket", "make the bucket"),
        (403, "AccessDenied", "s3:PutObject"),
        (403, "403", "s3:PutObject"),
        (403, "InvalidAccessKeyId", "does not take these credentials"),
        (403, "SignatureDoesNotMatch", "does not take these credentials"),
        (400, "ExpiredToken", "get new credentials"),
        (301, "PermanentRedirect", "set AWS_DEFAULT_REGION"),
        (400, "AuthorizationHeaderMalformed", "set AWS_DEFAULT_REGION"),
        (400, "SomethingNew", "see to the bucket"),
    ],
)
def test_each_refusal_has_its_own_next_step(status: int, code: str, next_step: str) -> None:
    answer = {
        "Error": {"Code": code, "Message": "It refuses."},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    error = translate_boto_error(ClientError(answer, "PutObject"))
    assert is_refusal(error)
    told = str(refusal("s3://exports/a.csv", error))
    assert told.startswith("s3://exports/a.csv: ")
    assert code in told
    assert next_step in told
    assert "space" not in told


def test_a_store_that_is_away_is_an_address_to_see_to() -> None:
    error = EndpointConnectionError(endpoint_url="http://me:s3cret@127.0.0.1:1/exports")
    told = str(refusal("s3://exports/a.csv", error))
    assert "see that AWS_ENDPOINT_URL is right" in told
    assert "s3cret" not in told


def test_credentials_that_are_not_there_are_asked_for() -> None:
    told = str(refusal("s3://exports/a.csv", NoCredentialsError()))
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or" in told


def test_an_error_of_the_machine_is_no_refusal_of_a_store() -> None:
    assert not is_refusal(OSError(28, "No space left on device"))
