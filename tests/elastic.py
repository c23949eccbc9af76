"""The Elasticsearch server of a test run: `TEST_ELASTICSEARCH_URL` names it. Without it tests skip visibly, in CI they fail.

from tests.elastic import Elastic, elastic

def test_something(elastic: Elastic) -> None:
    elastic.client.indices.create(index=f"{elastic.prefix}-x")
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from elasticsearch import Elasticsearch

from tests.conftest import missing


@dataclass(frozen=True)
class Elastic:
    """A client and the prefix of everything that the tests may create: what bears it is deleted afterwards."""

    url: str
    client: Elasticsearch
    prefix: str


def elasticsearch_url() -> str:
    """Where the server of this test run answers."""
    url = os.environ.get("TEST_ELASTICSEARCH_URL", "").strip()
    if not url:
        missing("an Elasticsearch server (TEST_ELASTICSEARCH_URL)")
    return url


@pytest.fixture(scope="session")
def elastic() -> Iterator[Elastic]:
    """A client and a prefix that no other run has."""
    url = elasticsearch_url()
    with Elasticsearch(url, request_timeout=60) as client:
        found = Elastic(url, client, f"test-{uuid.uuid4().hex[:12]}")
        yield found
        delete_all(client, found.prefix)


def delete_all(client: Elasticsearch, prefix: str) -> None:
    """Delete streams, indices and templates whose names begin with `prefix`. By name: servers may refuse wildcards."""
    streams = client.indices.get_data_stream(name=f"{prefix}*", expand_wildcards="all")["data_streams"]
    for name in (stream["name"] for stream in streams):
        client.indices.delete_data_stream(name=name)
    for name in list(client.indices.get(index=f"{prefix}*", expand_wildcards="all", features="aliases")):
        client.indices.delete(index=name)
    may_miss = client.options(ignore_status=404)
    for template in may_miss.indices.get_index_template(name=f"{prefix}*")["index_templates"]:
        client.indices.delete_index_template(name=template["name"])
    for component in may_miss.cluster.get_component_template(name=f"{prefix}*")["component_templates"]:
        client.cluster.delete_component_template(name=component["name"])
