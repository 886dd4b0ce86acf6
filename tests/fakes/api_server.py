"""A Kubernetes API server in memory, over real HTTP.

Discovery, list, watch, get, create, replace, delete, merge patch, server-side apply, the status
subresource, resource versions and UIDs: what kopf and the operator's client use. Server-side apply
is reduced to what is sent: it merges maps and replaces lists, and a conflict is a foreign owner of
the object, not of a field.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from fakes.api_discovery import KNOWN, discovery, find, merged, status

from frazil_operator.resources import Resource

Body = dict[str, Any]
Address = tuple[str, str, str]  # plural, namespace, name


@dataclass
class ApiServer:
    """``objects`` is all there is; ``requests`` is the audit log: (method, kind, name, code).

    ``refusals`` are the codes that the next requests of a (method, kind) are answered with,
    with these ``details``.
    """

    objects: dict[Address, Body] = field(default_factory=dict)
    requests: list[tuple[str, str, str, int]] = field(default_factory=list)
    history: list[tuple[str, Body]] = field(default_factory=list)
    changed: asyncio.Event = field(
        default_factory=asyncio.Event
    )  # a new one after each request or change
    versions: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    refusals: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    details: Body = field(default_factory=dict)
    port: int = 0

    def writes(self) -> list[tuple[str, str, str, int]]:
        """What was written, the Lease left out."""
        return [r for r in self.requests if r[0] != "GET" and r[1] != "Lease"]

    def get(self, resource: Resource, namespace: str, name: str) -> Body | None:
        """The live object."""
        return self.objects.get((resource.plural, namespace, name))

    async def until(self, wanted: Any, seconds: float = 10) -> Any:
        """Wait for ``wanted()`` to be true after some request or change; returns it."""
        async with asyncio.timeout(seconds):
            while not (found := wanted()):
                await self.changed.wait()
            return found

    async def put(self, body: Body, kind: str = "MODIFIED") -> Body:
        """Store an object as it is, with a new version, and tell the watchers."""
        resource = next(r for r in KNOWN if r.kind == body["kind"])
        body = copy.deepcopy(body)
        metadata = body["metadata"]
        address = (resource.plural, metadata.get("namespace", ""), metadata["name"])
        version = str(next(self.versions))
        metadata.setdefault("uid", f"uid-{version}")
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        metadata.setdefault("generation", 1)
        metadata["resourceVersion"] = version
        if kind == "DELETED":
            del self.objects[address]
        else:
            kind = "MODIFIED" if address in self.objects else "ADDED"
            self.objects[address] = body
        self.history.append((kind, body))
        self._wake()
        return body

    async def remove(self, resource: Resource, namespace: str, name: str) -> None:
        """Delete an object behind the operator's back."""
        await self.put(self.objects[resource.plural, namespace, name], "DELETED")

    def _wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads here."""
        cluster = {"server": f"http://127.0.0.1:{self.port}"}
        document = {
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "fake", "user": {"token": "none"}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "current-context": "fake",
        }
        path.write_text(yaml.safe_dump(document))
        return path

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        parts = request.path.strip("/").split("/")
        found = find(parts)
        if found is None:
            return web.json_response(discovery(parts))
        resource, namespace, name, subresource = found
        if pending := self.refusals.get((request.method, resource.kind)):
            code, answer = status(pending.pop(0), "refused by the test")
            return web.json_response(answer | {"details": self.details}, status=code)
        if request.method == "GET" and not name and request.query.get("watch"):
            return await self._watch(request, resource, namespace)
        if request.method == "GET" and not name:
            selector = request.query.get("labelSelector", "")
            code, answer = 200, self._list(resource, namespace, selector)
        else:
            body = json.loads(await request.read() or "{}")
            live = self.get(resource, namespace, name)
            code, answer = await self._one(request, live, body, subresource)
        self.requests.append((request.method, resource.kind, name or "*", code))
        self._wake()
        return web.json_response(answer, status=code)

    async def _one(
        self, request: web.Request, live: Body | None, body: Body, subresource: str
    ) -> tuple[int, Body]:
        """What concerns one object."""
        if request.method == "POST":
            return await self._create(body)
        if "apply-patch" in request.content_type:
            return await self._apply(live, body, request.query.get("force") == "true")
        if live is None:
            return status(404, "not found")
        if request.method == "DELETE":
            return await self._delete(live, body.get("preconditions", {}).get("uid"))
        return await self._modify(request.method, live, body, subresource)

    async def _modify(
        self, method: str, live: Body, body: Body, subresource: str
    ) -> tuple[int, Body]:
        if method == "GET":
            return 200, live
        version = body.get("metadata", {}).get("resourceVersion")
        if version not in (None, live["metadata"]["resourceVersion"]):
            return status(409, "the object has been modified")
        if method == "PUT":
            return 200, await self.put(body)
        return 200, await self.put(merged(live, {subresource: body[subresource]}))

    async def _create(self, body: Body) -> tuple[int, Body]:
        metadata = body["metadata"]
        metadata.setdefault("name", f"{metadata.get('generateName', '')}{next(self.versions)}")
        resource = next(r for r in KNOWN if r.kind == body["kind"])
        if self.get(resource, metadata["namespace"], metadata["name"]):
            return status(409, "already exists")
        return 201, await self.put(body)

    async def _delete(self, live: Body, uid: str | None) -> tuple[int, Body]:
        if uid not in (None, live["metadata"]["uid"]):
            return status(409, "the UID in the precondition does not match")
        return 200, await self.put(live, "DELETED")

    async def _apply(self, live: Body | None, body: Body, force: bool) -> tuple[int, Body]:
        uid = body["metadata"].get("uid")
        if uid is not None and uid != (live or {}).get("metadata", {}).get("uid"):
            return status(409, "the UID in the precondition does not match")
        if live is None:
            return 201, await self.put(body)
        if not force:
            return status(409, "conflict with another manager")
        after = merged(live, body)
        if after == live:
            return 200, live
        if after.get("spec") != live.get("spec"):
            after["metadata"]["generation"] += 1
        return 200, await self.put(after)

    def _list(self, resource: Resource, namespace: str, selector: str) -> Body:
        items = [b for b in self.objects.values() if _selected(b, resource, namespace, selector)]
        version = str(next(self.versions))
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": version},
            "items": [
                {k: v for k, v in b.items() if k not in ("kind", "apiVersion")} for b in items
            ],
        }

    async def _watch(
        self, request: web.Request, resource: Resource, namespace: str
    ) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        self.requests.append(("GET", resource.kind, "watch", 200))
        since, seen = int(request.query.get("resourceVersion") or 0), 0
        while True:
            while len(self.history) == seen:
                await self.changed.wait()
            fresh, seen = self.history[seen:], len(self.history)
            for kind, body in fresh:
                if int(body["metadata"]["resourceVersion"]) <= since:
                    continue
                if _selected(body, resource, namespace, request.query.get("labelSelector", "")):
                    line = json.dumps({"type": kind, "object": body})
                    await response.write(line.encode() + b"\n")


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    """Serve on a free port of the loopback interface."""
    server = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


def _selected(body: Body, resource: Resource, namespace: str, selector: str) -> bool:
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    name, _, value = selector.partition("=")
    return (
        body["kind"] == resource.kind
        and namespace in ("", metadata.get("namespace"))
        and (not selector or (labels.get(name) == value if value else name in labels))
    )
