"""The accounts of the embedded store, on the real S3 server."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, cast

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from fakes.s3 import KEY as ROOT
from fakes.s3 import SECRET, Server, server

from frazil_operator import names
from frazil_operator.accounts import StoreAccounts
from frazil_operator.cluster import ApiError, Cluster, TakenError
from frazil_operator.gateway import Account, Gateway, GatewayError
from frazil_operator.observed import Object

pytestmark = pytest.mark.integration


class Secrets:
    """All that is used of the cluster: it keeps what is applied, and what others hold."""

    def __init__(self) -> None:
        self.applied: dict[tuple[str, str], dict[str, str]] = {}
        self.taken: set[tuple[str, str]] = set()

    async def apply(self, body: Object, *, force: bool) -> Object:
        if (body["metadata"]["namespace"], body["metadata"]["name"]) in self.taken and not force:
            raise ApiError(409, 'conflict with "platform" using v1: .data.FRAZIL_STORE_URL')
        values = {name: b64decode(value).decode() for name, value in body["data"].items()}
        self.applied[body["metadata"]["namespace"], body["metadata"]["name"]] = values
        return body

    def client(self, namespace: str, name: str) -> Any:
        """S3 as a pod that has this Secret speaks it."""
        said = self.applied[namespace, name]
        return botocore.session.get_session().create_client(
            "s3",
            region_name=said["FRAZIL_STORE_REGION"],
            endpoint_url=said["FRAZIL_STORE_ENDPOINT"],
            aws_access_key_id=said["FRAZIL_STORE_ACCESS_KEY_ID"],
            aws_secret_access_key=said["FRAZIL_STORE_SECRET_ACCESS_KEY"],
            config=Config(s3={"addressing_style": "path"}),
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, iam = tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("iam")
    with server(folder, "--iam-dir", str(iam)) as running:
        yield running


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


def accounts(secrets: Secrets, store: Server, root_key: str = "root key") -> StoreAccounts:
    gateway = Gateway(store.endpoint, Account(ROOT, SECRET))
    cluster = cast("Cluster", secrets)
    return StoreAccounts(cluster, gateway, root_key, store.endpoint)


def refused(call: Callable[..., object], **arguments: Any) -> str:
    with pytest.raises(ClientError) as failure:
        call(**arguments)
    return str(failure.value.response["Error"]["Code"])


async def test_the_writer_publishes_and_the_reader_reads(secrets: Secrets, store: Server) -> None:
    await accounts(secrets, store)("vision")
    with (
        closing(secrets.client("vision", names.STORE_WRITE)) as writer,
        closing(secrets.client("vision", names.STORE_READ)) as reader,
    ):
        writer.put_object(Bucket="frazil-vision", Key="a/manifest.json", Body=b"{}")
        assert writer.get_object(Bucket="frazil-vision", Key="a/manifest.json")["Body"].read()
        assert reader.get_object(Bucket="frazil-vision", Key="a/manifest.json")["Body"].read()
        assert reader.list_objects_v2(Bucket="frazil-vision")["KeyCount"] == 1


async def test_the_reader_cannot_write_and_nobody_can_delete(
    secrets: Secrets, store: Server
) -> None:
    await accounts(secrets, store)("closed")
    place = {"Bucket": "frazil-closed", "Key": "a"}
    with (
        closing(secrets.client("closed", names.STORE_WRITE)) as writer,
        closing(secrets.client("closed", names.STORE_READ)) as reader,
    ):
        writer.put_object(**place, Body=b"kept")
        assert refused(reader.put_object, **place, Body=b"other") == "AccessDenied"
        for client in (reader, writer):
            assert refused(client.delete_object, **place) == "AccessDenied"
            assert refused(client.delete_bucket, Bucket="frazil-closed") == "AccessDenied"


async def test_one_namespace_cannot_see_another(secrets: Secrets, store: Server) -> None:
    both = accounts(secrets, store)
    await both("mine")
    await both("yours")
    with closing(secrets.client("mine", names.STORE_WRITE)) as mine:
        assert refused(mine.list_objects_v2, Bucket="frazil-yours") == "AccessDenied"


async def test_doing_it_again_changes_nothing(secrets: Secrets, store: Server) -> None:
    await accounts(secrets, store)("again")
    before = dict(secrets.applied)
    await accounts(secrets, store)("again")
    assert secrets.applied == before


async def test_another_root_key_replaces_the_secrets(secrets: Secrets, store: Server) -> None:
    await accounts(secrets, store)("rotated")
    with closing(secrets.client("rotated", names.STORE_READ)) as before:
        await accounts(secrets, store, "another root key")("rotated")
        assert refused(before.list_objects_v2, Bucket="frazil-rotated") == "SignatureDoesNotMatch"
    with closing(secrets.client("rotated", names.STORE_READ)) as after:
        after.list_objects_v2(Bucket="frazil-rotated")


async def test_a_secret_of_the_platform_team_is_left_as_it_is(
    secrets: Secrets, store: Server
) -> None:
    secrets.taken = {("theirs", names.STORE_WRITE)}
    with pytest.raises(TakenError, match=r"frazil-store-write in theirs .*delete it.*store\.url"):
        await accounts(secrets, store)("theirs")
    assert ("theirs", names.STORE_WRITE) not in secrets.applied


async def test_a_wrong_root_account_is_named_as_such(secrets: Secrets, store: Server) -> None:
    gateway = Gateway(store.endpoint, Account("somebody", "else"))
    with pytest.raises(GatewayError, match=r"refused PATCH /create-user: 403 InvalidAccessKeyId"):
        await gateway.ensure_account(Account("new", "secret"))


async def test_a_store_that_is_down_is_named_as_such() -> None:
    gateway = Gateway("http://127.0.0.1:1", Account("root", "secret"))
    with pytest.raises(GatewayError, match="does not answer PUT /bucket"):
        await gateway.ensure_bucket("bucket")
