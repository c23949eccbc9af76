import pytest

from services.patterns.lexemes import MAX_FORM, VALUE, form_of
from services.patterns.template import template_text, variable_parts
from tests.services.patterns.loghub import shapes_of


def template_of(message: str) -> str:
    return template_text(*form_of(shapes_of([message])[0]))


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("Connection from 10.0.0.1:5000 closed", "Connection from <*> closed"),
        ("Receiving blk_-1608999687919862906 now", "Receiving <*> now"),
        ("uuid 1f2e-bdcc-00aa here", "uuid <*> here"),
        ("MAC ec:bb:0a:00:11:22 seen", "MAC <*> seen"),
        ("at Sun Jul  3 10:11:12 2005 sharp", "at <*> sharp"),
        ("rhost=massive.example.org tty=ssh", "rhost=<*> tty=ssh"),
        ("open /var/lib/app/data.db failed", "open <*> failed"),
        ("get http://example.org/a?b=c twice", "get <*> twice"),
        ('"GET /a/b?c=1&d=2 HTTP/1.1" 200', '"GET <*>" <*>'),
        ('1.2.3.4 [x] "GET / HTTP/1.1" 200 9 "-" "A/5.0 (B; C 1)"', '<*> [x] "GET <*>" <*> "<*>" "<*>"'),
        ("read C:\\Windows\\system.ini again", "read <*> again"),
        ("mail to bob@example.org sent", "mail to <*> sent"),
        ("flags: a=true, b=false, c=null", "flags: a=<*>, b=<*>, c=<*>"),
        ("nodes 1, 2, 3 left", "nodes <*> left"),
        ("peers () now", "peers (<*>) now"),
        ("enable......1", "enable......<*>"),
        ("lifetime <1 sec", "lifetime <*> sec"),
        ('{"user":"bob","ms":12}', '{"user":"bob","ms":<*>}'),
        ("NameSystem.addStoredBlock: done", "NameSystem.addStoredBlock: done"),
        ("mapred.job.id is deprecated", "mapred.job.id is deprecated"),
        ("No such file: No space", "No such file: No space"),
        ("it failed\n\tat a.b.C(C.java:1)\n\tat d", "it failed <*>"),
        (
            "Traceback (most recent call last):\n  File x\nKeyError: 'a'",
            "Traceback (most recent call last): <*> KeyError: 'a'",
        ),
    ],
)
def test_what_is_surely_a_value_is_shown_as_one(message: str, template: str) -> None:
    assert template_of(message) == template


def test_lists_of_any_length_have_one_form() -> None:
    forms = {form_of("delete " + " ".join(["\x1a", "blk_-\x1a"] * count)).keys for count in range(1, 40)}
    assert len(forms) == 1


def test_entries_of_several_words_are_a_list_too() -> None:
    one, three = (form_of("sets " + "node-\x1a \x1a <ok> " * count) for count in (1, 3))
    assert one.keys == three.keys


@pytest.mark.parametrize(
    "shape",
    ["", " ", "\x1a", "\x1a" * 500, "x" * 1000, "( [ { <" * 200, ":" * 300, "=" * 300, "a:" * 400, "κόσμε 你好 🙂"],
)
def test_no_shape_makes_a_long_form_or_shows_the_mask(shape: str) -> None:
    form = form_of(shape)
    assert len(form.keys) == len(form.gaps) <= MAX_FORM
    assert VALUE not in template_text(*form)


def test_variable_parts_are_found_in_a_message() -> None:
    message = "Connection from 10.0.0.1 port 22 closed"
    parts = variable_parts("Connection from <*> port <*> closed", message)
    assert parts is not None
    assert [message[begin:end] for begin, end in parts] == ["10.0.0.1", "22"]


def test_a_template_that_does_not_cover_a_message_says_so() -> None:
    assert variable_parts("Connection from <*>", "something else") is None
