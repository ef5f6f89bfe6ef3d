"""The ways through the public pages: each goes from state to state and names the one that is on the screen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from playwright.sync_api import Route

from languages.world import JUST_SENT, Visitor
from preferences.links import Purpose

_CALL = re.compile(r"/arrive\?")
type Walk = Callable[[Visitor], Iterator[str]]


def leaving(visitor: Visitor) -> Iterator[str]:
    _land(visitor)
    yield "landing"
    visitor.press("keep")
    yield "kept"
    visitor.press("leave")
    yield "left"
    visitor.press("", ".why")
    yield "no answer"
    visitor.page.locator(".why [type=radio]").nth(1).check()
    visitor.press("", ".why")
    yield "answered"
    visitor.press("", "[data-undo]")
    yield "undone"


def arriving(visitor: Visitor) -> Iterator[str]:
    visitor.page.route(_CALL, lambda route: route.abort())
    visitor.go()
    visitor.expect(".error:not(:empty)")
    yield "failed"
    visitor.page.unroute_all(behavior="ignoreErrors")
    visitor.go()
    visitor.expect('[data-state="done"]')
    yield "arrived"
    held: list[Route] = []
    visitor.page.route(_CALL, lambda route: held.append(route))
    visitor.go()
    visitor.expect('[data-state="waiting"]')
    yield "waiting"
    for route in held:
        route.abort()


def taking_a_digest(visitor: Visitor) -> Iterator[str]:
    _leave(visitor)
    visitor.press("weekly", ".offers")
    yield "digest instead"


def pausing_instead(visitor: Visitor) -> Iterator[str]:
    _leave(visitor)
    visitor.press("", ".offers fieldset:last-of-type")
    yield "pause instead"


def coming_back(visitor: Visitor) -> Iterator[str]:
    _leave(visitor)
    visitor.go(path="/undo")
    yield "come back"
    visitor.press("back")
    yield "back"
    visitor.go(path="/undo")
    visitor.press("back")
    yield "nothing to undo"


def choosing(visitor: Visitor) -> Iterator[str]:
    visitor.go(Purpose.PREFERENCES)
    yield "preferences"
    for summary in visitor.page.locator("form summary").all():
        summary.click()
    yield "preferences open"
    visitor.page.locator('[name="on"]:not([disabled])').first.uncheck()
    visitor.press("shown", ".preferences")
    yield "saved"
    visitor.press("save")
    yield "save undone"
    pause = visitor.page.locator("#pause")
    pause.locator("select").select_option(index=pause.locator("option").count() - 1)
    visitor.press("shown", ".preferences")
    yield "pause without a day"
    visitor.page.locator("#pause select").select_option(index=2)
    visitor.press("shown", ".preferences")
    yield "paused"


def leaving_everything(visitor: Visitor) -> Iterator[str]:
    visitor.go(Purpose.PREFERENCES)
    visitor.press("off")
    yield "all off"
    visitor.press("back")
    yield "all back"


def pressing_as_a_program(visitor: Visitor) -> Iterator[str]:
    visitor.go(Purpose.PREFERENCES)
    headers = {"Sec-Purpose": "prefetch"}
    visitor.page.route("**/p/*", lambda route: route.continue_(headers={**route.request.headers, **headers}))
    visitor.press("off")
    yield "sure"


def asking_for_a_link(visitor: Visitor) -> Iterator[str]:
    visitor.open("/a/demo")
    yield "address form"
    visitor.page.locator("#address").fill("alice")
    visitor.press("", ".ask")
    yield "no address"
    visitor.page.locator("#address").fill(visitor.address)
    visitor.press("", ".ask")
    yield "link asked for"


def subscribing(visitor: Visitor) -> Iterator[str]:
    _land(visitor, Purpose.OPT_IN)
    yield "join"
    visitor.press("later")
    yield "not joined"
    _land(visitor, Purpose.OPT_IN)
    visitor.press("join")
    yield "joined"


def reading_data(visitor: Visitor) -> Iterator[str]:
    visitor.go(Purpose.PREFERENCES)
    with visitor.page.expect_navigation():  # as a program does that presses nothing
        visitor.page.locator(".data form").evaluate("form => form.submit()")
    yield "data sent blindly"
    visitor.press("data")
    yield "data asked for"
    visitor.go(Purpose.ACCESS, age=JUST_SENT)
    yield "data"
    visitor.press("ask")
    yield "erase"
    visitor.press("erase")
    yield "erased"
    visitor.go(Purpose.ACCESS, age=30 * 86_400)
    yield "data link expired"


def losing_the_way(visitor: Visitor) -> Iterator[str]:
    visitor.go(Purpose.HIDDEN)
    yield "hidden link"
    visitor.open("/u/broken")
    yield "broken link"
    visitor.open("/nothing/here")
    yield "no page"
    visitor.go(path="/confirm")
    yield "nothing to show again"


def failing_to_save(visitor: Visitor) -> Iterator[str]:
    _land(visitor)
    visitor.server.close_database()
    try:
        visitor.press("leave")
    finally:
        visitor.server.open_database()
    yield "not saved"


def _land(visitor: Visitor, purpose: Purpose = Purpose.UNSUBSCRIBE) -> None:
    """Open a fresh mail's link, which asks."""
    visitor.go(purpose, age=JUST_SENT)
    visitor.expect('[data-state="ask"]')


def _leave(visitor: Visitor) -> None:
    _land(visitor)
    visitor.press("leave")


WALKS: list[Walk] = [
    leaving,
    arriving,
    taking_a_digest,
    pausing_instead,
    coming_back,
    choosing,
    leaving_everything,
    pressing_as_a_program,
    asking_for_a_link,
    subscribing,
    reading_data,
    losing_the_way,
    failing_to_save,
]
