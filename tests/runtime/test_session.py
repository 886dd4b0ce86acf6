"""Graphs run through the C API: every type, and every trap on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from fakes import artifacts
from fakes.crash import run_python

from frazil_runtime import contract, dtypes
from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.errors import ArtifactError
from frazil_runtime.manifest import Asset, Signature, Tensor
from frazil_runtime.session import Session

pytestmark = pytest.mark.tensorflow

v1 = tf.compat.v1

Make = Callable[..., Session]


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Makes the session of a graph's builder and one signature (or several)."""
    made = []

    def session(build: Callable[[], object], signatures: Any, **options: Any) -> Session:
        if isinstance(signatures, Signature):
            signatures = {"run": signatures}
        directory = tmp_path / f"artifact-{len(made)}"
        manifest = artifacts.write_artifact(directory, build, signatures, **options)
        made.append(Session(directory, manifest))
        return made[-1]

    yield session
    for each in made:
        each.close()


def echo(dtype: str) -> Callable[[], None]:
    def build() -> None:
        x = v1.placeholder(tf.as_dtype(dtype), None, "x")
        tf.identity(x, "y")

    return build


def values(dtype: dtypes.DType) -> np.ndarray:
    """Six different values, the extremes of integers among them, of shape [2, 3]."""
    if dtype.is_string:
        texts = [b"", b"\0\xff", b"x" * 22, b"x" * 23, b"x" * 1000, "Eis·é".encode()]
        return np.array(texts, object).reshape(2, 3)
    if dtype.name == "bool":
        return np.array([[True, False, True], [False, False, True]])
    if dtype.numpy.kind in "iu":
        limits = np.iinfo(dtype.numpy)
        return np.array([[limits.min, limits.max, 0], [1, 2, 3]], dtype.numpy)
    return np.array([[0.5, -2, 3], [np.inf, -0.0, 1e-3]]).astype(dtype.numpy)


@pytest.mark.parametrize("dtype", dtypes.DTYPES, ids=lambda dtype: dtype.name)
def test_a_type_passes_through_bit_by_bit(make: Make, dtype: dtypes.DType) -> None:
    session = make(echo(dtype.name), artifacts.one_to_one("x", "y", dtype.name, None))
    matrix = values(dtype)
    for array in (
        matrix,
        matrix[0, 0, None].reshape(()),  # a scalar
        matrix[:0],  # no rows
        matrix.T,  # not contiguous
        np.broadcast_to(matrix[:, None], (2, 4, 3)),  # strides of 0
    ):
        (result,) = session.run("run", [array])
        assert result.dtype == dtype.numpy
        assert result.shape == array.shape
        assert result.tolist() == array.tolist()


def test_strings_reach_operations_and_come_back_from_them(make: Make) -> None:
    def build() -> None:
        x = v1.placeholder(tf.string, [None], "x")
        tf.strings.upper(x, name="y")

    session = make(build, artifacts.one_to_one("x", "y", "string", (-1,)))
    texts = [b"frazil" * n for n in (0, 1, 3, 4, 5, 100, 1_000_000)]
    (result,) = session.run("run", [np.array(texts, object)])
    assert result.tolist() == [text.upper() for text in texts]


def test_outputs_are_copies_that_nobody_can_write_to(make: Make) -> None:
    def build() -> None:
        x = v1.placeholder(tf.float32, [None], "x")
        tf.identity(x, "same")
        tf.constant([1.0, 2.0], name="constant")

    session = make(
        build,
        Signature(
            (artifacts.tensor("x"),), (artifacts.tensor("same"), artifacts.tensor("constant"))
        ),
    )
    given = np.array([3.0], np.float32)
    same, constant = session.run("run", [given])
    given[0] = 4
    assert same.tolist() == [3]
    assert not constant.flags.writeable
    assert session.run("run", [given])[1].tolist() == [1, 2]


