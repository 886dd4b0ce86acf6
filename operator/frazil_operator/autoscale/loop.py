"""Looks at every model's load each second, and says how many pods it calls for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from frazil_operator import metrics
from frazil_operator.api import Model
from frazil_operator.autoscale.decide import Figures, Memory, Rules, decide, sum_up, without_cache
from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import PERIOD, Scraper
from frazil_operator.autoscale.sight import Sight
from frazil_operator.autoscale.telling import AGAIN_SECONDS, Budget, is_news
from frazil_operator.autoscale.totals import Totals
from frazil_operator.model_metrics import exposed
from frazil_operator.observed import Key, Object, Scaling
from frazil_operator.plan.size import last_size, rules
from frazil_operator.store import Store

DARK_SECONDS: Final = 30.0  # that no pod has told its load, before it is said


@dataclass(slots=True)
class Watched:
    """One model: its rules and of which generation they are, what its decisions remember, what was
    told last and when, since when no pod has told anything (None: one has), and what was seen at
    the last look (None: nothing serves)."""

    generation: int = -1
    rules: Rules | None = None
    memory: Memory = field(default_factory=Memory)
    told: Scaling | None = None
    told_at: float = 0.0
    dark_since: float | None = None
    totals: Totals = field(default_factory=Totals)
    sight: Sight | None = None


class Autoscaler:
    """``scaling(key)`` is what the load of a model calls for, None until it was looked at."""

    def __init__(
        self,
        store: Store,
        pods: Pods,
        scraper: Scraper,
        add: Callable[[Key], None],
        expects_loss: Callable[[Key], bool] = lambda key: False,
    ) -> None:
        self._store = store
        self._pods = pods
        self._scraper = scraper
        self._add = add
        self._expects_loss = expects_loss
        self._watched: dict[Key, Watched] = {}
        self._budget = Budget()

    def scaling(self, key: Key) -> Scaling | None:
        """What is to be done and told."""
        watched = self._watched.get(key)
        return watched.told if watched else None

    def sights(self) -> Mapping[Key, Sight]:
        """Every model that serves or is to, as it was seen last. Any thread may ask."""
        watched = list(self._watched.items())  # at once: the dictionary may change meanwhile
        return {key: each.sight for key, each in watched if each.sight is not None}

    def pods_changed(self, key: Key) -> None:
        """There are other pods to ask."""
        self._scraper.follow(key, self._pods.of(key))

    async def run(self) -> None:
        """For ever; meanwhile each model's figures are among the metrics."""
        with exposed(self.sights):
            while True:
                self.look_at_all(asyncio.get_running_loop().time())
                await asyncio.sleep(PERIOD)

    def look_at_all(self, now: float) -> None:
        """Decide about each model, and forget those that are deleted."""
        models = self._store.models()
        with metrics.AUTOSCALE_SECONDS.time():
            for key in models:
                self.look(key, now)
        for key in self._watched.keys() - set(models):
            del self._watched[key]

    def look(self, key: Key, now: float) -> None:
        """Decide about one model; what is news is told, and done."""
        size = last_size(key.name, self._store.children(key))
        watched = self._watched.setdefault(key, Watched())
        asked = self._rules(self._store.model(key), watched)
        if not size:  # nothing serves yet, or is to
            watched.sight = watched.told = None
        if asked is None or not size:
            return
        figures = self._figures(key, asked)
        # The fleet grows before the output cache goes.
        coming = without_cache(figures) if self._expects_loss(key) else figures
        decided, watched.memory = decide(asked, size, coming, now, watched.memory)
        live = Scaling(
            pods=decided.pods,
            reason=decided.reason,
            queued=figures.queued,
            running=figures.running,
            wait_seconds=round(figures.wait_seconds, 2),
            unreachable=_is_dark(watched, figures, now),
        )
        self._see(key, watched, figures, live)
        if self._is_to_tell(watched, live, now):
            watched.told, watched.told_at = live, now
            self._add(key)

    def _rules(self, model: Object | None, watched: Watched) -> Rules | None:
        """What the spec says; None where it cannot be read."""
        if model is None:
            return None
        generation = model["metadata"].get("generation", 0)
        if generation != watched.generation:
            watched.generation = generation
            try:
                watched.rules = rules(Model.parse(model).spec)
            except ValidationError:
                watched.rules = None
        return watched.rules

    def _figures(self, key: Key, asked: Rules) -> Figures:
        """What all pods have said last; one that should, and has not, is silent."""
        loads = self._scraper.loads.get(key, {})
        told = [load for load in loads.values() if load is not None]
        serving = (uid for uid, pod in self._pods.of(key).items() if pod.serves)
        return sum_up(asked, told, silent=sum(loads.get(uid) is None for uid in serving))

    def _see(self, key: Key, watched: Watched, figures: Figures, live: Scaling) -> None:
        watched.totals.add(self._scraper.loads.get(key, {}))
        watched.sight = Sight(
            desired=live.pods,
            ready=sum(pod.serves for pod in self._pods.of(key).values()),
            figures=figures,
            count=watched.totals.count,
            reachable=not live.unreachable,
        )

    def _is_to_tell(self, watched: Watched, live: Scaling, now: float) -> bool:
        told = watched.told
        if told is None or (told.pods, told.unreachable) != (live.pods, live.unreachable):
            return True
        if now - watched.told_at < AGAIN_SECONDS or not is_news(told, live):
            return False
        return self._budget.take(now)


def _is_dark(watched: Watched, figures: Figures, now: float) -> bool:
    """Whether for long no pod has told its load that should."""
    if figures.pods or not figures.silent:
        watched.dark_since = None
        return False
    if watched.dark_since is None:
        watched.dark_since = now
    return now - watched.dark_since >= DARK_SECONDS
