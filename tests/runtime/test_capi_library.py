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
