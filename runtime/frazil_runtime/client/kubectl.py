"""The cluster, through the user's own kubectl: it knows where that is, and who asks."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

Object = dict[str, Any]  # a Kubernetes object as kubectl prints it

_MODELS: Final = "modeldeployments.frazil.dev"
_OPERATOR: Final = "app.kubernetes.io/name=frazil,app.kubernetes.io/component=operator"
_ASK_SECONDS: Final = 10  # that the API server may take, and so much more until kubectl is given up


class KubectlError(Exception):
    """What was in the way, in a sentence for the user."""


class Kubectl:
    """``program`` is a name on the PATH, or a path."""

    def __init__(self, program: str = "kubectl") -> None:
        self._program = program

    def models(self, *scope: str) -> list[Object]:
        """The ModelDeployments of the current namespace, or of what kubectl's ``scope`` says."""
        try:
            return self._objects(_MODELS, *scope)
        except KubectlError as error:
            if "the server doesn't have a resource type" in str(error):
                text = "the cluster knows no ModelDeployments: Frazil's chart is not installed"
                raise KubectlError(text) from error
            raise

    def operator_metrics_path(self) -> str:
        """Where the API server passes the operator's metrics on."""
        found = self._objects("services", "--all-namespaces", f"--selector={_OPERATOR}")
        if not found:
            raise KubectlError(f"no Service has the labels {_OPERATOR}: is the operator installed?")
        metadata, ports = found[0]["metadata"], found[0]["spec"]["ports"]
        return metrics_path(metadata["namespace"], metadata["name"], ports[0]["name"])

    def raw(self, path: str) -> str:
        """What the API server answers to a GET."""
        return self._get(f"--raw={path}")

    def _objects(self, kind: str, *options: str) -> list[Object]:
        text = self._get(kind, *options, "--output=json")
        try:
            return list(json.loads(text)["items"])
        except (ValueError, KeyError, TypeError) as error:
            raise KubectlError(f"{self._program} get {kind} printed no list of objects") from error

    def _get(self, *arguments: str) -> str:
        command = [self._program, "get", *arguments, f"--request-timeout={_ASK_SECONDS}s"]
        try:
            done = subprocess.run(  # noqa: S603 - the user names the program
                command, capture_output=True, text=True, timeout=2 * _ASK_SECONDS, check=False
            )
        except OSError as error:
            text = f"{self._program} cannot be run: {error.strerror}; --kubectl names another"
            raise KubectlError(text) from error
        except subprocess.TimeoutExpired as error:
            raise KubectlError(f"{self._program} gave no answer in {error.timeout:g} s") from error
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise KubectlError(f"{self._program}: {lines[-1].strip()}")
        return done.stdout


def metrics_path(namespace: str, service: str = "frazil-operator", port: str = "http") -> str:
    """Where the API server passes a Service's metrics on: the operator's, as the chart names it."""
    return f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/metrics"
