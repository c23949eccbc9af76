"""`LogStore` on Elasticsearch 8.x and 9.x: data streams behind a disk spool."""
