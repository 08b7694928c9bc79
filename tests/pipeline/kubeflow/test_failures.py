import pytest

from pipeline.kubeflow.connection import Connection
from pipeline.kubeflow.failures import LONGEST_MESSAGE, not_json, server_message

HERE = Connection("http://kfp")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, ""),
        ('{"code": 5, "message": "Run 12 \\n not found", "details": []}', "Run 12 not found"),
        ('{"error": "older servers"}', "older servers"),
        ('{"other": 1}', ""),
        ('["a list"]', '["a list"]'),
        (b"upstream connect error", "upstream connect error"),
        (b"caf\xe9", "caf\ufffd"),
        ("<html>Log in</html>", ""),
    ],
)
def test_the_servers_message(body, text):
    assert server_message(body) == text


def test_a_long_message_is_cut():
    assert len(server_message("x" * 5000)) == LONGEST_MESSAGE


def test_what_is_no_answer_of_the_api():
    assert not_json(HERE, "{}") is None
    page = not_json(HERE, "\n<!DOCTYPE html><title>Log in</title>")
    assert "a web page; this is most likely the login page" in page.message
    assert "no token was sent" in page.message
    assert not page.sent
    assert not_json(HERE, '{"runs": [').sent
    assert "expected a JSON object, got '[]'" in not_json(HERE, "[]").message
