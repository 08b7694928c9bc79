"""Requests that schemathesis makes from the OpenAPI document: no 500, and documented answers."""

import json

import pytest

from bonafide.scoring.service.settings import Limits

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")


def test_the_document_names_all_that_there_is(service):
    document = service.get("/openapi.json")[2]
    assert set(document["paths"]) == {"/v1/score", "/v1/model", "/healthz", "/readyz", "/metrics"}
    score = document["paths"]["/v1/score"]["post"]
    assert set(score["requestBody"]["content"]) == {
        *("multipart/form-data", "application/octet-stream")
    }
    assert set(score["responses"]) == {
        *("200", "400", "401", "403", "408", "413", "422", "429", "503")
    }
    assert "RecordingScore" in document["components"]["schemas"]
    assert "http" not in json.dumps(document["components"])


def test_no_request_fails(run_service):
    import hypothesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, response_schema_conformance, status_code_conformance]
    counts = {}
    with run_service(limits=Limits(upload_seconds=5.0)) as service:
        url = f"http://127.0.0.1:{service.port}"
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        for result in schema.get_all_operations():
            operation = result.ok()

            @hypothesis.settings(
                max_examples=60,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=operation.as_strategy())
            def send(case):
                response = case.call(timeout=30)
                counts[case.path] = counts.get(case.path, 0) + 1
                case.validate_response(response, checks=checks)

            send()
    assert min(counts.values()) >= 1
    assert counts["/v1/score"] >= 50
