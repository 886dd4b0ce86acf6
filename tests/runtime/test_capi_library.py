"""Finding and opening TensorFlow's libraries."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from fakes.crash import run_python

from frazil_runtime.capi.library import FRAMEWORK, MAIN, LibraryError, library_dir

LOAD = "from frazil_runtime.capi.library import load_library; lib = load_library(); "


def install(directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name in (MAIN, FRAMEWORK):
        (directory / name).touch()
    return directory


def test_the_named_directory_comes_before_an_installed_wheel(tmp_path: Path) -> None:
    install(tmp_path / "site" / "tensorflow")
    chosen = install(tmp_path / "chosen")
    environ = {"FRAZIL_TENSORFLOW_LIB": str(chosen)}
    assert library_dir(environ, [str(tmp_path / "site")]) == chosen


def test_an_installed_wheel_is_found_on_the_path(tmp_path: Path) -> None:
    wheel = install(tmp_path / "site" / "tensorflow")
    assert library_dir({}, ["", str(tmp_path / "other"), str(tmp_path / "site")]) == wheel


def test_a_named_directory_without_libraries_is_an_error_and_not_a_reason_to_look_on(
    tmp_path: Path,
) -> None:
    install(tmp_path / "site" / "tensorflow")
    environ = {"FRAZIL_TENSORFLOW_LIB": str(tmp_path)}
    with pytest.raises(LibraryError, match=f"in none of {tmp_path}: install tensorflow-cpu"):
        library_dir(environ, [str(tmp_path / "site")])


def test_a_file_that_is_no_library_is_named(tmp_path: Path) -> None:
    directory = install(tmp_path / "lib")
    code = f"import os; os.environ['FRAZIL_TENSORFLOW_LIB'] = {str(directory)!r}\n{LOAD}"
    result = run_python(code)
    assert result.returncode == 1
    assert f"LibraryError: {directory / FRAMEWORK} cannot be opened" in result.stderr


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    "code",
    [
        pytest.param(LOAD, id="the interpreter exits after the load"),
        pytest.param(LOAD + "del lib; import gc; gc.collect()", id="nothing refers to it any more"),
        pytest.param(LOAD + "import ssl; ssl.create_default_context()", id="ssl is imported later"),
        pytest.param("import ssl; " + LOAD, id="ssl is imported before"),
        pytest.param(
            LOAD + "import hashlib; hashlib.sha256(b'').digest()", id="hashlib is imported later"
        ),
        pytest.param(
            LOAD + "import sys; assert 'tensorflow' not in sys.modules",
            id="the tensorflow package stays out",
        ),
    ],
)
def test_the_process_ends_well_where(code: str) -> None:
    result = run_python(code)
    assert result.returncode == 0, result.stderr


@pytest.mark.tensorflow
def test_both_libraries_are_opened_lazily_locally_and_for_good() -> None:
    code = """
import os
from frazil_runtime.capi import library

bind, seen = library._bind, []

def observed(*arguments):
    function = bind(*arguments)

    def dlopen(path, flags):
        seen.append((os.path.basename(path.decode()), flags))
        return function(path, flags)

    return dlopen if arguments[1] == "dlopen" else function

library._bind = observed
library.load_library()
flags = os.RTLD_LAZY | os.RTLD_LOCAL | os.RTLD_NODELETE
assert seen == [(library.FRAMEWORK, flags), (library.MAIN, flags)], seen
"""
    result = run_python(code)
    assert result.returncode == 0, result.stderr


@pytest.mark.tensorflow
def test_short_calls_keep_the_interpreters_lock() -> None:
    """That a run lets go of it is told by the test that closes a session under a run."""
    code = """
import ctypes, threading, time

turns, started = 0, threading.Event()

def turn():
    global turns
    while True:
        turns += 1
        started.set()
        time.sleep(0)  # lets go of the lock, and takes it as soon as somebody else does

sys.setswitchinterval(1000)  # nobody is asked for the lock
threading.Thread(target=turn, daemon=True).start()
started.wait()
before = turns
for _ in range(10_000):
    with lib.status() as status:
        pass
    tensor = lib.TF_AllocateTensor(1, (ctypes.c_int64 * 1)(1), 1, 4)
    lib.TF_TensorData(tensor), lib.TF_TensorByteSize(tensor), lib.TF_TensorType(tensor)
    lib.TF_DeleteTensor(tensor)
assert turns == before, turns - before
"""
    result = run_python(f"import sys\n{LOAD}\n{code}")
    assert result.returncode == 0, result.stderr


# Why validation.py and tensors.py are as strict as they are: this is what they keep away.
@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("code", "end"),
    [
        pytest.param("allocate([-1], 4)", signal.SIGABRT, id="a negative dimension"),
        pytest.param("allocate([2**62, 4], 4)", signal.SIGABRT, id="an overflowing product"),
        pytest.param("allocate([1] * 255, 4)", signal.SIGABRT, id="a rank of 255"),
        pytest.param("allocate([4], 1000)", 0, id="a length that is too long, silently accepted"),
    ],
)
def test_tensorflow_ends_the_process_at(code: str, end: int) -> None:
    allocate = (
        "import ctypes\n"
        "def allocate(dims, size):\n"
        "    assert lib.TF_AllocateTensor(1, (ctypes.c_int64 * len(dims))(*dims), len(dims), size)"
    )
    assert run_python(f"{LOAD}\n{allocate}\n{code}").returncode == -end
