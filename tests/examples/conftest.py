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
