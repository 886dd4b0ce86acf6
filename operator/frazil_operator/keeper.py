"""Keeps account of every model's measured accuracy, and decides whether its answers are cached."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pydantic import ValidationError

from frazil_operator import names
from frazil_operator.api import Model, Spec
from frazil_operator.autoscale.pods import Pods
from frazil_operator.autoscale.scrape import PERIOD, Scraper
from frazil_operator.caching import Caching, Rules, State, decide
from frazil_operator.objects import is_controlled_by
from frazil_operator.observed import Key, Measured, Object
from frazil_operator.plan import network
from frazil_operator.plan.policy import accuracy_rules
from frazil_operator.store import Store
from frazil_operator.sums import evaluated
from frazil_operator.window import Window
from frazil_runtime.contract.accuracy import AccuracyRules, Counts, Metric
from frazil_runtime.contract.evaluation import Evaluated

WINDOW, STATE = "window.json", "state.json"  # keys of the ConfigMap
TELL_SECONDS: Final = 30.0  # between two times that a value is written which changes no decision
CHANGE: Final = 0.005  # of the value, that is worth it; or a tenth of the samples


@dataclass(slots=True)
class Kept:
    """One model: what its spec asks for and of which generation that is, the window as it is and as
    it was written, what decisions are remembered by, and what was told last, and when."""

    generation: int = -1
    scoring: AccuracyRules = field(default_factory=AccuracyRules)
    rules: Rules | None = None
    window: Window = field(default_factory=lambda: Window(""))
    written: Window = field(default_factory=lambda: Window(""))
    state: State = field(default_factory=State)
    loss: bool = False
    told: Measured | None = None
    told_at: float = 0.0


class Keeper:
    """``measured(key)`` is what a model's accuracy has come to, None where nothing is asked for or
    nobody has looked yet. ``clock`` is the wall's: pods count by minutes of theirs."""

    def __init__(
        self,
        store: Store,
        pods: Pods,
        scraper: Scraper,
        add: Callable[[Key], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._pods = pods
        self._scraper = scraper
        self._add = add
        self._clock = clock
        self._kept: dict[Key, Kept] = {}

    def measured(self, key: Key) -> Measured | None:
        """What is to be told and done."""
        kept = self._kept.get(key)
        return kept.told if kept else None

    def expects_loss(self, key: Key) -> bool:
        """Whether the output cache may soon have to go."""
        kept = self._kept.get(key)
        return kept is not None and kept.loss

    async def run(self) -> None:
        """For ever."""
        while True:
            models, now = self._store.models(), self._clock()
            for key in models:
                self.look(key, now)
            for key in self._kept.keys() - set(models):
                del self._kept[key]
            await asyncio.sleep(PERIOD)

    def look(self, key: Key, now: float) -> None:
        """Count what pods tell, and decide."""
        model = self._store.model(key)
        if model is None:
            return
        kept = self._kept.setdefault(key, Kept())
        self._read(key, model, kept)
        revision = self._stable(key)
        if kept.rules is None or not revision:
            kept.told = None
            return
        self._count(key, kept, now)
        prior = self._prior(key, revision, kept.scoring)
        state = kept.state.about(f"{revision}:{kept.scoring.digest}")
        counts = kept.window.counts(revision, now)
        caching, state = decide(kept.rules, counts, prior, state, now)
        kept.loss = caching.expects_loss
        self._tell(key, kept, caching, state, now)

    def _read(self, key: Key, model: Object, kept: Kept) -> None:
        """What the spec asks for now; another way to score begins with another window."""
        generation = model["metadata"].get("generation", 0)
        if generation == kept.generation:
            return
        first, kept.generation = kept.generation < 0, generation
        try:
            spec = Model.parse(model).spec
        except ValidationError:
            return
        kept.rules, before = _rules(spec), kept.window
        kept.scoring = _scoring(spec)
        seconds = kept.rules.window_seconds if kept.rules else 3600
        if first or before.rules != kept.scoring.digest or before.seconds != seconds:
            memory = self._memory(key, model)
            window = Window.from_json(memory.get(WINDOW, ""), kept.scoring.digest, seconds)
            kept.window = kept.written = window
            kept.state = State.from_json(memory.get(STATE, ""))

    def _memory(self, key: Key, model: Object) -> dict[str, str]:
        """What an operator before this one has written."""
        body = self._store.child(key, "ConfigMap", names.accuracy(key.name))
        if body is None or not is_controlled_by(body, model):
            return {}
        return dict(body.get("data") or {})

    def _stable(self, key: Key) -> str:
        traffic = network.traffic(self._store.child(key, "Service", names.service(key.name)))
        return traffic.stable if traffic else ""

    def _prior(self, key: Key, revision: str, scoring: AccuracyRules) -> Counts | None:
        """What the revision's evaluation has counted, if that is scored alike."""
        name = names.revision(key.name, revision)
        body = self._store.child(key, "ControllerRevision", name)
        annotations = (body or {"metadata": {}})["metadata"].get("annotations") or {}
        found = Evaluated.read(json.loads(annotations.get(names.EVALUATED, "null")))
        if found is None:
            return None
        counts = evaluated(found.counts)
        return counts if counts is not None and counts.value(scoring.metric) is not None else None

    def _count(self, key: Key, kept: Kept, now: float) -> None:
        window = kept.window
        for uid, tally in self._scraper.tallies.get(key, {}).items():
            window = window.absorb(uid, tally, now)
        kept.window = window.remaining(self._pods.of(key), now)

    def _tell(self, key: Key, kept: Kept, caching: Caching, state: State, now: float) -> None:
        """Tell what is news; what is remembered is written when it changes a decision, or the
        window says so."""
        before, remembers = kept.told, _decisions(state) != _decisions(kept.state)
        kept.state = state
        is_due = kept.window.worth_writing(kept.written, now)
        live = Measured(
            value=caching.accuracy.value if caching.accuracy else None,
            samples=caching.samples,
            source="Feedback" if caching.measured else "Evaluation",
            caching=caching.on,
            epoch=caching.epoch,
            memory=before.memory if before is not None else {STATE: state.to_json()},
        )
        decided = before is None or (before.caching, before.epoch) != (live.caching, live.epoch)
        later = now - kept.told_at >= TELL_SECONDS and before is not None and _is_news(before, live)
        if not (decided or remembers or is_due or later):
            return
        if remembers or is_due or before is None:
            memory = {WINDOW: kept.window.to_json(now), STATE: state.to_json()}
            kept.written = Window.from_json(memory[WINDOW], kept.window.rules, kept.window.seconds)
            live = Measured(live.value, live.samples, live.source, live.caching, live.epoch, memory)
        kept.told, kept.told_at = live, now
        self._add(key)


def _rules(spec: Spec) -> Rules | None:
    """What decides over caching; None where no accuracy is asked for."""
    if spec.accuracy is None and spec.evaluation is None:
        return None
    outputs, accuracy = spec.cache.outputs, spec.accuracy
    return Rules(
        metric=_scoring(spec).metric,
        min_accuracy=outputs.min_accuracy,
        expire_on_change=outputs.expire_on_change,
        min_samples=accuracy.min_samples if accuracy else 1,
        window_seconds=accuracy.window_seconds if accuracy else 3600,
    )


def _scoring(spec: Spec) -> AccuracyRules:
    """How answers are held against labels; without feedback, as the evaluation does."""
    if spec.accuracy is None and spec.evaluation is not None:
        return AccuracyRules(metric=Metric(spec.evaluation.metric))
    return accuracy_rules(spec.accuracy)


def _decisions(state: State) -> tuple[object, ...]:
    return state.subject, state.caching, state.epoch, state.measured, state.reference


def _is_news(before: Measured, live: Measured) -> bool:
    if (before.value is None) != (live.value is None) or before.source != live.source:
        return True
    moved = abs((before.value or 0.0) - (live.value or 0.0)) >= CHANGE
    return moved or abs(before.samples - live.samples) > 0.1 * before.samples
