"""Robots that are plain HTTP programs."""

from __future__ import annotations

from scorecard.networks import Network
from scorecard.visits import Cast, Label, Mail, Visit
from tests.browser.programs import CURL, PYTHON, forms_in

ROBOTS = Cast(Label.ROBOT, (Network.MAIL_FILTER, Network.DATA_CENTRE, Network.CONSUMER))
ORGANISATION = 50  # recipients of one domain, whose mails one gateway scans
# A program that calls itself Chrome and sends what its author remembered of Chrome's headers.
DISGUISED = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Language": "en-US",
}
MICROSOFT = {"User-Agent": "Mozilla/5.0 (compatible; Microsoft Exchange/15.20)", "Accept": "*/*"}
# Link previews, by the agents that their makers publish.
PREVIEWS = (
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "TelegramBot (like TwitterBot)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
)


@ROBOTS.enter("GET", shows="a program's agent")
async def get(visit: Visit) -> None:
    await visit.fetch(visit.mail.leave, CURL)


@ROBOTS.enter("HEAD", shows="HEAD")
async def head(visit: Visit) -> None:
    await visit.fetch(visit.mail.leave, MICROSOFT, "HEAD")


@ROBOTS.enter("header link opener", shows="HEAD")
async def open_header_link(visit: Visit) -> None:
    """Microsoft sends HEAD to every URL of the List-Unsubscribe header; appliances open it too."""
    await visit.fetch(visit.mail.header, MICROSOFT, "HEAD")
    await visit.fetch(visit.mail.header, DISGUISED)


@ROBOTS.enter("GET, disguised", shows="a browser's agent without a browser's headers")
async def get_disguised(visit: Visit) -> None:
    await visit.fetch(visit.mail.leave, DISGUISED)


@ROBOTS.enter("GET of all links", shows="all links within seconds, the hidden one too")
async def get_all_links(visit: Visit) -> None:
    await open_all(visit, visit.mail)


@ROBOTS.enter("link previews", shows="a preview's agent")
async def preview(visit: Visit) -> None:
    for agent in PREVIEWS:
        await visit.fetch(visit.mail.leave, {"User-Agent": agent, "Accept": "*/*"})


@ROBOTS.enter("forms, no button", shows="a program's agent")
async def submit_forms(visit: Visit) -> None:
    """Submits each form as it stands, with no button pressed."""
    await submit_all(visit, visit.mail, None)


@ROBOTS.enter("forms, first button", shows="a program's agent")
async def press_first_buttons(visit: Visit) -> None:
    await submit_all(visit, visit.mail, 0)


@ROBOTS.enter("gateway: GET for 50", shows="fifty recipients of one domain within seconds", recipients=ORGANISATION)
async def get_for_all(visit: Visit) -> None:
    for mail in visit.mails:
        await visit.fetch(mail.leave, DISGUISED)


@ROBOTS.enter("gateway: all links for 50", shows="the hidden link", recipients=ORGANISATION, is_quick=False)
async def open_all_for_all(visit: Visit) -> None:
    for mail in visit.mails:
        await open_all(visit, mail)


@ROBOTS.enter("gateway: forms for 50", shows="fifty recipients", recipients=ORGANISATION, is_quick=False)
async def submit_all_for_all(visit: Visit) -> None:
    for mail in visit.mails:
        await submit_all(visit, mail, 0)


async def open_all(visit: Visit, mail: Mail) -> None:
    """Open every link of a mail one right after the other, as a scanner does."""
    for link in (mail.leave, mail.preferences, mail.hidden):
        await visit.fetch(link, DISGUISED)


async def submit_all(visit: Visit, mail: Mail, pressing: int | None) -> None:
    """Submit every form of the page, with the button that is `pressing`-th in it or with none."""
    landing = await visit.fetch(mail.leave, PYTHON)
    for form in forms_in(landing.text):
        await visit.submit(form, mail.leave, PYTHON, pressing)
