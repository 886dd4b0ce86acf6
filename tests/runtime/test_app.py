"""`frazil serve` as a process: from its start to its exit code."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
import tensorflow as tf
from fakes import artifacts
from fakes.crash import run_python
from fakes.serving import serving

from frazil_runtime import contract
from frazil_runtime.contract import Exit
from frazil_runtime.manifest import Signature

pytestmark = [pytest.mark.tensorflow, pytest.mark.integration]

PREDICT = "/v1/models/digits:predict"
ROW = {"instances": [[0.0] * 784]}
FOR_EVER = "3600"


def test_a_process_lives_from_loading_to_stopped(digits: Path) -> None:
    with serving(digits, "--name=digits", FRAZIL_DRAIN_SECONDS=FOR_EVER) as server:
        admin = server.address("probes and metrics")
        # The first probe comes while the model loads, and is answered once it is ready.
        assert httpx.get(f"{admin}/readyz", timeout=60).text == "ready\n"
        url = server.address("listening")
        ready = server.wait_for(r"ready in (\d+\.\d\d) s: model digits revision (\w{10})\n")

        answer = httpx.post(url + PREDICT, json=ROW)
        assert answer.json() == {"predictions": [pytest.approx([0.1] * 10)]}
        assert answer.headers[contract.REVISION_HEADER] == ready[2]
        metrics = httpx.get(f"{admin}/metrics").text
        assert 'frazil_model_info{artifact="sha256-' in metrics
        assert "frazil_ready 1.0" in metrics

        with httpx.Client(base_url=url) as client:  # a connection from before the drain
            assert "connection" not in client.post(PREDICT, json=ROW).headers
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("draining for 3600 s")
            assert httpx.get(f"{admin}/readyz").status_code == 503
            assert client.post(PREDICT, json=ROW).headers["connection"] == "close"
        # The listener still accepts: somebody's endpoint list may be behind.
        late = httpx.post(url + PREDICT, json=ROW)
        assert (late.status_code, late.headers["connection"]) == (200, "close")

        server.process.send_signal(signal.SIGTERM)  # a second signal ends the wait
        assert server.end() == 0
        assert server.lines[-1].endswith("INFO stopped")


def test_a_serving_process_hands_the_interpreter_over_every_half_millisecond() -> None:
    code = """
import sys
from frazil_runtime.__main__ import main

main(["serve", "/nowhere", "--host=127.0.0.1", "--http-port=0", "--admin-port=0"])
assert sys.getswitchinterval() == 0.0005, sys.getswitchinterval()
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr


def test_private_memory_stays_below_100_mb_and_pythons_tensorflow_out(digits: Path) -> None:
    with serving(digits) as server:
        server.wait_for("ready in")
        process = Path(f"/proc/{server.process.pid}")
        status = process.joinpath("status").read_text()
        anonymous = next(line for line in status.splitlines() if line.startswith("RssAnon"))
        assert int(anonymous.split()[1]) < 100_000
        maps = process.joinpath("maps").read_text()
        assert "libtensorflow_cc" in maps
        assert "pywrap_tensorflow" not in maps


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counts to x, one step at a time."""

    def build() -> None:
        x = tf.compat.v1.placeholder(tf.int32, [], "x")
        count = tf.while_loop(lambda i: i < x, lambda i: [i + 1], [tf.constant(0)])
        tf.identity(count[0], "y")

    directory = tmp_path_factory.mktemp("slow")
    signatures = {"serving_default": artifacts.one_to_one("x", "y", "int32", ())}
    samples = {"serving_default": {"x": np.int32(1)}}
    artifacts.write_artifact(directory, build, signatures, samples=samples, loops=True)
    return directory


def test_what_is_in_flight_is_finished(slow: Path) -> None:
    with serving(slow, FRAZIL_DRAIN_SECONDS="0") as server, ThreadPoolExecutor(1) as client:
        admin, url = server.address("probes and metrics"), server.address("listening")
        server.wait_for("ready in")
        body = {"inputs": 50_000}
        answer = client.submit(
            httpx.post, f"{url}/v1/models/default:predict", json=body, timeout=60
        )
        while "frazil_requests_in_flight 1.0" not in httpx.get(f"{admin}/metrics").text:
            pass
        server.process.send_signal(signal.SIGTERM)
        assert answer.result().json() == {"outputs": 50_000}
        assert server.end() == 0


def test_a_third_signal_gives_up_on_what_never_ends(slow: Path) -> None:
    with serving(slow, FRAZIL_DRAIN_SECONDS=FOR_EVER) as server, ThreadPoolExecutor(1) as client:
        admin, url = server.address("probes and metrics"), server.address("listening")
        server.wait_for("ready in")
        body = {"inputs": 2**31 - 1}
        answer = client.submit(
            httpx.post, f"{url}/v1/models/default:predict", json=body, timeout=60
        )
        while "frazil_requests_in_flight 1.0" not in httpx.get(f"{admin}/metrics").text:
            pass
        for answer_to_it in ("draining for", "finishing 1 requests", "gave up"):
            server.process.send_signal(signal.SIGINT)
            server.wait_for(answer_to_it)
        assert server.end() == 1
        with pytest.raises(httpx.TransportError):
            answer.result()


@pytest.fixture
def unloadable(tmp_path: Path) -> Path:
    """An artifact whose manifest is a pipe that nobody writes to: its load never ends."""
    os.mkfifo(tmp_path / contract.MANIFEST)
    return tmp_path


def test_while_it_loads_a_process_answers_probes_and_can_be_stopped(unloadable: Path) -> None:
    with serving(unloadable) as server:
        admin = server.address("probes and metrics")
        assert httpx.get(f"{admin}/healthz").status_code == 200
        answer = httpx.get(f"{admin}/readyz")
        assert (answer.status_code, answer.text) == (503, "loading the model\n")
        server.process.send_signal(signal.SIGTERM)
        assert server.end() == 0
        assert server.lines[-1].endswith("INFO stopped before it was ready")


def test_process_1_of_a_container_obeys_sigterm(unloadable: Path) -> None:
    """The kernel gives process 1 no default actions, so what has no handler is ignored."""
    container = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    with serving(unloadable, prefix=container) as server:
        server.wait_for("probes and metrics")
        parent = server.process.pid
        (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        os.kill(int(child), signal.SIGTERM)
        assert server.end() == 0


def graph_is_cut(directory: Path) -> None:
    graph = directory / contract.GRAPH
    graph.write_bytes(graph.read_bytes()[:-1])


def manifest_is_missing(directory: Path) -> None:
    (directory / contract.MANIFEST).unlink()


def no_samples(directory: Path) -> None:
    artifacts.write_artifact(directory, artifacts.digits, artifacts.DIGITS)


def sample_fails(directory: Path) -> None:
    samples = {"serving_default": {"x": np.zeros((1, 783), np.float32)}}
    artifacts.write_artifact(directory, artifacts.digits, artifacts.DIGITS, samples=samples)


def tensor_is_missing(directory: Path) -> None:
    signatures = {"serving_default": Signature((), (artifacts.tensor("lost"),))}
    artifacts.write_artifact(
        directory, artifacts.digits, signatures, samples={"serving_default": {}}
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(graph_is_cut, "is corrupt and is not served", id="a graph that was cut"),
        pytest.param(manifest_is_missing, "is not a whole artifact", id="no manifest"),
        pytest.param(no_samples, "warmup.npz holds no samples", id="nothing to warm up with"),
        pytest.param(
            sample_fails,
            'the warm-up of signature "serving_default" fails: input "x" must have shape',
            id="a warm-up that fails",
        ),
        pytest.param(
            tensor_is_missing, "the graph has no operation lost", id="a tensor that is not there"
        ),
    ],
)
def test_a_bad_artifact_ends_in_one_clear_last_line(
    digits: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    directory = tmp_path / "artifact"
    shutil.copytree(digits, directory)
    damage(directory)
    with serving(directory) as server:
        assert server.end() == Exit.INVALID_ARTIFACT
    assert "ERROR cannot serve: " in server.lines[-1]
    assert message in server.lines[-1]


def test_a_port_that_is_taken_is_named(digits: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with serving(digits, f"--http-port={port}") as server:
            assert server.end() == Exit.RETRY
    assert f"cannot serve: cannot listen on 127.0.0.1 port {port}: " in server.lines[-1]


def test_missing_libraries_are_named(digits: Path, tmp_path: Path) -> None:
    with serving(digits, FRAZIL_TENSORFLOW_LIB=str(tmp_path)) as server:
        assert server.end() == Exit.RETRY
    assert f"are in none of {tmp_path}" in server.lines[-1]


def test_an_environment_that_makes_no_sense_is_a_usage_error(digits: Path) -> None:
    with serving(digits, FRAZIL_DRAIN_SECONDS="soon") as server:
        assert server.end() == 2
    assert "FRAZIL_DRAIN_SECONDS must be a number" in server.lines[-1]
