"""Both gRPC protocols over real sockets, on an engine of numpy."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from fakes.grpc import MAX_BYTES, SECONDS, GrpcSite, grpc_site
from fakes.models import NumpyEngine, model, tensor
from fakes.serving import serving
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from frazil_runtime.contract import ENV_REVISION, ENV_VERSION, Policy
from frazil_runtime.errors import Code, InferenceError
from frazil_runtime.lifecycle import Lifecycle, State
from frazil_runtime.listeners import ListenError
from frazil_runtime.manifest import Manifest, Signature
from frazil_runtime.metrics import Metrics
from frazil_runtime.protocol.messages import message_class
from frazil_runtime.requests import InferRequest, InferResponse, Stamp
from frazil_runtime.transport.established import established
from frazil_runtime.transport.grpc import serving_grpc

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TF, MODELS = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
OIP = "inference.GRPCInferenceService"
INFER = f"{OIP}/ModelInfer"
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"

TEXTS = (tensor("inputs", "string", (-1,)),)
MODEL = model(
    Manifest(
        {
            "serving_default": Signature((tensor("x"),), (tensor("y"),)),
            "classify": Signature(TEXTS, (tensor("classes", "string"), tensor("scores"))),
            "regress": Signature(TEXTS, (tensor("outputs"),)),
        },
        "serving_default",
        {},
    )
)


def compute(inputs: Any) -> dict[str, Any]:
    """Twice the numbers; of examples, how long each is."""
    if "x" in inputs:
        return {"y": inputs["x"] * 2}
    sizes = np.float32([[len(text)] for text in inputs["inputs"]])
    labels = np.array([[b"size"]] * len(sizes), object)
    return {"classes": labels, "scores": sizes, "outputs": sizes}


class Probe:
    """Answers as told, and keeps what it was asked."""

    def __init__(self, error: InferenceError | Exception | None = None, cache: str = "off") -> None:
        self.engine = NumpyEngine(MODEL.manifest, compute)
        self.error = error
        self.cache = cache
        self.requests: list[InferRequest] = []

    async def infer(self, request: InferRequest) -> InferResponse:
        self.requests.append(request)
        if self.error:
            raise self.error
        return InferResponse((await self.engine.infer(request)).outputs, self.cache)


class Gate:
    """Holds each request until the gate opens, and tells when one has come or was cancelled."""

    def __init__(self) -> None:
        self.engine = NumpyEngine(MODEL.manifest, compute)
        self.came, self.opened, self.cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def infer(self, request: InferRequest) -> InferResponse:
        self.came.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await self.engine.infer(request)


def message(kind: str, /, **fields: Any) -> Any:
    return message_class(kind)(**fields)


def infer(**fields: Any) -> Any:
    x = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
    raw = np.float32([1, 2]).tobytes()
    defaults = {"model_name": "digits", "inputs": [x], "raw_input_contents": [raw]}
    return message("inference.ModelInferRequest", **defaults | fields)


def spec(name: str = "digits", signature: str = "", **version: Any) -> dict[str, Any]:
    return {"name": name, "signature_name": signature, **version}


def predict(**fields: Any) -> Any:
    x = {"dtype": 1, "tensor_shape": {"dim": [{"size": 1}, {"size": 2}]}, "float_val": [1, 2]}
    defaults = {"model_spec": spec(), "inputs": {"x": x}}
    return message("tensorflow.serving.PredictRequest", **defaults | fields)


def examples(*sizes: float) -> Any:
    lists = [{"features": {"feature": {"a": {"float_list": {"value": [s]}}}}} for s in sizes]
    return {"example_list": {"examples": lists}}


async def failure(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return raised.value.code(), raised.value.details() or ""


@pytest_asyncio.fixture(
    loop_scope="module",
    scope="module",
    params=["here", pytest.param("by a process", marks=pytest.mark.tensorflow)],
)
async def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GrpcSite]:
    """What is asked of it here is asked of a real `frazil serve`, too."""
    if request.param == "here":
        async with grpc_site(Probe(), MODEL) as site:
            yield site
        return
    directory = tmp_path_factory.mktemp("grpc")
    write_model(directory)
    policy = directory / "policy.json"
    policy.write_text(Policy(number=1, max_request_bytes=MAX_BYTES).to_json())
    with serving(
        directory, "--name=digits", "--grpc-port=0", f"--policy={policy}", **ENVIRON
    ) as server:
        address = server.wait_for(r"INFO gRPC on (.+)")[1]
        server.wait_for("ready in")
        if "policy 1" not in "".join(server.lines):
            server.wait_for("policy 1: ")
        async with grpc.aio.insecure_channel(address) as channel:
            port = int(address.partition(":")[2])
            yield GrpcSite(port, Lifecycle(), Metrics(), channel, AsyncExitStack())


ENVIRON = {ENV_VERSION: "3", ENV_REVISION: "digits-7c9f"}


def write_model(directory: Path) -> None:
    """An artifact that computes as ``compute`` does."""
    import tensorflow as tf
    from fakes.artifacts import write_artifact

    def build() -> None:
        hold = tf.compat.v1.placeholder
        tf.multiply(hold(tf.float32, [None, 2], "x"), 2.0, "y")
        sizes = tf.strings.length(hold(tf.string, [None], "inputs"))
        for name in ("scores", "outputs"):
            tf.cast(sizes[:, None], tf.float32, name)
        tf.fill(tf.shape(sizes[:, None]), "size", "classes")

    samples = {"serving_default": {"x": np.zeros((1, 2), np.float32)}}
    write_artifact(directory, build, MODEL.manifest.signatures, samples=samples)


async def test_an_inference(site: GrpcSite) -> None:
    answer = await site.call(INFER, infer(id="a", model_version="3", outputs=[{"name": "y"}]))
    assert (answer.model_name, answer.model_version, answer.id) == ("digits", "3", "a")
    assert list(answer.raw_output_contents) == [np.float32([2, 4]).tobytes()]


async def test_a_prediction(site: GrpcSite) -> None:
    version = {"version": {"value": 3}}
    answer = await site.call(f"{TF}/Predict", predict(model_spec=spec(**version)))
    assert list(answer.outputs["y"].float_val) == [2, 4]
    assert answer.model_spec.version.value == 3


async def test_a_classification(site: GrpcSite) -> None:
    request = message(
        "tensorflow.serving.ClassificationRequest",
        model_spec=spec(signature="classify"),
        input=examples(1, 2),
    )
    answer = await site.call(f"{TF}/Classify", request)
    assert [[each.label for each in row.classes] for row in answer.result.classifications] == [
        ["size"],
        ["size"],
    ]


async def test_a_regression(site: GrpcSite) -> None:
    request = message(
        "tensorflow.serving.RegressionRequest",
        model_spec=spec(signature="regress"),
        input=examples(1, 2),
    )
    answer = await site.call(f"{TF}/Regress", request)
    assert len({each.value for each in answer.result.regressions}) == 1
    assert len(answer.result.regressions) == 2


async def test_several_signatures(site: GrpcSite) -> None:
    tasks = [
        {"model_spec": spec(signature=name), "method_name": method}
        for name, method in (("classify", CLASSIFY), ("regress", REGRESS))
    ]
    request = message("tensorflow.serving.MultiInferenceRequest", tasks=tasks, input=examples(1))
    answer = await site.call(f"{TF}/MultiInference", request)
    assert [each.WhichOneof("result") for each in answer.results] == [
        "classification_result",
        "regression_result",
    ]


async def test_each_of_several_tasks_has_a_prediction_id_in_their_order() -> None:
    stamps = iter([Stamp("first"), Stamp("second")])

    class Stamping(Probe):
        async def infer(self, request: InferRequest) -> InferResponse:
            return replace(await super().infer(request), stamp=next(stamps))

    tasks = [
        {"model_spec": spec(signature=name), "method_name": method}
        for name, method in (("classify", CLASSIFY), ("regress", REGRESS))
    ]
    request = message("tensorflow.serving.MultiInferenceRequest", tasks=tasks, input=examples(1))
    async with grpc_site(Stamping(), MODEL) as site:
        call = site.call(f"{TF}/MultiInference", request)
        await call
        metadata = await call.initial_metadata()
    assert metadata.get_all("x-frazil-prediction-id") == ["first", "second"]


TOLD: dict[str, tuple[str, Any, str]] = {
    "the server lives": (f"{OIP}/ServerLive", b"", "live: true"),
    "the server is ready": (f"{OIP}/ServerReady", b"", "ready: true"),
    "the server has a name": (f"{OIP}/ServerMetadata", b"", 'name: "frazil"'),
    "the model is ready": (
        f"{OIP}/ModelReady",
        message("inference.ModelReadyRequest", name="digits", version="3"),
        "ready: true",
    ),
    "the model has inputs": (
        f"{OIP}/ModelMetadata",
        message("inference.ModelMetadataRequest", name="digits"),
        'datatype: "FP32"',
    ),
    "the model has a configuration": (
        f"{OIP}/ModelConfig",
        message("inference.ModelConfigRequest", name="digits"),
        "data_type: TYPE_FP32",
    ),
    "the model has statistics": (
        f"{OIP}/ModelStatistics",
        message("inference.ModelStatisticsRequest", name="digits", version="3"),
        'name: "digits"',
    ),
    "all models have statistics": (f"{OIP}/ModelStatistics", b"", 'name: "digits"'),
    "the index has the model": (f"{OIP}/RepositoryIndex", b"", 'state: "READY"'),
    "the model has signatures": (
        f"{TF}/GetModelMetadata",
        message(
            "tensorflow.serving.GetModelMetadataRequest",
            model_spec=spec(),
            metadata_field=["signature_def"],
        ),
        "tensorflow.serving.SignatureDefMap",
    ),
    "the model has a status": (
        f"{MODELS}/GetModelStatus",
        message("tensorflow.serving.GetModelStatusRequest", model_spec=spec()),
        "state: AVAILABLE",
    ),
}


@pytest.mark.parametrize(("method", "request_", "text"), TOLD.values(), ids=TOLD)
async def test_what_is_told(site: GrpcSite, method: str, request_: Any, text: str) -> None:
    assert text in str(await site.call(method, request_))


async def test_a_model_that_is_not_there_is_not_ready(site: GrpcSite) -> None:
    for fields in ({"name": "cats"}, {"name": "digits", "version": "4"}):
        request = message("inference.ModelReadyRequest", **fields)
        assert not (await site.call(f"{OIP}/ModelReady", request)).ready


MISSED: dict[str, tuple[str, Any, str]] = {
    "another model": (INFER, infer(model_name="cats"), "Model with name cats does not exist."),
    "another version": (
        INFER,
        infer(model_version="4"),
        "Model digits has version 3, not 4.",
    ),
    "the metadata of another model": (
        f"{OIP}/ModelMetadata",
        message("inference.ModelMetadataRequest", name="cats"),
        "Model with name cats does not exist.",
    ),
    "another servable": (
        f"{TF}/Predict",
        predict(model_spec=spec("cats")),
        "Servable not found for request: Latest(cats)",
    ),
    "another version of a servable": (
        f"{TF}/Predict",
        predict(model_spec=spec(version={"value": 4})),
        "Servable not found for request: Specific(digits, 4)",
    ),
    "the status of another model": (
        f"{MODELS}/GetModelStatus",
        message("tensorflow.serving.GetModelStatusRequest", model_spec=spec("cats")),
        "Could not find any versions of model cats",
    ),
    "the status of another version": (
        f"{MODELS}/GetModelStatus",
        message("tensorflow.serving.GetModelStatusRequest", model_spec=spec(version={"value": 4})),
        "Could not find version 4 of model digits",
    ),
}


@pytest.mark.parametrize(("method", "request_", "text"), MISSED.values(), ids=MISSED)
async def test_what_is_not_found(site: GrpcSite, method: str, request_: Any, text: str) -> None:
    assert await failure(site.call(method, request_)) == (grpc.StatusCode.NOT_FOUND, text)


INVALID: dict[str, tuple[str, Any, str]] = {
    "bytes that are no request": (
        INFER,
        b"\x0a\xff",
        "the request's 2 bytes are no inference.ModelInferRequest",
    ),
    "bytes that are no question": (
        f"{OIP}/ModelReady",
        b"{}",
        "the request's 2 bytes are no inference.ModelReadyRequest",
    ),
    "a prediction of no model": (f"{TF}/Predict", b"", "Missing ModelSpec"),
    "the status of no model": (f"{MODELS}/GetModelStatus", b"", "Missing ModelSpec"),
    "no tasks": (f"{TF}/MultiInference", b"", "Inference request has no tasks"),
    "a label": (
        f"{TF}/Predict",
        predict(model_spec=spec(version_label="stable")),
        "Unrecognized servable version label: stable",
    ),
    "an input that is missing": (
        INFER,
        infer(inputs=[], raw_input_contents=[]),
        'input "x" is missing; the signature has x',
    ),
    "an output that the model lacks": (
        f"{TF}/Predict",
        predict(output_filter=["z"]),
        'output "z" is not in the signature; it has y',
    ),
    "compression that is damaged": (
        INFER,
        gzip.compress(infer().SerializeToString())[:-9],
        "the request's body ends in the middle of its gzip data",
    ),
}


@pytest.mark.parametrize(("method", "request_", "text"), INVALID.values(), ids=INVALID)
async def test_what_is_invalid(site: GrpcSite, method: str, request_: Any, text: str) -> None:
    assert await failure(site.call(method, request_)) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    assert (await site.call(INFER, infer())).outputs


REFUSED: dict[str, str] = {
    f"{MODELS}/HandleReloadConfigRequest": "change the ModelDeployment",
    **dict.fromkeys(
        (f"{OIP}/RepositoryModelLoad", f"{OIP}/RepositoryModelUnload"),
        "create or delete a ModelDeployment",
    ),
    **dict.fromkeys(
        (
            f"{OIP}/{kind}SharedMemory{verb}"
            for kind in ("System", "Cuda")
            for verb in ("Status", "Register", "Unregister")
        ),
        "send tensors as raw_input_contents",
    ),
    f"{OIP}/TraceSetting": "read the admin port's /metrics",
    f"{OIP}/LogSettings": "the log has no settings",
}


@pytest.mark.parametrize("method", REFUSED)
async def test_what_is_not_implemented(site: GrpcSite, method: str) -> None:
    code, text = await failure(site.call(method, b"\xff"))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert REFUSED[method] in text


async def test_inference_is_not_streamed(site: GrpcSite) -> None:
    call = site.channel.stream_stream(f"/{OIP}/ModelStreamInfer")(iter([b"a"]), timeout=SECONDS)
    code, text = await failure(call.read())
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "send each request with ModelInfer" in text


async def test_a_sequence_is_refused(site: GrpcSite) -> None:
    request = infer(parameters={"sequence_id": {"int64_param": 1}})
    code, text = await failure(site.call(INFER, request))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert "each request stands alone" in text


async def test_a_method_that_nobody_knows(site: GrpcSite) -> None:
    code, _ = await failure(site.channel.unary_unary(f"/{OIP}/Guess")(b"", timeout=SECONDS))
    assert code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("how", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_requests(site: GrpcSite, how: grpc.Compression) -> None:
    answer = await site.call(INFER, infer(id="a" * 1000), compression=how)
    assert answer.id == "a" * 1000


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
async def test_what_is_too_large_once_it_is_inflated(site: GrpcSite, compress: Any) -> None:
    code, text = await failure(site.call(INFER, compress(bytes(100 * MAX_BYTES))))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MAX_BYTES) in text


async def test_what_is_too_large(site: GrpcSite) -> None:
    code, text = await failure(site.call(INFER, bytes(MAX_BYTES + 1)))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MAX_BYTES) in text


async def test_a_name_that_is_too_long_to_repeat(site: GrpcSite) -> None:
    code, text = await failure(site.call(INFER, infer(model_name="ä" * 100_000)))
    assert code is grpc.StatusCode.NOT_FOUND
    assert text.endswith("ä…")


@pytest.mark.parametrize("cache", ["hit", "miss", "off"])
async def test_an_answer_names_the_revision_and_what_the_cache_did(cache: str) -> None:
    async with grpc_site(Probe(cache=cache), MODEL) as site:
        call = site.call(INFER, infer())
        metadata = await call.initial_metadata()
        assert metadata["x-frazil-revision"] == "digits-7c9f"
        assert metadata["x-frazil-cache"] == cache
        assert (await call).outputs


CODES = [code for code in Code if code.name in grpc.StatusCode.__members__]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
async def test_errors_have_grpcs_codes(code: Code) -> None:
    async with grpc_site(Probe(InferenceError(code, "no")), MODEL) as site:
        assert await failure(site.call(INFER, infer())) == (grpc.StatusCode[code.name], "no")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.PAYLOAD_TOO_LARGE, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Code.REQUEST_TIMEOUT, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
async def test_errors_that_only_http_has(code: Code, status: grpc.StatusCode) -> None:
    async with grpc_site(Probe(InferenceError(code, "no")), MODEL) as site:
        assert await failure(site.call(INFER, infer())) == (status, "no")


async def test_a_refusal_says_when_to_come_back() -> None:
    refusal = InferenceError(Code.RESOURCE_EXHAUSTED, "full", retry_after=2)
    async with grpc_site(Probe(refusal), MODEL) as site:
        call = site.call(INFER, infer())
        assert await failure(call) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        assert (await call.trailing_metadata())["grpc-retry-pushback-ms"] == "2000"


async def test_a_bug_is_told_to_the_log_and_not_to_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with grpc_site(Probe(ZeroDivisionError("secret")), MODEL) as site:
        code, text = await failure(site.call(INFER, infer()))
    assert (code, text) == (grpc.StatusCode.INTERNAL, "internal error: see the log")
    assert "ZeroDivisionError" in caplog.text


async def test_a_call_without_a_deadline_waits_and_may_be_stored() -> None:
    probe = Probe()
    async with grpc_site(probe, MODEL) as site:
        await site.call(INFER, infer(), timeout=None)
    assert probe.requests[0].timeout is None
    assert probe.requests[0].stored


@pytest.mark.parametrize(
    ("deadline", "parameter", "shorter"),
    [(SECONDS, None, SECONDS), (SECONDS, 1_000_000, 1), (SECONDS, 100_000_000, SECONDS)],
    ids=["the call's", "the parameter's", "the call's, of both"],
)
async def test_the_shorter_deadline_holds(
    deadline: float, parameter: int | None, shorter: float
) -> None:
    probe = Probe()
    parameters = {"timeout": {"int64_param": parameter}} if parameter else {}
    async with grpc_site(probe, MODEL) as site:
        await site.call(INFER, infer(parameters=parameters), timeout=deadline)
    assert probe.requests[0].timeout is not None
    assert shorter / 2 < probe.requests[0].timeout < shorter * 1.5  # gRPC rounds it


async def test_a_client_may_want_nothing_stored() -> None:
    probe = Probe()
    async with grpc_site(probe, MODEL) as site:
        await site.call(INFER, infer(), metadata=(("cache-control", "no-store"),))
    assert not probe.requests[0].stored


async def test_a_deadline_that_passes_cancels_the_request() -> None:
    gate = Gate()
    async with grpc_site(gate, MODEL) as site:
        code, _ = await failure(site.call(INFER, infer(), timeout=0.2))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(SECONDS):
            await gate.cancelled.wait()


async def test_a_client_that_gives_up_cancels_the_request() -> None:
    gate = Gate()
    async with grpc_site(gate, MODEL) as site, asyncio.timeout(SECONDS):
        call = site.call(INFER, infer())
        await gate.came.wait()
        call.cancel()
        await gate.cancelled.wait()
        gate.opened.set()
        await site.call(INFER, infer())
        text = site.metrics.render().decode()
    assert 'code="CANCELLED",model="digits",protocol="open-inference-grpc"' in text


class Door:
    """Counts who is in; lets nobody in once it is shut."""

    def __init__(self) -> None:
        self.seen: list[int | None] = []
        self.inside = self.coming = 0
        self.shut = False

    def admit(self, model: str, content_length: int | None) -> int:
        if self.shut:
            raise InferenceError(Code.RESOURCE_EXHAUSTED, f"{model} is busy", retry_after=2.5)
        self.seen.append(content_length)
        self.inside += 100
        self.coming += 1
        return 100

    def grow(self, held: int, size: int) -> int:
        raise AssertionError("a message comes whole")

    def arrived(self) -> None:
        self.coming -= 1

    def release(self, held: int) -> None:
        self.inside -= held


async def test_a_calls_bytes_count_until_it_ends_in_whatever_way() -> None:
    door, gate, asked = Door(), Gate(), infer()
    async with grpc_site(gate, MODEL, admission=door) as site, asyncio.timeout(SECONDS):
        call = site.call(INFER, asked)
        await gate.came.wait()
        assert (door.seen, door.inside, door.coming) == ([asked.ByteSize()], 100, 0)
        call.cancel()
        await gate.cancelled.wait()
        gate.opened.set()
        await site.call(INFER, asked)
        assert (await failure(site.call(INFER, infer(inputs=[]))))[
            0
        ] is grpc.StatusCode.INVALID_ARGUMENT
        door.shut = True
        code, text = await failure(site.call(INFER, asked))
        assert (code, text) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "digits is busy")
        assert (len(door.seen), door.inside, door.coming) == (3, 0, 0)


async def test_every_way_a_call_ends_is_counted() -> None:
    async with grpc_site(Probe(), MODEL) as site:
        await site.call(INFER, infer())
        await failure(site.call(INFER, infer(inputs=[])))
        await site.call(f"{TF}/Predict", predict())
        text = site.metrics.render().decode()
    for code, protocol, signature in (
        ("OK", "open-inference-grpc", "serving_default"),
        ("INVALID_ARGUMENT", "open-inference-grpc", ""),
        ("OK", "tensorflow-serving-grpc", "serving_default"),
    ):
        labels = f'code="{code}",model="digits",protocol="{protocol}",signature="{signature}"'
        assert f"frazil_requests_total{{{labels}}} 1.0" in text


def health(site: GrpcSite, method: str, service: str = "") -> Any:
    kind = site.channel.unary_stream if method == "Watch" else site.channel.unary_unary
    stub = kind(
        f"/grpc.health.v1.Health/{method}",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    return stub(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS)


@pytest.mark.parametrize("service", ["", TF, MODELS, OIP, "grpc.health.v1.Health"])
async def test_a_process_is_serving_while_it_is_ready(service: str) -> None:
    async with grpc_site(Probe(), MODEL) as site:
        assert (await health(site, "Check", service)).status == 1
        site.lifecycle.enter(State.DRAINING)
        assert (await health(site, "Check", service)).status == 2
        assert not (await site.call(f"{OIP}/ServerReady", b"")).ready
        assert (await site.call(INFER, infer())).outputs


async def test_who_watches_hears_of_the_drain() -> None:
    async with grpc_site(Probe(), MODEL) as site:
        watch = health(site, "Watch")
        assert (await watch.read()).status == 1
        site.lifecycle.enter(State.DRAINING)
        assert (await watch.read()).status == 2
        assert await watch.read() is grpc.aio.EOF


async def test_a_service_that_nobody_knows_has_no_health(site: GrpcSite) -> None:
    assert (await failure(health(site, "Check", "a")))[0] is grpc.StatusCode.NOT_FOUND
    watch = health(site, "Watch", "a")
    assert (await watch.read()).status == 3
    watch.cancel()


async def reflected(site: GrpcSite, **question: str) -> Any:
    stub = site.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    call = stub(iter([reflection_pb2.ServerReflectionRequest(**question)]), timeout=SECONDS)
    answer = await call.read()
    assert await call.read() is grpc.aio.EOF
    return answer


async def test_reflection_lists_the_services(site: GrpcSite) -> None:
    answer = await reflected(site, list_services="")
    assert {each.name for each in answer.list_services_response.service} == {
        *(TF, MODELS, OIP),
        *("grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"),
    }


@pytest.mark.parametrize("service", [TF, MODELS, OIP, "grpc.health.v1.Health"])
async def test_reflection_describes_each_service(site: GrpcSite, service: str) -> None:
    answer = await reflected(site, file_containing_symbol=service)
    files = [
        FileDescriptorProto.FromString(data)
        for data in answer.file_descriptor_response.file_descriptor_proto
    ]
    assert service in {f"{file.package}.{each.name}" for file in files for each in file.service}


async def test_a_call_that_was_accepted_is_finished() -> None:
    gate = Gate()
    async with asyncio.timeout(SECONDS):
        async with grpc_site(gate, MODEL) as site:
            call = site.call(INFER, infer())
            await gate.came.wait()
            ending = asyncio.create_task(site.end())
            gate.opened.set()
            assert (await call).outputs
            await ending


async def test_calls_are_served_until_there_are_no_more() -> None:
    async with asyncio.timeout(SECONDS):
        async with grpc_site(Probe(), MODEL, quiet_seconds=0.2) as site:
            await site.call(INFER, infer())
            ending = asyncio.create_task(site.end())
            for _ in range(3):
                assert (await site.call(INFER, infer())).outputs
            assert not ending.done()
            await ending
            assert (await failure(site.call(INFER, infer())))[0] is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_calls_seldom_is_told_to_go_before_the_server_does() -> None:
    async with asyncio.timeout(SECONDS):
        options = {"quiet_seconds": 0.01, "age_seconds": 2.0}
        async with grpc_site(Probe(), MODEL, connected=established, **options) as site:
            await site.call(INFER, infer())
            ending = asyncio.create_task(site.end())
            await asyncio.sleep(0.3)  # for longer than it has to be quiet: nothing is to happen
            assert (await site.call(INFER, infer())).outputs
            await ending


async def test_who_is_in_a_hurry_does_not_wait_for_clients_to_leave() -> None:
    async with asyncio.timeout(SECONDS):
        async with grpc_site(Probe(), MODEL, quiet_seconds=3600, age_seconds=3600) as site:
            await site.call(INFER, infer())
            ending = asyncio.create_task(site.end())
            assert (await site.call(INFER, infer())).outputs
            site.hurry.set()
            await ending


async def test_how_large_a_message_may_be_can_change() -> None:
    async with grpc_site(Probe(), MODEL) as site:
        request = infer(id="a" * 2 * MAX_BYTES)
        assert (await failure(site.call(INFER, request)))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        site.max_bytes *= 4
        assert (await site.call(INFER, request)).id == request.id
        site.max_bytes = 9
        code, text = await failure(site.call(INFER, infer()))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than 9 bytes" in text


async def test_an_address_that_is_taken(site: GrpcSite) -> None:
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{site.port}: "):
        async with serving_grpc(
            *({}, Metrics(), Lifecycle(), f"127.0.0.1:{site.port}"),
            max_message_bytes=lambda: MAX_BYTES,
        ):
            pass
