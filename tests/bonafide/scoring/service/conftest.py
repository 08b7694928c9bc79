"""Fixtures: a service in a thread of the tests; see tests/harness/service_thread.py."""

import pytest
import service_thread

from bonafide.scoring.service.settings import Settings


@pytest.fixture(scope="session")
def records(tmp_path_factory):
    return service_thread.write_records(tmp_path_factory.mktemp("records") / "1700000000")


@pytest.fixture(scope="module")
def service(records):
    with service_thread.running(Settings(model=str(records), api_port=0)) as found:
        yield found


@pytest.fixture
def run_service(records):
    """Returns a context manager of a service with other settings."""

    def run(loader=service_thread.load, **settings):
        given = {"model": str(records), "api_port": 0} | settings
        return service_thread.running(Settings(**given), loader)

    return run


@pytest.fixture
def form():
    return service_thread.form


@pytest.fixture
def write_records():
    return service_thread.write_records
