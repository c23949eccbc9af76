"""What every DocumentStore promises, run on each implementation."""

import json
import threading

import pytest

from services.database import Database
from services.documents.interface import DocumentStore
from services.documents.sql import SqlDocumentStore
from services.errors import InvalidInput, NotFound, TooLarge

ORG, OTHER, KIND = "org-a", "org-b", "uploads"


@pytest.fixture
def store(database: Database) -> DocumentStore:
    return SqlDocumentStore(database)


def test_a_document_comes_back_as_it_was_put(store: DocumentStore) -> None:
    document = {"id": "1", "text": "ünï\U0001f600", "nested": {"list": [1, 2.5, None, True]}, "big": 2**80, "empty": {}}
    store.put(ORG, KIND, "1", document)
    assert store.get(ORG, KIND, "1") == document


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "\u202e", "'; DROP TABLE documents; --", "%", "\\", "\r\n"])
def test_any_text_survives_in_a_document(store: DocumentStore, text: str) -> None:
    store.put(ORG, KIND, "1", {"text": text, text: 1})
    assert store.get(ORG, KIND, "1") == {"text": text, text: 1}


def test_the_order_of_members_is_kept(store: DocumentStore) -> None:
    store.put(ORG, KIND, "1", {"z": 1, "a": 2})
    assert json.dumps(store.get(ORG, KIND, "1")) == '{"z": 1, "a": 2}'


def test_put_again_replaces_and_keeps_the_place_in_the_order(store: DocumentStore) -> None:
    for name in ("1", "2"):
        store.put(ORG, KIND, name, {"id": name})
    store.put(ORG, KIND, "1", {"id": "1", "state": "done"})
    assert store.find(ORG, KIND) == ([{"id": "2"}, {"id": "1", "state": "done"}], 2)


def test_an_absent_document_is_not_found(store: DocumentStore) -> None:
    with pytest.raises(NotFound):
        store.get(ORG, KIND, "none")
    with pytest.raises(NotFound):
        store.delete(ORG, KIND, "none")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 10_000, "", "ü"])
def test_asking_for_a_strange_name_is_not_found(store: DocumentStore, name: str) -> None:
    with pytest.raises(NotFound):
        store.get(ORG, KIND, name)
    with pytest.raises(NotFound):
        store.delete(ORG, KIND, name)


def test_another_organisation_neither_sees_nor_changes_a_document(store: DocumentStore) -> None:
    store.put(ORG, KIND, "1", {"owner": "me", "whose": ORG})
    store.put(OTHER, KIND, "1", {"owner": "me", "whose": OTHER})
    assert store.find(ORG, KIND, owner="me") == ([{"owner": "me", "whose": ORG}], 1)
    assert store.delete_all(OTHER, KIND) == 1
    assert store.get(ORG, KIND, "1")["whose"] == ORG
    with pytest.raises(NotFound):
        store.delete(OTHER, KIND, "1")


def test_collections_are_apart(store: DocumentStore) -> None:
    store.put(ORG, "a", "1", {"in": "a"})
    store.put(ORG, "b", "1", {"in": "b"})
    store.delete(ORG, "a", "1")
    assert store.get(ORG, "b", "1") == {"in": "b"}


def test_pages_are_newest_first_with_the_exact_total(store: DocumentStore) -> None:
    for number in range(7):
        store.put(ORG, KIND, str(number), {"n": number})
    page, total = store.find(ORG, KIND, limit=3, offset=2)
    assert [document["n"] for document in page] == [4, 3, 2]
    assert total == 7
    assert store.find(ORG, KIND, limit=3, offset=100) == ([], 7)


def test_find_and_delete_all_keep_to_the_owner(store: DocumentStore) -> None:
    for number, owner in enumerate(["anna", "bob", "anna", None]):
        store.put(ORG, KIND, str(number), {"n": number, "owner": owner})
    assert [document["n"] for document in store.find(ORG, KIND, owner="anna")[0]] == [2, 0]
    assert store.delete_all(ORG, KIND, owner="anna") == 2
    assert store.find(ORG, KIND)[1] == 2
    assert store.find(ORG, KIND, owner="a\0")[1] == 0


def test_documents_in_a_state_are_found_across_organisations(store: DocumentStore) -> None:
    store.put(ORG, KIND, "1", {"id": "1", "state": "queued"})
    store.put(OTHER, KIND, "2", {"id": "2", "state": "queued"})
    store.put(ORG, KIND, "3", {"id": "3", "state": "done"})
    store.put(ORG, "other", "4", {"id": "4", "state": "queued"})
    found = store.find_everywhere(KIND, state="queued")
    assert sorted((organisation, document["id"]) for organisation, document in found) == [(ORG, "1"), (OTHER, "2")]
    store.put(ORG, KIND, "1", {"id": "1", "state": "done"})
    assert [document["id"] for _, document in store.find_everywhere(KIND, state="queued")] == ["2"]


def test_more_than_a_megabyte_is_too_large(store: DocumentStore) -> None:
    store.put(ORG, KIND, "1", {"text": "x" * 900_000})
    with pytest.raises(TooLarge):
        store.put(ORG, KIND, "1", {"text": "x" * 1_000_001})
    assert len(store.get(ORG, KIND, "1")["text"]) == 900_000


@pytest.mark.parametrize("document", [{"n": float("nan")}, {"x": object()}, [1], "text"])
def test_what_json_cannot_hold_is_refused(store: DocumentStore, document: object) -> None:
    with pytest.raises(InvalidInput):
        store.put(ORG, KIND, "1", document)  # type: ignore[arg-type]


def test_writers_of_one_document_at_once_leave_one_of_them_whole(store: DocumentStore) -> None:
    def write(number: int) -> None:
        for _ in range(5):
            store.put(ORG, KIND, "1", {"a": number, "b": number})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    document = store.get(ORG, KIND, "1")
    assert document["a"] == document["b"]
    assert store.find(ORG, KIND)[1] == 1
