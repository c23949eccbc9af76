"""Whatever the query, Elasticsearch finds the records that the plain reference finds; where more, the residual sorts it out."""

import random
from collections.abc import Iterator

import pytest

from services.log_store.elasticsearch.promotion import Promotion
from tests.elastic import Elastic, elastic
from tests.services.query.elastic_index import ElasticIndex, filled_index
from tests.services.query.random_records import random_batch
from tests.services.query.random_trees import random_leaf, random_tree

__all__ = ["elastic"]

SEEDS = range(5)
PER_SEED = 20


@pytest.fixture(scope="module")
def index(elastic: Elastic) -> Iterator[ElasticIndex]:
    """Records of every kind; a part of the keys is promoted."""
    filled = filled_index(elastic, "random", random_batch(random.Random(7), 300), Promotion(20, 6))
    yield filled
    filled.cursor.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_any_query_finds_what_the_reference_finds(index: ElasticIndex, seed: int) -> None:
    rng = random.Random(seed)
    index.check(*(make(rng) for _ in range(PER_SEED) for make in (random_leaf, random_tree)))
