"""Gives serving pods the policy at once: the kubelet renews what they have mounted in a minute or
two."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from frazil_operator import names
from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import ERRORS, Scraper
from frazil_operator.keys import policy_token
from frazil_operator.objects import is_controlled_by
from frazil_operator.observed import Key
from frazil_operator.plan.policy import number_of, text_of
from frazil_operator.store import Store

PERIOD: Final = 0.5  # seconds between two looks at which policy each pod follows
AGAIN: Final = 10.0  # seconds, after which a pod that has not followed is sent it once more
AT_ONCE: Final = 20

_log = logging.getLogger(__name__)


class Pusher:
    """Pods say by their load which policy they follow; who follows an older one than the model's
    ConfigMap has is sent that. A pod that refuses it is left to the kubelet."""

    def __init__(
        self,
        store: Store,
        pods: Pods,
        scraper: Scraper,
        root_key: str,
    ) -> None:
        self._store = store
        self._pods = pods
        self._scraper = scraper
        self._root_key = root_key
        self._sent: dict[str, tuple[int, float]] = {}  # to which pod which policy, and when
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """For ever."""
        clock = asyncio.get_running_loop().time
        while True:
            now = clock()
            self._sent = {uid: sent for uid, sent in self._sent.items() if now - sent[1] < AGAIN}
            for key in self._store.models():
                self.look(key, now)
            await asyncio.sleep(PERIOD)

    def look(self, key: Key, now: float) -> None:
        """Send one model's policy to those of its pods that do not follow it yet."""
        model = self._store.model(key)
        body = self._store.child(key, "ConfigMap", names.policy(key.name))
        if model is None or body is None or not is_controlled_by(body, model):
            return
        text = text_of(body)
        number = number_of(text)
        for uid, load in self._scraper.loads.get(key, {}).items():
            pod = self._pods.of(key).get(uid)
            sent = self._sent.get(uid, (0, 0.0))[0]
            if load is None or pod is None or max(load.policy, sent) >= number:
                continue
            self._sent[uid] = (number, now)
            token = policy_token(self._root_key, model["metadata"]["uid"])
            task = asyncio.create_task(self._send(uid, pod.address, token, text))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, uid: str, address: str, token: str, text: str) -> None:
        try:
            async with self._room:
                await self._scraper.give_policy(address, token, text)
        except ERRORS as error:
            _log.info("%s takes no policy: %s: %s", address, type(error).__name__, error)
            if not isinstance(error, ValueError):  # it did not refuse: again at the next look
                self._sent.pop(uid, None)
