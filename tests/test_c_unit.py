"""The C core alone: its unit tests under ASan and UBSan, its warnings, its symbols."""

import functools
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "csrc" / "core"
# The kernels take longest to compile: with two jobs they go first.
CORE_SOURCES = sorted(CORE.glob("kernels/*.c")) + sorted(CORE.glob("*.c"))
C_TESTS = sorted((ROOT / "tests" / "c").glob("test_*.c"))

COMMON = ["-std=c11", "-g", "-ffp-contract=off", "-I", str(CORE)]
WARNINGS = (
    "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes "
    "-Wmissing-prototypes -Wcast-qual -Wvla -Werror"
).split()
# Tracking variables for a debugger would double the time of compiling the kernels.
SANITIZE = (
    "-O1 -g1 -fno-var-tracking -fsanitize=address,undefined -fno-sanitize-recover=all"
).split()
LIBRARIES = ["-lm", "-lpthread"]
# At most two compilers at a time: cheap machines have two cores and little memory.
JOBS = 2


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compile_object(compiler: str, flags: list[str], source: Path, target: Path) -> Path:
    done = run([compiler, *flags, "-c", str(source), "-o", str(target)])
    assert done.returncode == 0, f"{compiler} {source.name}:\n{done.stderr}"
    return target


def compile_core(compiler: str, flags: list[str], folder: Path) -> list[Path]:
    with ThreadPoolExecutor(JOBS) as pool:
        return list(
            pool.map(
                lambda source: compile_object(
                    compiler, flags, source, folder / f"{source.stem}.o"
                ),
                CORE_SOURCES,
            )
        )


def compilers() -> list[str]:
    """`cc`, and clang where it is installed and is not `cc` itself."""
    found = {Path(shutil.which("cc") or "cc").resolve(): "cc"}
    if clang := shutil.which("clang"):
        found.setdefault(Path(clang).resolve(), "clang")
    return list(found.values())


def names_of_tests(source: Path) -> list[str]:
    return re.findall(r"\bTEST\((\w+)\)", source.read_text())


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """Path of the program of a tests/c/test_*.c; the core is compiled once for all."""
    folder = tmp_path_factory.mktemp("c_unit")
    flags = [*COMMON, *SANITIZE, *WARNINGS, "-DRG_TEST"]

    @functools.cache
    def core() -> list[Path]:
        return compile_core("cc", flags, folder)

    @functools.cache
    def build(source: Path) -> Path:
        target = compile_object("cc", flags, source, folder / f"{source.stem}.o")
        objects = [str(path) for path in [target, *core()]]
        binary = folder / source.stem
        done = run(["cc", *SANITIZE, *objects, "-o", str(binary), *LIBRARIES])
        assert done.returncode == 0, done.stderr
        return binary

    return build


@pytest.mark.parametrize(
    ("source", "name"),
    [
        pytest.param(source, name, id=f"{source.stem}-{name}")
        for source in C_TESTS
        for name in names_of_tests(source)
    ],
)
def test_c(program, source, name):
    done = run([str(program(source)), name])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed"


@pytest.mark.parametrize("source", C_TESTS, ids=lambda path: path.stem)
def test_every_c_test_is_collected(program, source):
    listed = run([str(program(source)), "--list"]).stdout.split()
    assert listed == names_of_tests(source) != []


def test_failing_c_check_fails_the_program(tmp_path):
    source = tmp_path / "broken.c"
    source.write_text(
        '#include "harness.h"\n'
        "static void good(void) { CHECK(true); }\n"
        "static void bad(void) { CHECK(1 == 2); }\n"
        "static const harness_test_t TESTS[] = {TEST(good), TEST(bad)};\n"
        "int main(int argc, char **argv)"
        "{ return harness_main(argc, argv, TESTS, 2); }\n"
    )
    binary = tmp_path / "broken"
    harness = str(ROOT / "tests" / "c")
    done = run(["cc", *COMMON, "-I", harness, str(source), "-o", str(binary)])
    assert done.returncode == 0, done.stderr
    everything = run([str(binary)])
    assert everything.returncode == 1
    assert everything.stdout.splitlines()[-1] == "1 passed, 1 failed"
    assert "broken.c:3: CHECK(1 == 2) failed" in everything.stdout
    assert run([str(binary), "good"]).returncode == 0
    assert run([str(binary), "unknown"]).returncode == 1


def test_sanitizer_stops_a_read_past_the_end(tmp_path):
    source = tmp_path / "past_the_end.c"
    source.write_text(
        '#include "rg_base.h"\n'
        "int main(int argc, char **argv)\n"
        "{\n"
        "    (void)argv;\n"
        "    unsigned char *memory = rg_alloc(64, 1);\n"
        "    int value = memory[127 + argc];\n"
        "    rg_free(memory);\n"
        "    return value;\n"
        "}\n"
    )
    binary = tmp_path / "past_the_end"
    core = [str(CORE / "rg_base.c"), str(CORE / "rg_error.c")]
    done = run(["cc", *COMMON, *SANITIZE, str(source), *core, "-o", str(binary)])
    assert done.returncode == 0, done.stderr
    broken = run([str(binary)])
    assert broken.returncode != 0
    assert "heap-buffer-overflow" in broken.stderr


@pytest.fixture(scope="session", params=compilers())
def plain_objects(request, tmp_path_factory) -> list[Path]:
    """The core as it is shipped (no sanitizer, no test hooks), warnings as errors."""
    folder = tmp_path_factory.mktemp(f"core_{request.param}")
    return compile_core(request.param, [*COMMON, "-O2", *WARNINGS], folder)


def symbols(objects: list[Path], *options: str) -> set[str]:
    done = run(["nm", "-P", *options, *map(os.fspath, objects)])
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[0].lstrip("_") for words in lines if len(words) > 1}


def test_core_compiles_without_warnings(plain_objects):
    assert len(plain_objects) == len(CORE_SOURCES)


def test_core_needs_neither_python_nor_output(plain_objects):
    needed = symbols(plain_objects, "-u")
    assert needed  # the core calls memset, say; an empty list would prove nothing
    bad = {name for name in needed if name.startswith(("Py", "PyArray"))}
    output = {"stdout", "stderr", "stdin", "exit", "abort", "printf", "fprintf", "puts"}
    output |= {"fopen", "fwrite", "write", "putchar", "perror", "getenv", "rand"}
    assert bad | (needed & output) == set()


def test_core_exports_only_its_prefix(plain_objects):
    exported = symbols(plain_objects, "-g", "--defined-only")
    assert {name for name in exported if not name.startswith("rg_")} == set()
    assert not {name for name in exported if name.startswith("rg_test_")}
