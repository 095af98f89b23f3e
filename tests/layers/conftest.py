"""Fixtures of the layers room."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("sxrisk_tests_postgis", Path(__file__).with_name("postgis.py"))
assert _SPEC is not None and _SPEC.loader is not None
postgis = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(postgis)


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """Address, with password, of a fresh database with PostGIS; tests that need it skip where it cannot be started."""
    missing = postgis.missing_parts()
    if missing:
        pytest.skip(missing)
    pytest.importorskip("psycopg", reason="no psycopg: pip install 'sxrisk[postgis]'")
    with postgis.postgis_server() as url:
        yield url


@pytest.fixture(scope="session")
def database_password() -> str:
    """Password in the address."""
    return str(postgis.PASSWORD)
