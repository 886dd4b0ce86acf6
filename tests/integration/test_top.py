"""`frazil top` and a kubectl: a program that prints what the test says."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fakes.serving import frazil

from frazil_runtime.__main__ import main

pytestmark = pytest.mark.integration

MODEL = {
    "metadata": {"namespace": "demo", "name": "digits"},
    "status": {
        "pods": "1/1",
        "stable": {"revision": "87cfbdd400"},
        "scaling": {"queueDepth": 7, "waitSeconds": 0.3},
        "conditions": [{"type": "Ready", "reason": "Ready"}],
    },
}
SERVICE = {
    "metadata": {"namespace": "ice", "name": "frazil-operator"},
    "spec": {"ports": [{"name": "http", "port": 8080}]},
}
METRICS = """\
# TYPE frazil_model_queue_depth gauge
frazil_model_queue_depth{namespace="demo",model="digits"} 12.0
"""
MODELS = "get modeldeployments.frazil.dev*"
SERVICES = "get services --all-namespaces --selector=app.kubernetes.io/name=frazil,*"
RAW = "get --raw=/api/v1/namespaces/ice/services/frazil-operator:http/proxy/metrics *"
FORBIDDEN = 'Error from server (Forbidden): services is forbidden: User "ann" cannot list'
NO_KIND = 'error: the server doesn\'t have a resource type "modeldeployments"'


class FakeKubectl:
    """An executable; of the patterns that the arguments match, the last one said answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._cases: dict[str, str] = {}
        self.says(MODELS, items(MODEL))
        self.says(SERVICES, items(SERVICE))
        self.says(RAW, METRICS)

    def says(self, pattern: str, text: str) -> None:
        self._write(pattern, f"printf %s {shlex.quote(text)}")

    def fails(self, pattern: str, text: str) -> None:
        self._write(pattern, f"printf '%s\\n' noise {shlex.quote(text)} >&2; exit 1")

    def _write(self, pattern: str, does: str) -> None:
        self._cases.pop(pattern, None)
        self._cases = {pattern: does} | self._cases
        cases = "".join(
            f"  {shell_pattern(pattern)}) {does};;\n" for pattern, does in self._cases.items()
        )
        new = self.path.with_suffix(".new")  # it may be running
        new.write_text(f'#!/bin/sh\ncase "$*" in\n{cases}  *) exit 99;;\nesac\n')
        new.chmod(0o755)
        new.rename(self.path)


def shell_pattern(text: str) -> str:
    return "*".join(shlex.quote(part) for part in text.split("*"))


def items(*objects: Any) -> str:
    return json.dumps({"kind": "List", "items": objects})


@pytest.fixture
def kubectl(tmp_path: Path) -> FakeKubectl:
    return FakeKubectl(tmp_path / "kubectl")


def once(kubectl: FakeKubectl, *options: str) -> int:
    return main(["top", "--once", f"--kubectl={kubectl.path}", *options])


def seen(kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str], *options: str) -> Any:
    """What one look shows machines."""
    assert once(kubectl, "--json", *options) == 0
    return json.loads(capsys.readouterr().out)


def test_live_figures_come_through_the_api_server(
    kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    assert once(kubectl) == 0
    header, digits = capsys.readouterr().out.splitlines()
    assert header.split()[:5] == ["NAMESPACE", "NAME", "READY", "STATUS", "QUEUE"]
    assert digits.split()[:2] == ["demo", "digits"]
    assert seen(kubectl, capsys)["models"][0]["queue"] == 12


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        pytest.param((), "--output=json *", id="kubectl's own"),
        pytest.param(("--namespace=demo",), "--namespace=demo --output=json *", id="one"),
        pytest.param(("-n", "demo"), "--namespace=demo --output=json *", id="one, in short"),
        pytest.param(("-A",), "--all-namespaces --output=json *", id="all"),
    ],
)
def test_the_namespace(
    kubectl: FakeKubectl,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    arguments: str,
) -> None:
    kubectl.fails(MODELS, "another scope")
    kubectl.says(f"get modeldeployments.frazil.dev {arguments}", items(MODEL))
    assert seen(kubectl, capsys, *options)["note"] == ""


