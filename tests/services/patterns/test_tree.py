import random
from pathlib import Path

from services.patterns import PatternRow, PatternTree
from services.patterns.lexemes import MAX_FORM
from tests.services.patterns.loghub import systems

USERS = [
    f"Failed password for {name} from \x1a port \x1a" for name in ["root", "admin", "bob", "alice", "carol", "dave"]
]


def test_ids_are_given_in_order_and_stay() -> None:
    tree = PatternTree()
    assert tree.assign(["disk full", "link up on \x1a", "disk full"]) == [1, 2, 1]
    assert tree.assign(["link up on \x1a", "cold start"]) == [2, 3]


def test_a_word_that_varies_becomes_a_value_and_the_lowest_id_survives() -> None:
    tree = PatternTree()
    first = tree.assign(USERS[:2])
    tree.changed()
    assert first == [1, 2]
    assert tree.assign(USERS[2:]) == [1, 1, 1, 1]
    assert tree.merged == {2: 1}
    template = "Failed password for <*> from <*> port <*>"
    assert tree.changed() == [PatternRow(1, template), PatternRow(2, template, merged_into=1)]
    assert tree.changed() == []


def test_two_words_at_one_place_stay_two_patterns() -> None:
    assert PatternTree().assign(["VM started on \x1a now", "VM halted on \x1a now"]) == [1, 2]


def test_words_that_tell_the_outcome_are_never_values() -> None:
    outcomes = ["started", "stopped", "paused", "resumed", "failed", "terminated", "restarted"]
    assert PatternTree().assign([f"worker process \x1a was {word} again" for word in outcomes]) == list(range(1, 8))


def test_values_of_keys_that_tell_what_happened_stay_apart() -> None:
    actions = ["login", "logout", "upload", "download", "rename", "move"]
    assert PatternTree().assign([f"request from \x1a action={word} for tenant \x1a" for word in actions]) == [
        *range(1, 7)
    ]
    assert PatternTree().assign([f"request from \x1a owner={word} for tenant \x1a" for word in actions]) == [1] * 6


def test_keys_are_never_values() -> None:
    shapes = [
        f"resource usage now {key}=\x1a of the limit" for key in ["cpu", "memory", "disk", "network", "swap", "threads"]
    ]
    assert PatternTree().assign(shapes) == [*range(1, 7)]


def test_a_word_where_equal_lines_hold_a_value_is_a_value() -> None:
    shapes = ["no route for printer in zone \x1a", "no route for \x1a in zone \x1a"]
    assert PatternTree().assign(shapes) == [1, 1]
    assert PatternTree().assign(shapes[::-1]) == [1, 1]


def test_several_places_that_vary_at_once_are_found() -> None:
    names = [first + second for first in "bcdfg" for second in "lmrt"]
    shapes = [f"copied {names[at]} from {names[at - 5]} to {names[at - 9]} in \x1a ms" for at in range(len(names))]
    tree = PatternTree()
    tree.assign(shapes)
    assert [row.template for row in tree.patterns()] == ["copied <*> from <*> to <*> in <*> ms"]


def test_a_restored_tree_gives_known_and_new_shapes_the_same_ids(shared_data: Path) -> None:
    for lines, _ in systems(shared_data).values():
        distinct = list(dict.fromkeys(lines))
        random.Random(3).shuffle(distinct)
        half = len(distinct) // 2
        tree = PatternTree()
        ids = tree.assign(distinct[:half])
        ids = [tree.surviving(each) for each in ids]
        restored = PatternTree.restore(tree.changed(), zip(distinct[:half], ids, strict=True))
        assert restored.patterns() == tree.patterns()
        assert restored.assign(distinct) == tree.assign(distinct)
        assert restored.merged == tree.merged


def test_an_id_is_never_given_twice_though_its_shapes_are_gone() -> None:
    tree = PatternTree()
    tree.assign([*USERS[:2], "disk full"])
    tree.assign(USERS[2:])
    restored = PatternTree.restore(tree.changed(), [(USERS[0], 1)])
    assert restored.assign(["cold start"]) == [4]
    assert restored.surviving(2) == 1


def test_what_was_merged_stays_merged_though_the_reason_is_gone() -> None:
    tree = PatternTree()
    tree.assign(USERS)
    restored = PatternTree.restore(tree.changed(), [(USERS[0], 1), (USERS[1], 1)])
    assert restored.assign(USERS[:2]) == [1, 1]


def test_shapes_whose_rows_name_a_merged_id_follow_it() -> None:
    rows = [PatternRow(1, "x"), PatternRow(2, "y", merged_into=1)]
    restored = PatternTree.restore(rows, [("disk full", 2)])
    assert restored.assign(["disk full", "cold start"]) == [1, 3]


def test_other_groups_of_old_shapes_keep_the_ids_of_most() -> None:
    halted = "VM halted on \x1a now"
    known = [("disk full on \x1a", 1), (halted, 1), ("disk full on (\x1a)", 2), ("disk full on \x1a.", 2)]
    restored = PatternTree.restore([], known, together=False)
    ids = restored.assign([shape for shape, _ in known])
    assert sorted(set(ids)) == [1, 2, 3, 4]
    assert {ids[0], ids[1]} & {1} and {ids[2], ids[3]} & {2}


def test_hostile_shapes_have_patterns() -> None:
    shapes = [
        "",
        "   ",
        "\x1a",
        "\x1a\x1a",
        "x" * 1000,
        " ".join(["\x1a"] * 1000),
        " ".join("abcdefgh" * 125),
        "(" * 900,
    ]
    shapes += [
        "=" * 500,
        "a=b " * 250,
        "你好 世界",
        "e\u0301 \u202e",
        "<*> <*>",
        "%s %(x)s {}",
        "\t\n\r",
        "\ud7ff \U0010ffff",
    ]
    tree = PatternTree()
    ids = tree.assign(shapes)
    assert tree.assign(shapes) == ids
    assert all("\x1a" not in row.template for row in tree.patterns())
    assert PatternTree.restore([], zip(shapes, ids, strict=True)).assign(shapes) == ids


def test_many_different_texts_cost_little_each() -> None:
    """Counted, not timed: what is kept for a form is bounded by its places, whatever arrives."""
    chance = random.Random(4)
    words = ["".join(chance.choices("bcdfgkmnprst", k=5)) for _ in range(2000)]
    tree = PatternTree()
    tree.assign([" ".join(chance.choices(words, k=200)) for _ in range(1000)])
    assert len(tree._keys) < 1100
    assert len(tree._places) <= 1000 * 17
    assert max(map(len, tree._keys)) <= MAX_FORM


def test_names_without_digits_do_not_make_a_pattern_each() -> None:
    chance = random.Random(4)
    words = ["".join(chance.choices("bcdfgkmnprst", k=5)) for _ in range(500)]
    tree = PatternTree()
    tree.assign([f"session opened for user {chance.choice(words)} by {chance.choice(words)}" for _ in range(3000)])
    assert len(tree.patterns()) == 1
