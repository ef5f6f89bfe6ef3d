"""Words in plain Latin letters on a page in the pseudo-language: nobody marked them for translation."""

from __future__ import annotations

import re

from babel.dates import get_month_names
from playwright.sync_api import Page

from languages.pseudo import PSEUDO, PSEUDO_RTL
from languages.world import BRAND_WORDS

_SPOKEN = """
() => {
  const texts = [document.title]
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const language = walker.currentNode.parentElement.closest('[lang]').lang
    if (language === document.documentElement.lang && !walker.currentNode.parentElement.closest('pre,style,script'))
      texts.push(walker.currentNode.data)
  }
  const attributes = ['title', 'alt', 'aria-label', 'placeholder', 'data-say', 'data-stale', 'data-text']
  for (const element of document.body.querySelectorAll('*'))
    for (const name of attributes) if (element.hasAttribute(name)) texts.push(element.getAttribute(name))
  return texts
}
"""
# What no language translates, and what comes from CLDR: the months, and the Esperanto "and" of a list and "days".
_FOREIGN = [r"\S*@\S*", r"https?://\S+", "SMS", "JSON", r"\bkaj\b", r"\btagoj\b"]
_DATES = [month for code in (PSEUDO, PSEUDO_RTL) for month in get_month_names("wide", locale=code).values()]


def plain_words(page: Page) -> list[str]:
    """The texts of the page that have plain letters, apart from what the brand wrote itself."""
    return [text for spoken in page.evaluate(_SPOKEN) if (text := plain(str(spoken)))]


def plain(text: str) -> str:
    """The text if it has letters of its own in plain Latin, else ""."""
    rest = text
    for word in [*BRAND_WORDS, *_DATES]:
        rest = rest.replace(word, "")
    for pattern in _FOREIGN:
        rest = re.sub(pattern, "", rest)
    return text.strip() if re.search("[A-Za-z]", rest) else ""
