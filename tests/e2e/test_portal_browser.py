"""Two households at a real browser, from the portal's first page to the Jobcenter's folder; `./dev portal-check` runs
them all, with axe on every page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from devtools.portal_arrival import different
from devtools.portal_browser import browsing, open_context
from devtools.portal_check import Way, today, walk
from devtools.portal_corners import Corners
from devtools.portal_households import Household, households
from devtools.portal_watch import Findings
from devtools.setup import CHROMIUM
from devtools.stack import Stack, StackSettings
from shared.form.flow import Built, build_application, look

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(280)]
KNOWN = {household.name: household for household in households(today())}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(
        tmp_path_factory.mktemp("portal"), StackSettings(jobcenters=("kreis-offenbach",), portal_replicas=1)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), "Chromium is set up by `./dev test` and `./dev portal-check`"
    with browsing() as running:
        yield running


@pytest.mark.parametrize(
    "way",
    [Way("single", "phone", javascript=False), Way("no-home", "desktop")],
    ids=lambda way: way.household,
)
def test_a_household_gets_through(stack: Stack, browser: Browser, way: Way) -> None:
    """What is typed on the pages, by labels alone, stands in the Jobcenter's folder, and the pages are accessible."""
    findings = Findings()
    outcome = walk(browser, stack, way, KNOWN[way.household], findings)
    assert not outcome.faults
    assert outcome.acknowledged
    assert outcome.annexes == KNOWN[way.household].annexes
    assert not findings.faults()


@pytest.mark.parametrize("household", KNOWN.values(), ids=lambda household: household.name)
def test_the_second_opinion_sees_what_differs(household: Household) -> None:
    """The comparison in the browser tests finds nothing in a faithful application, and any single change."""
    draft = household.draft(today())
    built = build_application(look(draft, today()))
    assert isinstance(built, Built)
    application = built.application
    assert list(different(application, draft)) == []
    changed = {**application, "applicant": {**application["applicant"], "family_name": "Anders"}}
    assert list(different(changed, draft)) == ["applicant.family_name differs"]
    added = {**application, "applicant": {**application["applicant"], "tax_id": "1"}}
    assert len(list(different(added, draft))) == 1
    less = {name: value for name, value in application.items() if name != "payment"}
    assert any(said == "payment.has_account is not there" for said in different(less, draft))


def test_each_household_calls_for_its_annexes() -> None:
    """The expected codes are written down with the household, not computed by the code under test."""
    for household in KNOWN.values():
        built = build_application(look(household.draft(today()), today()))
        assert isinstance(built, Built)
        assert tuple(built.application["annex_codes"]) == household.annexes


def test_turns_that_no_household_takes(stack: Stack, browser: Browser) -> None:
    """A Jobcenter's link, a refused and a replaced file while progress shows, a draft kept in time; on a phone."""
    findings = Findings()
    corners = Corners(browser, stack.portal_urls[0], KNOWN["single"], findings, "phone", today())
    assert corners.faults(corners.by_link, corners.evidence, corners.time_runs_out) == []
    assert not findings.faults()


WORDS_APART = """<!doctype html><html lang="de"><head><title>x</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Formular</h1><p style="width: 290px">fits</p>
<p style="white-space: nowrap">Kranken- und Pflegeversicherung, Anlage</p></main></body></html>"""


def test_the_watch_sees_what_only_wide_text_pushes_out(browser: Browser) -> None:
    findings = Findings()
    with open_context(browser, "phone") as context:
        page = context.new_page()
        page.set_content(WORDS_APART)
        findings.look_at(page, "phone", "wide")
        page.set_viewport_size({"width": 320, "height": 800})
        fits = page.evaluate("() => document.documentElement.scrollWidth <= 320")
    assert fits
    assert findings.too_wide


BAD = """<!doctype html><html><head><title>x</title><meta name="viewport" content="width=device-width, initial-scale=1">
<style>input:focus { outline: none } @keyframes fade { to { opacity: .9 } } h1 { animation: fade 9s infinite }</style>
</head><body><main><h1>Formular</h1><img src="data:,"><input type="text">
<p style="width: 900px; color: #ccc; background: #fff">zu breit und zu blass</p></main></body></html>"""


def test_the_watch_sees_what_is_wrong_with_a_page(browser: Browser) -> None:
    """Else no finding would mean nothing."""
    findings = Findings()
    with open_context(browser, "phone") as context:
        page = context.new_page()
        findings.listen(page, "http://127.0.0.1:1")
        page.set_content(BAD)
        findings.look_at(page, "phone", "bad")
        page.evaluate("() => { console.error('complaint'); fetch('http://127.0.0.2:9/').catch(() => {}); }")
        page.wait_for_timeout(100)
    rules = {each.split(" ")[0] for each in findings.violations}
    assert {"image-alt", "label", "color-contrast", "html-has-lang"} <= rules
    assert findings.too_wide
    assert findings.unseen_focus
    assert findings.moving
    assert {"complaint", "request to 127.0.0.2:9"} <= set(findings.strangers)
