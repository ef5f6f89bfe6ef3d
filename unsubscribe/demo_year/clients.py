"""Programs that open mails and links, and the networks they come from.

The networks are real ranges of their kinds: Google (AS15169), Apple (AS714), Comcast (AS7922) and Deutsche Telekom
(AS3320) for people, Proofpoint (AS22843) and Exchange Online Protection for filters, Hetzner (AS24940) for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from random import Random

type Headers = tuple[str | None, ...]

PEOPLE_NETWORKS = ("73.0.0.0/10", "84.128.0.0/10")
GOOGLE, APPLE = "66.249.80.0/20", "17.58.0.0/18"


def headers(
    agent: str, *, method: str = "GET", language: str | None = "en", fetch: tuple[str, ...] = (), dest: str = "document"
) -> Headers:
    """Return a request's headers in the order of `engagement.visitors`: `fetch` is Sec-Fetch-Site and -User."""
    site, user = fetch if len(fetch) == 2 else (fetch[0] if fetch else None, None)
    mode = ("navigate" if dest == "document" else "no-cors") if fetch else None
    return (method, agent, language, site, mode, dest if fetch else None, user, *[None] * 6)


_CHROME = (
    "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0{} Safari/537.36{}"  # platform, version
)
_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.{} Mobile/15E148 Safari/604.1"
)
_WINDOWS, _MAC, _ANDROID = "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "Linux; Android 10; K"
WEBMAIL, MAIL_PROGRAM = ("cross-site", "?1"), ("none", "?1")


@dataclass(frozen=True, slots=True)
class Client:
    """What a person reads mail with: the headers of its pictures and of the browser that its links open."""

    picture: Headers
    page: Headers
    picture_network: str = ""  # "" for where the person is
    prefetches: bool = False  # loads all pictures by itself


def clients(chance: Random) -> tuple[tuple[Client, ...], tuple[int, ...]]:
    """Return the clients, and out of how many hundred readers each has."""
    version = chance.randrange(138, 157)
    chrome = headers(_CHROME.format(_WINDOWS, version, "", ""), fetch=WEBMAIL)
    android = headers(_CHROME.format(_ANDROID, version, " Mobile", ""), fetch=MAIL_PROGRAM)
    edge = headers(_CHROME.format(_WINDOWS, version, "", f" Edg/{version}.0.0.0"), fetch=WEBMAIL)
    mac = headers(_CHROME.format(_MAC, version, "", ""), fetch=WEBMAIL)
    iphone = headers(_IPHONE.format(version % 3), fetch=("none",))
    google = headers(
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", language=None
    )
    private = headers("Mozilla/5.0", language=None)
    outlook = headers(
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Win64; x64; Trident/8.0; Microsoft Outlook 16.0.17928; "
        "ms-office; MSOffice 16)"
    )
    return (
        Client(google, chrome, GOOGLE),
        Client(google, android, GOOGLE),
        Client(private, iphone, APPLE, prefetches=True),
        Client(private, mac, APPLE, prefetches=True),
        Client(outlook, edge),
        Client(headers(chrome[1] or "", fetch=("cross-site",), dest="image"), chrome),
    ), (18, 17, 24, 9, 17, 15)


@dataclass(frozen=True, slots=True)
class Scanner:
    """What stands before an organisation's mailboxes: how soon it comes and how far it goes."""

    name: str
    network: str
    headers: tuple[Headers, ...]
    seconds: tuple[float, float]  # after sending, first and last
    share: float  # of mails that it looks into
    opens: bool = False
    follows_hidden: bool = False
    runs_script: bool = False


SCANNERS = (
    Scanner(
        "a filter that asks for the heads of all links",
        "40.92.0.0/15",
        (headers("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", method="HEAD", language=None),),
        (2, 40),
        0.95,
    ),
    Scanner(
        "a filter that opens all links in a browser",
        "148.163.136.0/21",
        (headers(_CHROME.format(_WINDOWS, 139, "", ""), fetch=MAIL_PROGRAM),),
        (5, 240),
        0.85,
        opens=True,
        follows_hidden=True,
        runs_script=True,
    ),
    Scanner(
        "an appliance with a plain agent",
        "88.198.0.0/16",
        (headers("python-requests/2.32.3", language=None), headers("Go-http-client/2.0", language=None)),
        (20, 600),
        0.7,
        follows_hidden=True,
    ),
    Scanner(
        "a service that says its name",
        "78.46.0.0/15",
        (headers("Barracuda Sentinel (EE)", language=None),),
        (1, 20),
        0.9,
        opens=True,
    ),
)


def address_in(network: str, number: int) -> str:
    """Return an address of the network: the same for the same number."""
    block = ip_network(network)
    return str(ip_address(int(block.network_address) + 1 + number * 2_654_435_761 % (block.num_addresses - 2)))