def test_the_models_own_error_leaves_the_session_usable(make: Make) -> None:
    def build() -> None:
        x = v1.placeholder(tf.int32, [None], "x")
        tf.identity(tf.constant(12) // x, "y")

    session = make(build, artifacts.one_to_one("x", "y", "int32", (-1,)))
    with pytest.raises(TensorFlowError, match="division by zero") as caught:
        session.run("run", [np.array([0], np.int32)])
    assert caught.value.code == 3
    assert session.run("run", [np.array([5], np.int32)])[0].tolist() == [2]


def parsing() -> None:
    v1.strings.to_number(v1.placeholder(tf.string, [None], "text"), name="number")
    example = v1.placeholder(tf.string, [None], "example")
    found = tf.io.parse_example(example, {"size": tf.io.FixedLenFeature([1], tf.float32)})
    tf.identity(found["size"], "found")


def test_what_cannot_be_parsed_is_not_quoted(make: Make) -> None:
    session = make(
        parsing,
        {
            name: Signature(
                (artifacts.tensor(name, "string"),), (artifacts.tensor(output, shape=None),)
            )
            for name, output in (("text", "number"), ("example", "found"))
        },
    )
    for name, text in (
        ("text", "fails on the strings it was sent, at number$"),
        ("example", "at "),
    ):
        with pytest.raises(TensorFlowError, match=text) as caught:
            session.run(name, [np.array([b"secret"], object)])
        assert caught.value.code == 3
        assert "secret" not in str(caught.value)
    example = tf.train.Example()
    example.features.feature["size"].bytes_list.value.append(b"secret")
    with pytest.raises(TensorFlowError, match=r"Key: size.*expected type: float") as caught:
        session.run("example", [np.array([example.SerializeToString()], object)])
    assert "secret" not in str(caught.value)


def filled() -> None:
    tf.fill(v1.placeholder(tf.int64, [1], "x"), np.float32(1), name="y")


FILLED = Signature((Tensor("x", "x:0", "int64", (1,)),), (artifacts.tensor("y"),))


def test_an_allocation_that_fails_leaves_the_session_usable(make: Make) -> None:
    session = make(filled, FILLED)
    with pytest.raises(TensorFlowError, match="OOM when allocating tensor") as caught:
        session.run("run", [np.array([10**15])])  # 4 PB: no machine's overcommitment grants that
    assert caught.value.code == 8
    assert session.run("run", [np.array([2])])[0].tolist() == [1, 1]


def test_an_image_smaller_than_the_pooling_window_leaves_the_session_usable(tmp_path: Path) -> None:
    """As oneDNN sees it, in a process of its own: with strides of 1 it divides by zero."""

    def pooled() -> None:
        x = v1.placeholder(tf.float32, [None, None, None, 1], "x")
        tf.identity(tf.nn.max_pool2d(x, 3, 2, "VALID"), "y")

    shape = (-1, -1, -1, 1)
    artifacts.write_artifact(
        tmp_path, pooled, {"run": artifacts.one_to_one("x", "y", "float32", shape)}
    )
    code = """
session = Session(directory, manifest)
try:
    session.run("run", [np.zeros((1, 2, 2, 1), np.float32)])
except TensorFlowError as error:
    assert error.code == 10, error
else:
    raise AssertionError("no error")
assert session.run("run", [np.ones((1, 3, 3, 1), np.float32)])[0].tolist() == [[[[1]]]]
"""
    onednn = "import os; os.environ['TF_ENABLE_ONEDNN_OPTS'] = '1'\n"
    result = run_python(onednn + SERVE + code, str(tmp_path))
    assert result.returncode == 0, result.stderr


def test_an_output_that_is_the_fed_input_is_an_error_and_not_a_crash(make: Make) -> None:
    session = make(echo("float32"), artifacts.one_to_one("x", "x", "float32", None))
    with pytest.raises(TensorFlowError, match="both fed and fetched"):
        session.run("run", [np.float32([1])])


def test_several_signatures_share_one_graph(make: Make) -> None:
    def build() -> None:
        x = v1.placeholder(tf.float32, [None], "x")
        tf.identity(x * 2, "double")
        tf.identity(x / 2, "half")

    signatures = {
        name: artifacts.one_to_one("x", name, "float32", (-1,)) for name in ("double", "half")
    }
    session = make(build, signatures)
    assert session.run("double", [np.float32([3])])[0].tolist() == [6]
    assert session.run("half", [np.float32([3])])[0].tolist() == [1.5]


def test_runs_at_the_same_time_do_not_mix(make: Make) -> None:
    session = make(artifacts.digits, artifacts.DIGITS)
    rows = np.random.default_rng(1).standard_normal((4, 50, 784)).astype(np.float32)
    expected = [session.run("serving_default", [part])[0] for part in rows]

    def work(at: int) -> bool:
        return all(
            np.array_equal(session.run("serving_default", [rows[at]])[0], expected[at])
            for _ in range(100)
        )

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(work, range(4)))


