"""Looks at all models again and again, through kubectl."""

from __future__ import annotations

from dataclasses import dataclass, replace

from frazil_runtime.client.fleet import Live, Row, live, rows
from frazil_runtime.client.kubectl import Kubectl, KubectlError, metrics_path


@dataclass(frozen=True, slots=True)
class Seen:
    """The models at one look; ``note`` says in a line what could not be seen, if anything."""

    rows: tuple[Row, ...] = ()
    note: str = ""


class Looker:
    """``scope`` is how kubectl is told which namespaces; ``operator`` the operator's namespace,
    looked for where it is None."""

    def __init__(self, kubectl: Kubectl, scope: tuple[str, ...], operator: str | None) -> None:
        self._kubectl = kubectl
        self._scope = scope
        self._path = metrics_path(operator) if operator else ""

    def look(self) -> Seen:
        """What there is now; KubectlError where not even the models can be listed."""
        models = self._kubectl.models(*self._scope)
        try:
            figures, note = self._live(), ""
        except (KubectlError, ValueError) as error:
            figures, note = {}, f"No live figures, only what the statuses tell: {error}"
        return Seen(tuple(rows(models, figures)), note)

    def look_again(self, before: Seen) -> Seen:
        """What there is now; what was there before, and why, where that cannot be said."""
        try:
            return self.look()
        except KubectlError as error:
            return replace(before, note=f"This is how it was before: {error}")

    def _live(self) -> Live:
        self._path = self._path or self._kubectl.operator_metrics_path()
        return live(self._kubectl.raw(self._path))
