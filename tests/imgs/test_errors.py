"""An error nobody thought of: whoever asked gets an answer, whoever runs it gets one line with the trace."""

import logging
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imgs import intake
from project.logs import LineFormatter
from tests.factories import picture

pytestmark = pytest.mark.usefixtures("gallery")


@pytest.mark.parametrize("address", ["/upload/", "/api/v1/galleries/main/images"])
def test_it_answers_503_and_leaves_a_trace(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    def fail(*_args: Any) -> None:
        raise LookupError("an intake that fails")

    monkeypatch.setattr(intake, "accept", fail)
    client.raise_request_exception = False
    with caplog.at_level(logging.INFO):
        response = client.post(address, {"image": SimpleUploadedFile("a.jpg", picture())})
    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")
    assert (response.json()["code"], response["Retry-After"]) == ("unavailable", "2")
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    first, *trace = LineFormatter().format(record).splitlines()
    assert address in first
    assert trace[0].startswith("Traceback")
    assert trace[-1] == "LookupError: an intake that fails"
