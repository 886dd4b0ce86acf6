from __future__ import annotations

import pytest
from obstore import exceptions

from frazil_runtime.transfer import Failure, TruncatedError, explain, failure, is_plain, size

_S3 = "Generic S3 error: Error performing GET http://s3/b?list-type=2&prefix=m%2F in 1ms - "
_BODY = '<?xml version="1.0"?><Error><Code>X</Code><Message>Not yours.</Message></Error>'


def _status(line: str) -> exceptions.BaseError:
    return exceptions.GenericError(f"{_S3}Server returned non-2xx status code: {line}: {_BODY}")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(FileNotFoundError("no object"), Failure.NOT_FOUND, id="no such object"),
        pytest.param(_status("404 Not Found"), Failure.NOT_FOUND, id="a listing of no bucket"),
        pytest.param(
            exceptions.PermissionDeniedError("m"), Failure.FORBIDDEN, id="an object not ours"
        ),
        pytest.param(exceptions.UnauthenticatedError("m"), Failure.FORBIDDEN, id="no credentials"),
        pytest.param(
            exceptions.GenericError("Error performing PUT http://169.254.169.254/latest/api/token"),
            Failure.FORBIDDEN,
            id="no credentials, and a machine without an identity",
        ),
        pytest.param(_status("403 Forbidden"), Failure.FORBIDDEN, id="a listing not allowed"),
        pytest.param(
            exceptions.GenericError("Unable to open file: Permission denied (os error 13)"),
            Failure.FORBIDDEN,
            id="a local file that is not readable",
        ),
        pytest.param(
            _status("301 Moved Permanently"), Failure.REFUSED, id="a bucket of another region"
        ),
        pytest.param(
            exceptions.GenericError("Header: Content-Length Header missing from response"),
            Failure.UNREADABLE,
            id="a server that does not say how long a file is",
        ),
        pytest.param(
            exceptions.InvalidPathError("non-unicode characters"),
            Failure.UNREADABLE,
            id="a name that is not UTF-8",
        ),
        pytest.param(_status("400 Bad Request"), Failure.REFUSED, id="a malformed request"),
        pytest.param(_status("429 Too Many Requests"), Failure.UNAVAILABLE, id="throttled"),
        pytest.param(_status("503 Slow Down"), Failure.UNAVAILABLE, id="overloaded"),
        pytest.param(
            exceptions.GenericError(f"{_S3}HTTP error: error sending request"),
            Failure.UNAVAILABLE,
            id="nobody listens",
        ),
        pytest.param(
            exceptions.PreconditionError("412"), Failure.UNAVAILABLE, id="changed while read"
        ),
        pytest.param(TruncatedError("3 of 4 bytes"), Failure.UNAVAILABLE, id="a stream cut off"),
    ],
)
def test_a_failure_is_the_users_or_the_infrastructures(error: Exception, expected: Failure) -> None:
    assert failure(error) is expected


def test_the_servers_own_message_explains_best() -> None:
    assert explain(_status("403 Forbidden")) == "Not yours."


def test_of_azures_message_only_what_says_something() -> None:
    body = "<Message>It is not there.\nRequestId:1\nTime:2026-01-01T00:00:00.0Z</Message>"
    error = f"{_S3}Server returned non-2xx status code: 404 Not Found: <Error>\n  {body}</Error>"
    assert explain(exceptions.GenericError(error)) == "It is not there."


@pytest.mark.parametrize(
    ("store", "variable"),
    [
        pytest.param("S3", "AWS_SKIP_SIGNATURE", id="S3"),
        pytest.param("GCS", "GOOGLE_SKIP_SIGNATURE", id="Google's"),
        pytest.param("MicrosoftAzure", "AZURE_SKIP_SIGNATURE", id="Azure's"),
    ],
)
def test_without_credentials_it_says_how_to_read_what_is_public(store: str, variable: str) -> None:
    text = f"Generic {store} error: Error performing GET http://169.254.169.254/latest in 1ms"
    assert f"is read with {variable}=true" in explain(exceptions.GenericError(text))


def test_a_urls_query_is_never_shown() -> None:
    error = exceptions.GenericError(
        "Error performing GET https://host/m.pb?X-Amz-Signature=secret in 1ms - HTTP error\n\n"
        'Debug source:\nGeneric { uri: "https://host/m.pb?X-Amz-Signature=secret" }'
    )
    assert explain(error) == "Error performing GET https://host/m.pb in 1ms - HTTP error"


@pytest.mark.parametrize("name", ["a", "a/b.c", "variables/variables.index", "ä b", "..a", "a#1"])
def test_plain_names(name: str) -> None:
    assert is_plain(name)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "..", "../a", "a/../../b", "a//b", "a/", "./a", "a\nb", "a\0b", "..\\a"],
)
def test_names_that_could_lead_elsewhere(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0.0 kB"), (6857, "6.9 kB"), (104_857_600, "104.9 MB"), (2_000_000_000, "2.0 GB")],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert size(count) == text