# --- lookup tables ---------------------------------------------------------------------------


def table() -> None:
    """TensorFlow 2's form: the vocabulary's path is a placeholder that only the init op reads."""
    path = v1.placeholder(tf.string, [], "path")
    x = v1.placeholder(tf.string, [None], "x")
    initializer = tf.lookup.TextFileInitializer(
        path,
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    words = tf.lookup.StaticHashTable(initializer, -1)
    tf.identity(words.lookup(x), "y")
    with tf.control_dependencies([v1.tables_initializer()]):
        tf.no_op("init")


TABLE = Signature((artifacts.tensor("x", "string"),), (Tensor("y", "y:0", "int64", (-1,)),))
VOCABULARY = {"initialization": ("init",), "assets": (Asset("path:0", "assets/words.txt"),)}


def test_each_session_has_its_own_tables(make: Make) -> None:
    first = make(table, TABLE, files={"assets/words.txt": b"snow\nice\n"}, **VOCABULARY)
    second = make(table, TABLE, files={"assets/words.txt": b"ice\nfog\n"}, **VOCABULARY)
    words = [np.array([b"ice", b"fog"], object)]
    assert first.run("run", words)[0].tolist() == [1, -1]
    assert second.run("run", words)[0].tolist() == [0, 1]


def test_a_table_that_was_not_filled_leaves_the_session_usable(make: Make) -> None:
    def table_and_echo() -> None:
        table()
        tf.identity(v1.get_default_graph().get_tensor_by_name("x:0"), "same")

    session = make(
        table_and_echo,
        {"run": TABLE, "echo": artifacts.one_to_one("x", "same", "string", (-1,))},
    )
    words = [np.array([b"ice"], object)]
    with pytest.raises(TensorFlowError, match="Table not initialized") as caught:
        session.run("run", words)
    assert caught.value.code == 9
    assert session.run("echo", words)[0].tolist() == [b"ice"]


def test_a_vocabulary_may_go_once_it_was_read(make: Make, tmp_path: Path) -> None:
    session = make(table, TABLE, files={"assets/words.txt": b"snow\nice\n"}, **VOCABULARY)
    (path,) = tmp_path.rglob("words.txt")
    path.unlink()
    assert session.run("run", [np.array([b"ice"], object)])[0].tolist() == [1]


def test_a_vocabulary_outside_of_the_artifact_is_refused(make: Make) -> None:
    with pytest.raises(ArtifactError, match=r"assets/words\.txt is no file of the artifact"):
        make(table, TABLE, **VOCABULARY)


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    manifest = artifacts.write_artifact(
        tmp_path, table, {"run": TABLE}, files={"assets/words.txt": b"ice\n"}, **VOCABULARY
    )
    (tmp_path / "assets/words.txt").unlink()
    with pytest.raises(ArtifactError, match=rf"cannot be initialised: {tmp_path}/assets/words"):
        Session(tmp_path, manifest)


# --- artifacts that cannot be served ---------------------------------------------------------


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        pytest.param(
            Signature((Tensor("x", "nowhere:0", "float32", None),), ()),
            "the graph has no operation nowhere",
            id="an input that is not in the graph",
        ),
        pytest.param(
            Signature((), (Tensor("y", "y:1", "float32", None),)),
            "the graph has no tensor y:1: y has 1 outputs",
            id="an output beyond the operation's last",
        ),
        pytest.param(
            Signature((), (Tensor("y", "y:0", "int32", None),)),
            "tensor y:0 is float32 in the graph, not int32",
            id="another dtype than the graph's",
        ),
        pytest.param(
            Signature((), (Tensor("y", "y:0", "resource", None),)),
            "tensor y:0 is float32 in the graph, not resource",
            id="a dtype that is not served",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    make: Make, signature: Signature, message: str
) -> None:
    with pytest.raises(ArtifactError, match=message):
        make(echo("float32"), signature)


@pytest.mark.parametrize(("dtype", "number"), [("resource", 20), ("variant", 21), ("qint8", 11)])
def test_a_tensor_that_numpy_has_no_type_for_is_refused_at_load(
    make: Make, dtype: str, number: int
) -> None:
    given, taken = artifacts.tensor("x", dtype), artifacts.tensor("y", dtype)
    message = f"is TF_DataType {number} in the graph, not {dtype}"
    with pytest.raises(ArtifactError, match=f"tensor x:0 {message}"):
        make(echo(dtype), Signature((given,), ()))
    with pytest.raises(ArtifactError, match=f"tensor y:0 {message}"):
        make(echo(dtype), Signature((), (taken,)))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no graph at all", id="garbage"),
        pytest.param(None, id="missing"),
        pytest.param(
            v1.GraphDef(node=[v1.NodeDef(name="x", op="NoSuchOp")]).SerializeToString(),
            id="with an operation that TensorFlow does not know",
        ),
    ],
)
def test_a_graph_that_cannot_be_imported_is_refused(tmp_path: Path, content: bytes | None) -> None:
    manifest = artifacts.write_artifact(
        tmp_path, echo("float32"), {"run": artifacts.one_to_one("x", "y", "float32", None)}
    )
    graph = tmp_path / contract.GRAPH
    graph.unlink()
    if content is not None:
        graph.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"frozen_graph\.pb cannot be (read|imported)"):
        Session(tmp_path, manifest)


