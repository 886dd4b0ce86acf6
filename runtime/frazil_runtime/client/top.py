"""`frazil top`: the models of a cluster, live."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from frazil_runtime.client.commands import FAILED
from frazil_runtime.client.fleet import COLUMNS, cells
from frazil_runtime.client.kubectl import Kubectl, KubectlError
from frazil_runtime.client.look import Looker, Seen
from frazil_runtime.client.tables import table

Show = Callable[[Seen], None]


def top(arguments: argparse.Namespace) -> int:
    """Look once, or until Ctrl-C; returns an Exit."""
    looker = Looker(Kubectl(arguments.kubectl), _scope(arguments), arguments.operator_namespace)
    try:
        seen = looker.look()
        with _showing(arguments) as show:
            show(seen)
            while not arguments.once:
                time.sleep(arguments.interval)
                seen = looker.look_again(seen)
                show(seen)
    except KubectlError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    except KeyboardInterrupt:
        pass
    return 0


def as_json(seen: Seen) -> str:
    """One line."""
    return json.dumps({"models": [asdict(row) for row in seen.rows], "note": seen.note})


def as_text(seen: Seen) -> str:
    """Lines, as `kubectl get` has them."""
    lines = table([COLUMNS, *map(cells, seen.rows)], indent="") if seen.rows else ["No models"]
    return "\n".join([*lines, seen.note] if seen.note else lines)


@contextmanager
def _showing(arguments: argparse.Namespace) -> Iterator[Show]:
    """In place on a terminal; else one after the other, as text or for machines."""
    if arguments.json or arguments.once or not sys.stdout.isatty():
        text = as_json if arguments.json else as_text
        yield lambda seen: print(text(seen), flush=True)  # noqa: T201 - it is the result
        return
    from frazil_runtime.client.screen import screen  # noqa: PLC0415 - needs rich

    with screen() as show:
        yield show


def _scope(arguments: argparse.Namespace) -> tuple[str, ...]:
    if arguments.all_namespaces:
        return ("--all-namespaces",)
    return (f"--namespace={arguments.namespace}",) if arguments.namespace else ()
