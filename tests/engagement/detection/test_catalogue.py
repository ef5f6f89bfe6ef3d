from __future__ import annotations

import json
from pathlib import Path

import pytest

from engagement.detection import catalogue
from engagement.detection.catalogue import AgentEntry, agents, classify_agent
from engagement.visitors import agent_class

CLASSES = {"browser", "headless", "preview", "robot", "scanner"}
SAMPLES = [(entry, sample) for entry in agents() for sample in entry.samples]
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_3_2 like Mac OS X) {WEBKIT}"
K = "Mozilla/5.0 (Linux; Android 10; K)"  # all that Chrome says of a phone
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = f"Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A.250105.002; wv) {BLINK} Version/4.0 Chrome/156.0.7000.10"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK}"

# What people hold in their hands: browsers, and the browsers within apps, where links of a chat or a mail open.
BROWSERS = {
    "Chrome": f"{WINDOWS} Chrome/156.0.0.0 Safari/537.36",
    "Edge": f"{WINDOWS} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    "Opera": f"{WINDOWS} Chrome/156.0.0.0 Safari/537.36 OPR/120.0.0.0",
    "Firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0",
    "Firefox on Android": "Mozilla/5.0 (Android 15; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0",
    "Firefox on iOS": f"{IPHONE} FxiOS/153.0 Mobile/15E148 Safari/605.1.15",
    "Safari": f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.3 Safari/605.1.15",
    "Safari on iPhone": f"{IPHONE} Version/18.3.1 Mobile/15E148 Safari/604.1",
    "Chrome on iOS": f"{IPHONE} CriOS/156.0.7000.10 Mobile/15E148 Safari/604.1",
    "Chrome on Android": f"{K} {BLINK} Chrome/156.0.0.0 Mobile Safari/537.36",
    "Samsung Internet": f"{K} {BLINK} SamsungBrowser/28.0 Chrome/130.0 Mobile Safari/537.36",
    "DuckDuckGo on iOS": f"{IPHONE} Version/18.3 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
    "DuckDuckGo on Android": f"Mozilla/5.0 (Linux; Android 10) {BLINK} Chrome/156.0 Mobile DuckDuckGo/5 Safari/537.36",
    "Vivaldi": f"{WINDOWS} Chrome/156.0.0.0 Safari/537.36 Vivaldi/7.1",
    "Yandex": f"{WINDOWS} Chrome/154.0.0.0 YaBrowser/25.10.0.0 Safari/537.36",
    "UC Browser": "Mozilla/5.0 (Linux; U; Android 12; en-US; RMX3085 Build/SP1A.210812.016) "
    f"{BLINK} Version/4.0 Chrome/100.0.4896.58 UCBrowser/13.4.0.1306 Mobile Safari/537.36",
    "Internet Explorer": "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "WebView on iOS": f"{IPHONE} Mobile/15E148",
    "WebView on Android": f"{ANDROID} Mobile Safari/537.36",
    "Google app on iOS": f"{IPHONE} GSA/355.0.0 Mobile/15E148 Safari/604.1",
    "Google app on Android": f"{ANDROID} Mobile Safari/537.36 GSA/16.2.39",
    "Facebook on iOS": f"{IPHONE} Mobile/22D82 [FBAN/FBIOS;FBAV/500.0.0.50.60;FBBV/1;FBDV/iPhone15,2;FBSN/iOS]",
    "Facebook on Android": f"{ANDROID} Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/500.0.0.55.99;]",
    "Messenger": f"{IPHONE} Mobile/22D82 [FBAN/MessengerForiOS;FBAV/497.0.0.30.109;FBBV/1;FBDV/iPhone15,2]",
    "Instagram": f"{IPHONE} Mobile/22D82 Instagram 370.0.0.35.80 (iPhone15,2; iOS 18_3_2; en_US; en; scale=3.00)",
    "LINE": f"{IPHONE} Mobile/15E148 Safari Line/15.1.1",
    "LINE on Android": f"{ANDROID} Mobile Safari/537.36 Line/15.1.1/IAB",
    "KakaoTalk": f"{IPHONE} Mobile/15E148 KAKAOTALK 25.1.1",
    "KakaoTalk on Android": f"{ANDROID} Mobile Safari/537.36;KAKAOTALK 2510430",
    "Naver": f"{IPHONE} Mobile/15E148 Safari/604.1 NAVER(inapp; search; 2000; 12.10.1; 15PRO)",
    "WeChat": f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.55(0x18003725) NetType/WIFI Language/en",
    "TikTok": f"{ANDROID} Mobile Safari/537.36 musical_ly_2023800030 BytedanceWebview/d8a21c6",
    "Snapchat": f"{IPHONE} Mobile/15E148 Snapchat/13.20.0.40 (like Safari/8620.2.4.10.8, panda)",
    "Pinterest": f"{IPHONE} Mobile/15E148 [Pinterest/iOS]",
    "LinkedIn": f"{IPHONE} Mobile/15E148 [LinkedInApp]/9.30.1070",
    "X": f"{IPHONE} Mobile/15E148 Twitter for iPhone/10.80",
    "Outlook on iOS": f"{IPHONE} Mobile/15E148 OutlookMobile/4.2510.0",
    "Outlook on Android": f"{ANDROID} Mobile Safari/537.36 PKeyAuth/1.0",
    "Outlook on Windows": f"{WINDOWS} Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0 Outlook/16.0",
    "Teams": f"{WINDOWS} Teams/24004.1307.2669.7070 Chrome/120.0.6099.291 Electron/28.2.10 Safari/537.36",
    "Slack": f"{WINDOWS} Slack/4.41.98 Chrome/130.0.6723.137 Electron/33.2.0 Safari/537.36",
    "Thunderbird": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0",
    "Lynx": "Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8",
    "w3m": "w3m/0.5.3+git20230121",
    "ELinks": "ELinks/0.16.1.1 (textmode; Linux 6.1.0 x86_64; 80x24-2)",
    "eww": "Links (2.29; Linux x86_64; text)",
}


