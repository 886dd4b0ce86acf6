"""The API server, spoken to. The only module that imports the Kubernetes client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.dynamic import DynamicClient

from frazil_operator import names
from frazil_operator.observed import Object, Ref
from frazil_operator.resources import LEASES, MODELS, Resource, resource_of

REQUEST_SECONDS: Final = 30.0
PAGE: Final = 500
# A watch brings a bookmark every minute: one that is silent for longer is dead.
SILENCE_SECONDS: Final = 90.0
_APPLY: Final = "application/apply-patch+yaml"
_MERGE: Final = "application/merge-patch+json"

AfterWrite = Callable[[str, str], None]  # kind, verb


class ApiError(Exception):
    """The API server refused a request; ``status`` is the HTTP status, or that of a watch."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class NamespaceEndsError(ApiError):
    """The namespace is being deleted, or is gone: nothing can be made in it any more."""


class TakenError(ApiError):
    """What was to be written is somebody else's: no other try would change that."""


class Cluster:
    """One API server. Bodies are JSON objects as it sends them."""

    def __init__(self, api: ApiClient, after_write: AfterWrite) -> None:
        self._client = DynamicClient(api)
        self._after_write = after_write

    async def list(
        self, resource: Resource, namespace: str = "", selector: str = ""
    ) -> tuple[list[Object], str]:
        """All objects of a kind that a label selector matches, and the list's version."""
        items: list[Object] = []
        query: dict[str, str] = {"limit": str(PAGE), "labelSelector": selector}
        while True:
            page = await self._request("GET", resource.path(namespace), query=query)
            items += ({**_type_of(resource), **item} for item in page.get("items") or ())
            if not page["metadata"].get("continue"):
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = page["metadata"]["continue"]

    async def watch(
        self, resource: Resource, selector: str, version: str, seconds: float
    ) -> AsyncIterator[tuple[str, Object]]:
        """What happens after ``version``, as (ADDED | MODIFIED | DELETED, object).

        Ends after ``seconds``; raises ApiError(410) where the version is too old, TimeoutError
        where the connection died.
        """
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "timeoutSeconds": str(int(seconds)),
            "allowWatchBookmarks": "true",
        }
        limits = aiohttp.ClientTimeout(connect=REQUEST_SECONDS, sock_read=SILENCE_SECONDS)
        response = await self._send("GET", resource.path(), query=query, limits=limits)
        async with response:
            async for line in _lines(response.content):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(event["object"]["code"], event["object"]["message"])
                if event["type"] != "BOOKMARK":
                    yield event["type"], event["object"]

    async def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object, None where there is none."""
        try:
            return await self._request("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def apply(self, body: Object, *, force: bool) -> Object:
        """Server-side apply; without ``force`` a field that another manager holds is a 409."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        query = {"fieldManager": names.FIELD_MANAGER, "force": str(force).lower()}
        path = resource_of(body).path(namespace, name)
        live = await self._request("PATCH", path, body=body, query=query, content_type=_APPLY)
        self._after_write(body["kind"], "apply")
        return live

    async def delete(self, ref: Ref) -> None:
        """Delete exactly this object; that it is gone already is as well."""
        body: dict[str, Any] = {"propagationPolicy": "Background"}
        if ref.uid:
            body["preconditions"] = {"uid": ref.uid}
        resource = resource_of({"kind": ref.kind})
        try:
            await self._request("DELETE", resource.path(ref.namespace, ref.name), body=body)
        except ApiError as error:
            if error.status not in (404, 409):  # 409: another object bears the name by now
                raise
        else:
            self._after_write(ref.kind, "delete")

    async def patch_status(self, model: Object, patch: Object) -> Object:
        """Merge a patch into a model's status; 409 where the model has changed meanwhile."""
        metadata = model["metadata"]
        body = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "status": patch}
        path = MODELS.path(metadata["namespace"], metadata["name"], "status")
        query = {"fieldManager": names.FIELD_MANAGER}
        live = await self._request("PATCH", path, body=body, query=query, content_type=_MERGE)
        self._after_write(MODELS.kind, "status")
        return live

    async def create(self, resource: Resource, body: Object) -> Object:
        """Make a new object; 409 where the name is taken."""
        live = await self._request("POST", resource.path(body["metadata"]["namespace"]), body=body)
        if resource is not LEASES:
            self._after_write(resource.kind, "create")
        return live

    async def replace(self, resource: Resource, body: Object) -> Object:
        """Write the whole object; 409 where it is no longer the version that ``body`` names."""
        metadata = body["metadata"]
        path = resource.path(metadata["namespace"], metadata["name"])
        live = await self._request("PUT", path, body=body)
        if resource is not LEASES:
            self._after_write(resource.kind, "replace")
        return live

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Object | None = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        limits = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        response = await self._send(
            method, path, body=body, query=query, content_type=content_type, limits=limits
        )
        answer: Object = await response.json()
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        *,
        limits: aiohttp.ClientTimeout,
        body: Object | None = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:
        try:
            response: aiohttp.ClientResponse = await self._client.request(
                method,
                path,
                body=body,
                query_params=[item for item in (query or {}).items() if item[1]],
                content_type=content_type,
                serialize=False,
                _request_timeout=limits,
            )
        except ApiException as error:
            raise _explained(error) from None
        return response


@asynccontextmanager
async def connect(
    after_write: AfterWrite, kubeconfig: Path | None = None
) -> AsyncIterator[Cluster]:
    """The cluster of the kubeconfig, or without one the cluster this pod runs in."""
    configuration = Configuration()
    if kubeconfig is None:
        config.load_incluster_config(configuration)
    else:
        await config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    async with ApiClient(configuration) as api:
        yield Cluster(api, after_write)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length."""
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line


def _type_of(resource: Resource) -> Object:
    """What the API server leaves out of a list's items."""
    return {"apiVersion": resource.api_version, "kind": resource.kind}


def _explained(error: ApiException) -> ApiError:
    """What the API server says in the Status it answers with, else the HTTP reason."""
    try:
        status = json.loads(error.body or "")
        message, details = str(status["message"]), status.get("details") or {}
    except (ValueError, TypeError, KeyError):
        return ApiError(error.status, str(error.reason))
    causes = {cause.get("reason") for cause in details.get("causes") or ()}
    if "NamespaceTerminating" in causes or details.get("kind") == "namespaces":
        return NamespaceEndsError(error.status, message)
    return ApiError(error.status, message)
