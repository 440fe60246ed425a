"""coverage.md says what the code does."""

from __future__ import annotations

from tidegate_localstack.process import coverage


def test_the_page_is_current() -> None:
    assert coverage.page() == coverage.PAGE.read_text(), (
        "run: python -m tidegate_localstack.process.coverage"
    )


def test_every_supplied_operation_is_in_the_api_model() -> None:
    for source in coverage.sources():
        model = coverage.load_service(source.service)
        assert source.supplied <= set(model.operation_names)
