"""Pods are sent the policy that they do not follow yet, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from fakes.toy import Toy, model

from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import Scraper, scraping
from frazil_operator.keys import policy_token
from frazil_operator.names import MODEL, SERVING
from frazil_operator.observed import Key
from frazil_operator.plan.policy import number_of, text_of
from frazil_operator.push import AGAIN, Pusher
from frazil_operator.store import Store
from frazil_runtime.contract import POLICY_PATH
from frazil_runtime.contract.load import Load

pytestmark = pytest.mark.integration

KEY, ADDRESS = Key("demo", "digits"), "127.0.0.2"


class Site:
    """One pod, and an operator's knowledge of it; ``got`` is what the pod was sent."""

    def __init__(self) -> None:
        self.toy, self.store, self.pods = Toy(model()), Store(), Pods()
        self.toy.settle()
        self.got: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.status, self.port = 200, 0
        self.versions = iter(range(1, 1000))
        self.tell()
        labels = {MODEL: "digits", SERVING: "digits"}
        metadata = {"namespace": "demo", "name": "a", "uid": "a", "labels": labels}
        self.pods.observe({"kind": "Pod", "metadata": metadata, "status": {"podIP": ADDRESS}})

    def tell(self) -> None:
        """The store hears of all there is."""
        for body in (self.toy.model, *self.toy.objects.values()):
            version = {"resourceVersion": str(next(self.versions))}
            self.store.observe({**body, "metadata": {**body["metadata"], **version}})

    async def take(self, request: web.Request) -> web.Response:
        self.got.put_nowait((request.headers["Authorization"], await request.text()))
        return web.Response(status=self.status)

    @property
    def policy(self) -> str:
        return text_of(self.toy.objects["ConfigMap", "digits-policy"])


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_post(POLICY_PATH, site.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, ADDRESS, 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


@pytest.fixture
async def scraper(site: Site) -> AsyncIterator[Scraper]:
    async with scraping(site.port) as scraper:
        yield scraper


@pytest.fixture
def pusher(site: Site, scraper: Scraper) -> Pusher:
    return Pusher(site.store, site.pods, scraper, "root")


async def test_who_follows_an_older_policy_is_sent_the_models(
    site: Site, scraper: Scraper, pusher: Pusher
) -> None:
    scraper.loads[KEY] = {"a": Load(policy=1)}
    pusher.look(KEY, 100.0)
    authorization, text = await site.got.get()
    assert text == site.policy
    assert authorization == f"Bearer {policy_token('root', 'model-1')}"


async def test_another_policy_is_sent_as_well(site: Site, scraper: Scraper, pusher: Pusher) -> None:
    scraper.loads[KEY] = {"a": Load(policy=number_of(site.policy))}
    pusher.look(KEY, 100.0)
    site.toy.change(queue={"order": "Fifo"})
    site.toy.settle()
    site.tell()
    pusher.look(KEY, 100.5)
    _, text = await site.got.get()
    assert text == site.policy
    assert site.got.empty(), "what it followed already was not sent"


async def test_it_is_sent_once_until_the_pod_says_that_it_follows(
    site: Site, scraper: Scraper, pusher: Pusher
) -> None:
    scraper.loads[KEY] = {"a": Load(policy=1)}
    for tenth in range(10):
        pusher.look(KEY, 100.0 + tenth / 10)
    await site.got.get()
    assert site.got.empty()


@pytest.mark.parametrize(
    "load",
    [
        pytest.param(None, id="that does not answer"),
        pytest.param(Load(policy=2**60), id="that follows a later one"),
    ],
)
async def test_nothing_is_sent_to_a_pod(
    site: Site, scraper: Scraper, pusher: Pusher, load: Load | None
) -> None:
    scraper.loads[KEY] = {"a": load}
    pusher.look(KEY, 100.0)
    scraper.loads[KEY] = {"a": Load(policy=1)}
    pusher.look(KEY, 101.0)
    await site.got.get()
    assert site.got.empty()


async def test_a_config_map_of_somebody_else_is_no_policy(
    site: Site, scraper: Scraper, pusher: Pusher
) -> None:
    forged = dict(site.toy.objects["ConfigMap", "digits-policy"])
    forged["metadata"] = forged["metadata"] | {"ownerReferences": []}
    site.toy.objects["ConfigMap", "digits-policy"] = forged
    site.tell()
    scraper.loads[KEY] = {"a": Load(policy=1)}
    pusher.look(KEY, 100.0)
    assert site.got.empty()


async def test_a_pod_that_refuses_is_not_asked_at_once_again(
    site: Site, scraper: Scraper, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("frazil_operator.push.PERIOD", 0.01)
    site.status = 401
    scraper.loads[KEY] = {"a": Load(policy=1)}
    running = asyncio.create_task(pusher.run())
    await site.got.get()
    await asyncio.sleep(0.2)  # nothing is to happen, so there is no event to await
    running.cancel()
    assert site.got.empty()
    assert AGAIN > 1
