"""Where a sign-in may lead to."""

import pytest

from app.public_pages import START_PAGE, safe_address


@pytest.mark.parametrize("address", ["/explorer?q=a&range=all", "/upload", "/settings"])
def test_addresses_of_ours_are_followed(address: str) -> None:
    assert safe_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/",
        "https://example.org",
        "//example.org",
        "/\\example.org",
        "javascript:alert(1)",
        "/login?next=/x",
        "/a\nb",
        "/_dash-layout",
        "/api/logs/",
    ],
)
def test_everything_else_leads_to_the_start_page(address: str) -> None:
    assert safe_address(address) == START_PAGE