def test_a_node_without_a_kernel_fails_the_first_run_by_name(tmp_path: Path) -> None:
    """Even where it is not fetched. Its kernel lives in TensorFlow's Python package."""

    def build() -> None:
        x = v1.placeholder(tf.float32, [None], "x")
        tf.identity(x, "y")
        v1.py_func(lambda value: value, [x], tf.float32, name="python")

    artifacts.write_artifact(
        tmp_path, build, {"run": artifacts.one_to_one("x", "y", "float32", (-1,))}
    )
    code = "Session(directory, manifest).run('run', [np.float32([1])])"
    result = run_python(SERVE + code, str(tmp_path))
    assert result.returncode == 1
    assert "TensorFlowError: No OpKernel was registered to support Op 'PyFunc'" in result.stderr


# --- close -----------------------------------------------------------------------------------


def endless() -> None:
    """A loop that ends when x is 0."""
    x = v1.placeholder(tf.int32, [], "x")
    tf.identity(tf.while_loop(lambda i: tf.not_equal(x, 0), lambda i: [i + 1], [x])[0], "y")


def test_closing_ends_a_run_that_would_never_end(make: Make) -> None:
    session = make(endless, artifacts.one_to_one("x", "y", "int32", ()))
    assert session.run("run", [np.int32(0)])[0] == 0
    running = threading.Event()

    def run() -> None:
        running.set()
        session.run("run", [np.int32(1)])

    with ThreadPoolExecutor(1) as thread:
        future = thread.submit(run)
        running.wait()
        session.close()  # this thread runs: the other has let go of the interpreter's lock
        with pytest.raises(TensorFlowError) as caught:
            future.result()
    assert caught.value.code == 1


def test_a_closed_session_says_so_and_closes_again(make: Make) -> None:
    session = make(echo("int32"), artifacts.one_to_one("x", "y", "int32", ()))
    session.close()
    session.close()
    with pytest.raises(TensorFlowError, match="the session is closed"):
        session.run("run", [np.int32(0)])


# --- the process -----------------------------------------------------------------------------

