"""The catalogues, and the tool that keeps them: every message is found, translated, whole and in the right forms."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from django.template import Context
from django.template.base import FilterExpression, Lexer, Node, Parser, Template, TokenType
from django.template.engine import Engine
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation
from django.utils.translation import to_locale

from config.languages import LANGUAGES
from languages import __main__ as command
from languages.catalogues import LOCALE, Catalogue, po_path
from languages.checking import wrong_in
from languages.exchange import ExchangeError, fill, todo
from languages.messages import ROOT, Message, collect, of_python, of_template, public_templates
from languages.plurals import plurals_of
from languages.pseudo import PSEUDO, PSEUDO_LANGUAGES, pseudo, write_pseudo
from languages.rules import complaints

CODES = [code for code, _ in LANGUAGES if code != "en"]
MESSAGES = collect()
LEAVE = Message("Leave %(topic_name)s.", places=("templates/a.html",))
DAYS = Message("%(days)s day left", "%(days)s days left", places=("templates/a.html",))
# CLDR calls Brazilian Portuguese plain pt.
CLDR_NAMES = {"pt": "pt_PT", "no": "nb"}


def make_catalogue(*messages: Message, language: str = "de", folder: Path = Path("nowhere")) -> Catalogue:
    return Catalogue.of(language, messages or (LEAVE, DAYS), folder)


# The catalogues


@pytest.mark.parametrize("language", [code for code in CODES if po_path(code).parent.parent.exists()])
def test_nothing_is_wrong_in_a_catalogue(language: str) -> None:
    assert wrong_in(language, MESSAGES) == []


def test_every_language_has_a_catalogue() -> None:
    assert [code for code in CODES if not po_path(code).with_suffix(".mo").exists()] == []


def test_no_catalogue_is_of_an_unknown_language() -> None:
    folders = {path.name for path in LOCALE.iterdir()} if LOCALE.exists() else set()
    assert folders <= {to_locale(code) for code in CODES}


@pytest.mark.parametrize("language", ["en", *CODES])
def test_plural_forms_are_those_of_cldr(language: str) -> None:
    rule = Locale.parse(CLDR_NAMES.get(language, to_locale(language))).plural_form
    plurals = plurals_of(language)
    numbers = [*range(1_001), 1_000_000, 2_000_000, 1_000_001]
    assert {number: plurals.categories[plurals.index(number)] for number in numbers} == {
        number: rule(number) for number in numbers
    }
    assert set(plurals.categories) == {rule(number) for number in numbers}


# What is found


def test_a_block_is_found_as_it_is_looked_up() -> None:
    text = """{# Translators: of a pause #}
{% blocktranslate trimmed count n=days context "pause" %}
  {{ n }} day at 50%
{% plural %}
  {{ n }} days at 50%
{% endblocktranslate %} <p class="x">It's {{ name|default:_("nobody") }}</p>"""
    assert list(of_template(text)) == [
        Message("%(n)s day at 50%%", "%(n)s days at 50%%", "pause", note="of a pause"),
        Message("nobody"),
    ]


def test_calls_in_python_are_found() -> None:
    text = """
from django.utils.translation import gettext as _, ngettext_lazy, pgettext
# Translators: the subject of a mail
SUBJECT = _("You have left "
            "%(topic)s")
ngettext_lazy("%(n)d mail", "%(n)d mails", "n")
pgettext("month", "May")
print("nothing")
"""
    assert list(of_python(text)) == [
        Message("You have left %(topic)s", note="the subject of a mail"),
        Message("%(n)d mail", "%(n)d mails"),
        Message("May", context="month"),
    ]


def nodes_of(template: Template) -> list[TranslateNode | BlockTranslateNode]:
    nodes = template.nodelist.get_nodes_by_type(Node)
    return [node for node in nodes if isinstance(node, TranslateNode | BlockTranslateNode)]


@pytest.fixture
def pseudo_language(settings: Any, tmp_path: Path) -> str:
    write_pseudo(tmp_path, MESSAGES)
    settings.LANGUAGES = [*LANGUAGES, *PSEUDO_LANGUAGES]
    settings.LOCALE_PATHS = [tmp_path]
    return PSEUDO


@pytest.mark.parametrize("path", public_templates(), ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_every_message_of_a_template_is_found_where_it_is_looked_up(path: Path, pseudo_language: str) -> None:
    engine = Engine.get_default()
    nodes = nodes_of(engine.get_template(path.relative_to(ROOT / "templates").as_posix()))
    tags = [token for token in Lexer(path.read_text()).tokenize() if token.token_type == TokenType.BLOCK]
    assert len(nodes) == sum(token.contents.startswith(("translate ", "blocktranslate")) for token in tags)
    with translation.override(pseudo_language):
        for said in (said for node in nodes for said in renderings(node, engine)):
            assert said.strip().startswith("["), f"nothing was found for {said!r}"


def renderings(node: TranslateNode | BlockTranslateNode, engine: Engine) -> Iterator[str]:
    """What the node says, in singular and plural where it counts, with nothing in its placeholders."""
    node.asvar = None
    for count in ("1", "2") if isinstance(node, BlockTranslateNode) and node.counter else ("",):
        if count:
            node.counter = FilterExpression(count, Parser([]))  # type: ignore[union-attr]
        context = Context()
        context.template = Template("", engine=engine)
        yield str(node.render(context))


_SPOKEN_ATTRIBUTES = {"title", "alt", "aria-label", "placeholder", "data-say", "data-text", "data-button", "data-stale"}
_WITHOUT_END = {"meta", "link", "input", "img", "br", "hr"}


class HardText(HTMLParser):
    """The letters that a page says in its own words, outside of what names another language."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.foreign: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in _WITHOUT_END:
            self.foreign.append(tag in ("style", "script") or (tag != "html" and values.get("lang") == "en"))
        self.found += [value for name, value in attrs if name in _SPOKEN_ATTRIBUTES and value and has_letters(value)]

    def handle_endtag(self, tag: str) -> None:
        if tag not in _WITHOUT_END and self.foreign:
            self.foreign.pop()

    def handle_data(self, data: str) -> None:
        text = re.sub(r'[\w-]+="[^"]*"', "", data).strip()  # a block may hold attributes of its parent's tag
        if has_letters(text) and not any(self.foreign):
            self.found.append(text)


def has_letters(text: str) -> bool:
    return any(character.isalpha() for character in text)


def own_words(template: str) -> list[str]:
    """What the template says that no tag makes: with its translated blocks, variables and comments taken out."""
    kept, is_inside = [], False
    for token in Lexer(template).tokenize():
        if token.token_type == TokenType.BLOCK and token.contents.startswith(("blocktranslate", "endblocktranslate")):
            is_inside = not is_inside
        elif token.token_type == TokenType.TEXT and not is_inside:
            kept.append(token.contents)
    parser = HardText()
    parser.feed("".join(kept))
    parser.close()
    return parser.found


@pytest.mark.parametrize("path", public_templates(), ids=lambda path: path.relative_to(ROOT / "templates").as_posix())
def test_no_template_speaks_english_by_itself(path: Path) -> None:
    assert own_words(path.read_text()) == []


def test_words_outside_of_a_translation_are_found() -> None:
    text = (
        '<p title="Here">{% translate "One" %} {{ two }} {# three #}</p>{% blocktranslate %}four{% endblocktranslate %}'
    )
    assert own_words(text + '<b lang="en">five</b><i>six</i>') == ["Here", "six"]


# What a translation must be


@pytest.mark.parametrize(
    ("language", "message", "forms"),
    [
        ("de", LEAVE, ("%(topic_name)s verlassen.",)),
        ("de", DAYS, ("noch ein Tag", "noch %(days)s Tage")),
        ("he", DAYS, ("נותר יום אחד", "נותרו יומיים", "נותרו %(days)s ימים")),
        ("ja", DAYS, ("残り%(days)s日",)),
        ("ja", LEAVE, ("%(topic_name)sを停止します。",)),
        ("uk", Message("By e-mail"), ("На e-mail",)),
        ("fr", Message("Is it so?"), ("C’est ainsi ?",)),
        ("el", Message("Is it so?"), ("Έτσι είναι;",)),
        ("fi", Message("<b>50%%</b> left"), ("<b>50%%</b> jäljellä",)),
        ("da", Message("Undo"), ("Undo",)),
    ],
)
def test_a_good_translation_is_taken(language: str, message: Message, forms: tuple[str, ...]) -> None:
    assert complaints(language, message, forms) == []


@pytest.mark.parametrize(
    ("language", "message", "forms", "complaint"),
    [
        ("de", LEAVE, ("",), "is missing"),
        ("de", LEAVE, ("Verlassen.",), "has the placeholders none where the English has %(topic_name)s"),
        ("de", LEAVE, ("%(topic_name)s 100 % verlassen.",), "has a % that belongs to no placeholder"),
        ("de", LEAVE, ("%(topic_name)s verlassen",), "does not end as the English does, with ."),
        ("de", LEAVE, (" %(topic_name)s verlassen.",), "starts or ends with other spaces than the English"),
        ("de", LEAVE, ('„%(topic_name)s" verlassen.',), 'has ": write typographic quotes and ’, no markup'),
        ("de", LEAVE, ("Leave %(topic_name)s.",), "is the English itself"),
        ("de", DAYS, ("noch %(days)s Tage",), "has 1 forms where the language has 2: one, other"),
        ("de", DAYS, ("ein Tag", "Tage"), "other: has the placeholders none where the English has %(days)s"),
        ("uk", DAYS, ("день", "%(days)s дні", "%(days)s днів"), "one: has the placeholders none where"),
        ("uk", LEAVE, ("Залишити %(topic_name)s зaраз.",), "has letters of another script: a"),
        ("de", LEAVE, ("%(topic_name)s уходить.",), "has letters of another script"),
        ("zh-hans", LEAVE, ("離開 %(topic_name)s。",), "has characters of the other Chinese"),
        ("zh-hant", LEAVE, ("离开 %(topic_name)s。",), "has characters of the other Chinese"),
        ("de", Message("Leave <b>now</b>"), ("Jetzt <i>gehen</i>",), "has the tags"),
        ("de", Message("Undo"), ("Zurück!",), "ends with !, the English does not"),
        ("de", Message("One moment…"), ("Einen Moment...",), "has ... where … is meant"),
    ],
)
def test_a_bad_translation_is_refused_in_words(
    language: str, message: Message, forms: tuple[str, ...], complaint: str
) -> None:
    assert any(complaint in it for it in complaints(language, message, forms))


# The tool


def test_translators_get_what_is_missing_with_the_forms_of_their_language() -> None:
    assert json.loads(todo(make_catalogue(language="pl"))) == [
        {"id": LEAVE.key, "msgid": LEAVE.id, "where": "templates/a.html"},
        {
            "id": DAYS.key,
            "msgid": DAYS.id,
            "plural": DAYS.plural,
            "forms": ["one (1)", "few (2, 3, 4, 22, 23, …)", "many (0, 5, 6, 7, 8, …)"],
            "where": "templates/a.html",
        },
    ]


def test_good_translations_are_taken_and_bad_ones_named() -> None:
    catalogue = make_catalogue()
    given = {LEAVE.key: "%(topic_name)s verlassen.", DAYS.id: ["ein Tag", "Tage"], "12345678": "x", LEAVE.id: 5}
    taken, refused = fill(catalogue, json.dumps(given))
    assert taken == 1
    assert [line.split(": ")[0] for line in refused] == [DAYS.id, "12345678", LEAVE.id]
    assert list(catalogue.missing()) == [DAYS]


@pytest.mark.parametrize("text", ["", "[]", '"x"', "{"])
def test_what_is_no_file_of_translations_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ExchangeError):
        fill(make_catalogue(), text)


def test_a_catalogue_follows_its_messages(tmp_path: Path) -> None:
    before = make_catalogue(LEAVE, DAYS, folder=tmp_path)
    before.translations[LEAVE] = ("%(topic_name)s verlassen.",)
    before.save(tmp_path)
    new = Message("Back", context="verb", note="a button")
    after = make_catalogue(new, LEAVE, folder=tmp_path)
    assert after.translations == {new: ("",), LEAVE: ("%(topic_name)s verlassen.",)}
    assert b"days left" not in after.po()


@pytest.mark.parametrize("language", ["de", "pt-br", "ja", "ar"])
def test_a_catalogue_is_written_the_same_way_every_time(tmp_path: Path, language: str) -> None:
    write_pseudo(tmp_path, [LEAVE, DAYS, Message("May", context="a month")], [language])
    path = po_path(language, tmp_path)
    catalogue = Catalogue.of(language, [LEAVE, DAYS, Message("May", context="a month")], tmp_path)
    assert list(catalogue.missing()) == []
    assert (catalogue.po(), catalogue.mo()) == (path.read_bytes(), path.with_suffix(".mo").read_bytes())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("#, python-format", "#, fuzzy, python-format", "is missing"),
        ("\nmsgstr", '\nmsgstr ""\n\n#~ msgid "gone"\n#~ msgstr', "unused messages"),
        ("[Ļééååṽéé", "[Ļééååṽéé ñøøŵ", "the .mo is not made from the .po"),
    ],
)
def test_a_catalogue_edited_by_hand_is_found_out(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    write_pseudo(tmp_path, [LEAVE], ["de"])
    path = po_path("de", tmp_path)
    head, gap, entry = path.read_text().partition("\n\n")
    path.write_text(head + gap + entry.replace(old, new))
    assert any(complaint in it for it in wrong_in("de", [LEAVE], tmp_path))


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("no json"))
    assert command.main(["fill", "de"]) == 2
    assert "this is no JSON" in capsys.readouterr().err


def test_the_pseudo_language_keeps_what_programs_read() -> None:
    assert pseudo(" Leave <b>%(topic)s</b> at 5%% ") == " [Ļééååṽéé <b>%(topic)s</b> ååţ 5%%] "
