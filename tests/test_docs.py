"""The documents: what they name exists, what exists is on the map, tables agree with the code."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import NamedTuple, TypeGuard, get_args, get_origin

import pytest

from frazil_operator.acts import Acts
from frazil_operator.api import Spec
from frazil_operator.corev1 import Part
from frazil_runtime.contract import Exit

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "operator/frazil_operator", ROOT / "runtime/frazil_runtime")
ARCHITECTURE = ROOT / "docs/architecture.md"
GUIDE = ROOT / "docs/guide.md"

TRACKED = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")[:-1]
TOP = {name.partition("/")[0] for name in TRACKED}
DOCUMENTS = [ROOT / name for name in TRACKED if name.endswith(".md")]

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FILE = re.compile(r"[\w./-]+\.(?:py|yaml|md|toml)")


class Named(NamedTuple):
    """A path as a document says it, and the folder that the heading above it names."""

    text: str
    folder: Path

    @property
    def places(self) -> list[Path]:
        """What there is of that name: below the heading's folder, the checkout, a package."""
        roots = (self.folder, ROOT, *PACKAGES, PACKAGES[1] / "freeze")
        return [path for root in roots if (path := root / self.text).exists()]


def named(document: Path) -> Iterator[Named]:
    """Every path in backticks, and every file in a picture."""
    folder, fenced = ROOT, False
    for line in document.read_text().splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            yield from (Named(text, folder) for text in FILE.findall(line))
        else:
            paths = [text for text in re.findall(r"`([^`]+)`", line) if is_path(text)]
            if line.startswith("#"):
                folder = ROOT / paths[0] if paths else ROOT
            yield from (Named(text, folder) for text in paths)


def is_path(text: str) -> bool:
    return bool(
        re.fullmatch(r"[\w.][\w./-]*", text)
        and (FILE.fullmatch(text) or text.endswith("/") or text.partition("/")[0] in TOP)
    )


def words() -> set[str]:
    """The CamelCase words in the modules that say why a model is as it is."""
    folder = PACKAGES[0]
    files = [
        folder / "status.py",
        folder / "scaling.py",
        *(folder / "plan" / f"{name}.py" for name in SPEAKING),
    ]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    said = (node.value for node in nodes if isinstance(node, ast.Constant))
    return {text for text in said if isinstance(text, str) and CAMEL.fullmatch(text)}


CAMEL = re.compile(r"[A-Z][a-z]+[A-Za-z]*|OOMKilled")
SPEAKING = ("__init__", "conflict", "decision", "evaluation", "faults", "freezing", "jobs", "pods")
# Reasons that others write: the freezer and the runtime; Jobs, the scheduler.
FROM_OUTSIDE = {
    *(code.reason for code in Exit if code is not Exit.OK),
    *("BackoffLimitExceeded", "PodFailurePolicy", "SchedulingGated"),
}
NO_REASONS = {
    *("True", "False", "Unknown"),  # statuses
    *("Accepted", "Available", "Frozen", "Progressing", "Stalled"),  # our conditions
    *("Complete", "Failed", "Succeeded", "ReplicaFailure", "PodScheduled"),  # Kubernetes' states
    *("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"),  # ImagePull
    *("ControllerRevision", "Job", "NetworkPolicy"),  # kinds
    *("Accuracy", "MeanAbsoluteError", "TopK"),  # metrics
}
STATUS = GUIDE.read_text().partition("## Reading the status")[2].partition("\n## ")[0]


def sections() -> dict[str, set[str]]:
    """The map: folder → the files and folders that its table lists."""
    found: dict[str, set[str]] = {}
    for part in re.split(r"^#+ ", ARCHITECTURE.read_text(), flags=re.MULTILINE):
        if heading := re.match(r"`([\w./-]+)/`\n", part):
            found[heading[1]] = set(re.findall(r"^\| `([^`]+)`", part, flags=re.MULTILINE))
    return found


def test_what_the_architecture_names_exists() -> None:
    assert [path.text for path in named(ARCHITECTURE) if not path.places] == []


@pytest.mark.parametrize("folder", sections())
def test_each_file_of_a_folder_is_on_the_map(folder: str) -> None:
    files = {Path(name).name for name in TRACKED if str(Path(name).parent) == folder}
    missing = files - sections()[folder] - {"__init__.py"}
    assert not missing, "docs/architecture.md, The map: say in a line what each of these is for"


def test_each_folder_is_on_the_map() -> None:
    folders = {folder for name in TRACKED for folder in Path(name).parents} - {Path()}
    shown = {place for path in named(ARCHITECTURE) for place in path.places}
    shown |= {parent for place in shown for parent in place.parents}
    assert {str(folder) for folder in folders if ROOT / folder not in shown} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_to_a_file_leads_somewhere(document: Path) -> None:
    targets = LINK.findall(FENCE.sub("", document.read_text()))
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("reason", sorted({*words(), *FROM_OUTSIDE} - NO_REASONS))
def test_the_guide_says_what_to_do_about(reason: str) -> None:
    assert f"`{reason}`" in STATUS, "docs/guide.md, Reading the status"


def test_what_is_no_reason_is_still_in_the_code() -> None:
    assert set() == NO_REASONS - words()


def test_the_guide_says_of_each_field_what_a_change_of_it_does() -> None:
    rows = [line for line in GUIDE.read_text().splitlines() if line.endswith(ENDINGS)]
    assert rows == list(field_rows()), "docs/guide.md, Which field does what"


ENDINGS = tuple(f"| {acts.value} |" for acts in Acts)


def field_rows() -> Iterator[str]:
    """The table's rows: for each part of the spec, the fields that act alike."""
    for name, info in Spec.model_fields.items():
        part, path = info.annotation, ""
        if get_origin(part) is UnionType and is_part(get_args(part)[0]):
            part = get_args(part)[0]
        if get_origin(part) is dict:
            part, path = get_args(part)[1], "<name>."
        if not is_part(part):
            (acts,) = (note for note in info.metadata if isinstance(note, Acts))
            yield f"| `{name}` | {acts.value} |"
            continue
        for acts in Acts:
            fields = [f"`{field}`" for field, notes in leaves(part, path) if acts in notes]
            if fields:
                yield f"| `{name}`: {', '.join(fields)} | {acts.value} |"


def is_part(annotation: object) -> TypeGuard[type[Part]]:
    return isinstance(annotation, type) and issubclass(annotation, Part)


def leaves(part: type[Part], path: str = "") -> Iterator[tuple[str, list[object]]]:
    """Each field below a part that is a decision of its own, as `outputs.mode`, and its notes."""
    for field in part.model_fields.values():
        below = field.annotation
        if isinstance(below, type) and issubclass(below, Part) and not field.metadata:
            yield from leaves(below, f"{path}{field.alias}.")
        else:
            yield f"{path}{field.alias}", field.metadata