def test_who_names_the_operators_namespace_need_not_find_it(
    kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl.fails(SERVICES, FORBIDDEN)
    assert seen(kubectl, capsys, "--operator-namespace=ice")["models"][0]["queue"] == 12


NO_FIGURES = {
    "who may not look for the operator": (SERVICES, FORBIDDEN, "services is forbidden"),
    "who may not ask it": (RAW, FORBIDDEN.replace("list", "get"), "cannot get"),
    "an operator that is down": (RAW, "Error from server (ServiceUnavailable): no endpoints", "no"),
}


@pytest.mark.parametrize(("pattern", "error", "said"), NO_FIGURES.values(), ids=NO_FIGURES)
def test_without_the_operator_the_statuses_tell(
    kubectl: FakeKubectl,
    capsys: pytest.CaptureFixture[str],
    pattern: str,
    error: str,
    said: str,
) -> None:
    kubectl.fails(pattern, error)
    found = seen(kubectl, capsys)
    assert found["models"][0]["queue"] == 7
    assert found["note"].startswith("No live figures, only what the statuses tell: ")
    assert said in found["note"]
    assert "\n" not in found["note"]


ODD_ANSWERS = {
    "no operator is installed": (SERVICES, items(), "no Service has the labels"),
    "it is something else that answers": (RAW, "<html>not { it</html>\n", "tells no metrics"),
}


@pytest.mark.parametrize(("pattern", "text", "said"), ODD_ANSWERS.values(), ids=ODD_ANSWERS)
def test_an_operator_that_is_none(
    kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str], pattern: str, text: str, said: str
) -> None:
    kubectl.says(pattern, text)
    assert said in seen(kubectl, capsys)["note"]


REFUSALS = {
    "no such resource": (NO_KIND, "the cluster knows no ModelDeployments: Frazil's chart is not"),
    "no access": (FORBIDDEN, "services is forbidden"),
    "no cluster": ("The connection to the server 127.0.0.1:1 was refused", "127.0.0.1:1 was"),
    "no reason": ("", "exit code 1"),
}


@pytest.mark.parametrize(("error", "said"), REFUSALS.values(), ids=REFUSALS)
def test_without_models_there_is_one_sentence(
    kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str], error: str, said: str
) -> None:
    kubectl.fails(MODELS, error)
    if not error:
        kubectl.path.write_text("#!/bin/sh\nexit 1\n")
    assert once(kubectl) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.count("\n") == 1


def test_where_there_is_no_kubectl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", f"--kubectl={tmp_path}/none"]) == 1
    said = f"{tmp_path}/none cannot be run: No such file or directory; --kubectl names another\n"
    assert capsys.readouterr().err == said


def test_what_is_no_list_is_said(kubectl: FakeKubectl, capsys: pytest.CaptureFixture[str]) -> None:
    kubectl.says(MODELS, "[]")
    assert once(kubectl) == 1
    assert "printed no list of objects" in capsys.readouterr().err


def test_it_goes_on_until_it_is_interrupted_and_bears_a_cluster_that_is_away(
    kubectl: FakeKubectl,
) -> None:
    command = ("top", f"--kubectl={kubectl.path}", "--json", "--interval=0.2")
    with frazil(*command, stdout=subprocess.PIPE) as top:
        first = json.loads(line(top.process))
        assert first["note"] == ""
        kubectl.fails(MODELS, "Unable to connect to the server")
        while not (away := json.loads(line(top.process)))["note"]:
            pass
        assert away["note"].endswith("Unable to connect to the server")
        assert away["models"] == first["models"]
        kubectl.says(MODELS, items())
        while json.loads(line(top.process))["models"]:
            pass
        top.process.send_signal(signal.SIGINT)
        assert top.end() == 0
    assert top.lines == []


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()