@pytest.mark.parametrize(("entry", "sample"), SAMPLES, ids=[sample[:40] for _, sample in SAMPLES])
def test_an_entry_matches_its_samples(entry: AgentEntry, sample: str) -> None:
    assert entry.pattern.search(sample)
    assert classify_agent(sample) == entry.agent_class


@pytest.mark.parametrize("browser", BROWSERS)
def test_no_entry_takes_a_browser_of_people_for_a_program(browser: str) -> None:
    assert classify_agent(BROWSERS[browser]) in {"", "browser"}


@pytest.mark.parametrize("browser", BROWSERS)
def test_a_browser_of_people_is_nothing_else(browser: str) -> None:
    assert agent_class(BROWSERS[browser]) == ""


@pytest.mark.parametrize(
    "agent",
    [
        f"{ANDROID} Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 (Linux; Android 15; P; +http://example.org/bot) {BLINK} Chrome/156.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 15; compatible; Bot) {BLINK} Chrome/156.0.0.0 Mobile Safari/537.36",
        f"Mozilla/5.0 (Linux; Android 15; Bot) {BLINK} Chrome/156.0.0.0 Mobile Safari/537.36 Chrome-Lighthouse",
        f"Mozilla/5.0 (Linux; Android 15; Bot) {BLINK} HeadlessChrome/156.0.0.0 Mobile Safari/537.36",
    ],
)
def test_a_model_of_a_phone_hides_no_robot(agent: str) -> None:
    assert agent_class(agent) in {"robot", "headless"}


@pytest.mark.parametrize("entry", agents(), ids=lambda entry: entry.samples[0][:40])
def test_an_entry_is_of_a_known_class_and_names_its_source(entry: AgentEntry) -> None:
    assert entry.agent_class in CLASSES
    assert entry.samples
    assert len(entry.source) > 20


def test_the_catalogue_has_all_classes_and_no_sample_twice() -> None:
    assert {entry.agent_class for entry in agents()} == CLASSES
    samples = [sample for _, sample in SAMPLES]
    assert len(samples) == len(set(samples))


def test_the_file_has_one_entry_a_line() -> None:
    path = Path(catalogue.__file__).parent / "data" / "agents.json"
    lines = path.read_text().splitlines()
    assert [json.loads(line.rstrip(",")) for line in lines[1:-1]] == json.loads(path.read_text())