SERVE = """
import sys, threading
from pathlib import Path
import numpy as np
from frazil_runtime.capi.library import TensorFlowError
from frazil_runtime.manifest import Manifest
from frazil_runtime.session import Session

directory = Path(sys.argv[1])
manifest = Manifest.from_json((directory / "manifest.json").read_bytes())

def anonymous():
    "MB of private memory"
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1000

def threads():
    return len(list(Path("/proc/self/task").iterdir()))
"""


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("Session(directory, manifest)", id="open session"),
        pytest.param("Session(directory, manifest).close()", id="closed session"),
    ],
)
def test_a_process_exits_cleanly_with_an(digits: Path, code: str) -> None:
    run = "session.run('serving_default', [np.zeros((1, 784), np.float32)])"
    result = run_python(f"{SERVE}\nsession = Session(directory, manifest); {run}", str(digits))
    assert result.returncode == 0, result.stderr


def test_a_second_session_starts_no_threads(digits: Path) -> None:
    code = """
first = Session(directory, manifest)
first.run("serving_default", [np.zeros((1, 784), np.float32)])
before = threads()
second = Session(directory, manifest)
second.run("serving_default", [np.zeros((1, 784), np.float32)])
assert threads() == before, (before, threads())
"""
    result = run_python(SERVE + code, str(digits))
    assert result.returncode == 0, result.stderr


def test_the_first_session_decides_intra_op_for_the_process(digits: Path) -> None:
    """So there is one config, a constant: a session's own would be ignored without a word."""
    code = """
from frazil_runtime import session as module
from frazil_runtime.capi.config import CONFIG, _integer

for number in sys.argv[2:]:
    module.CONFIG = CONFIG + _integer(2, int(number))  # the field's last value counts
    session = Session(directory, manifest)
    session.run("serving_default", [np.zeros((1, 784), np.float32)])
    print(threads())
"""

    def threads_with(*intra_op: str) -> list[int]:
        result = run_python(SERVE + code, str(digits), *intra_op)
        assert result.returncode == 0, result.stderr
        return [int(line) for line in result.stdout.split()]

    one, one_then_four = threads_with("1", "4")
    four, four_then_one = threads_with("4", "1")
    assert one == one_then_four < four == four_then_one


def test_strings_and_closed_models_leave_no_memory_behind(tmp_path: Path) -> None:
    def build() -> None:
        x = v1.placeholder(tf.string, [None], "x")
        tf.strings.upper(x, name="y")
        big = np.random.default_rng(0).standard_normal(4_000_000).astype(np.float32)
        tf.identity(tf.constant(big), "weights")

    artifacts.write_artifact(
        tmp_path, build, {"run": artifacts.one_to_one("x", "y", "string", (-1,))}
    )
    code = """
session = Session(directory, manifest)
text = [np.array([b"x" * 10_000_000], object)]
session.run("run", text)
start = anonymous()
for _ in range(30):
    session.run("run", text)
assert anonymous() < start + 30, "300 MB of strings went through"
loaded = anonymous()
for _ in range(5):
    session.close()
    session = Session(directory, manifest)
    session.run("run", text)
assert anonymous() < loaded + 40, "a model of 16 MB was loaded five times"
session.close()
assert anonymous() < loaded - 10, "the model's memory comes back"
"""
    result = run_python(SERVE + code, str(tmp_path))
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "session._run(_Ports((Output * 1)(Output(None, 0)), (f32,), (Output * 0)()), [one])",
            id="an operation that is NULL",
        ),
        pytest.param(
            "cells = session._library.TF_AllocateTensor(7, (ctypes.c_int64 * 1)(1), 1, 24)\n"
            "ctypes.memset(session._library.TF_TensorData(cells), 0xfd, 24)\n"
            "session._library.TF_DeleteTensor(cells)",
            id="string cells that hold garbage",
        ),
    ],
)
def test_tensorflow_ends_the_process_at(digits: Path, code: str) -> None:
    """What the checks of graph.py and the order of tensors.py keep away."""
    setup = """
import ctypes
from frazil_runtime import dtypes
from frazil_runtime.session import Output, _Ports
session = Session(directory, manifest)
f32, one = dtypes.BY_NAME["float32"], np.zeros((1, 784), np.float32)
"""
    assert run_python(SERVE + setup + code, str(digits)).returncode < 0
