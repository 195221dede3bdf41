"""Shared by all tests: hypothesis profiles, kernel variants, the report header."""

import os

import pytest
from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("rgdl", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "rgdl")


def available_variants() -> list[str]:
    """Kernel variants of this processor; rgdl is imported late, so that the tests of
    the sources run before the extension is built."""
    import rgdl

    return list(rgdl.show_config()["simd_available"])


def pytest_report_header() -> str:
    try:
        import rgdl

        config = rgdl.show_config()
    except ImportError as error:
        return f"rgdl: cannot be imported ({error})"
    others = ", ".join(config["simd_available"])
    return f"rgdl: {config['version']}, kernels {config['simd']} (of {others})"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "simd" in metafunc.fixturenames:
        metafunc.parametrize("simd", available_variants(), indirect=True)


@pytest.fixture(scope="session")
def simd_variants() -> list[str]:
    """Names of the kernel variants that this processor runs."""
    return available_variants()


@pytest.fixture
def simd(request):
    """Run the test once with each kernel variant; its value is the variant's name."""
    import rgdl
    from rgdl import _core

    before = rgdl.show_config()["simd"]
    _core.set_simd(request.param)
    yield request.param
    _core.set_simd(before)
