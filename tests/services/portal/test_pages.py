"""What pages promise: errors said, answers kept, nothing lost without a word, nothing of the visitor in addresses."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, date, datetime

import pytest
from aiohttp.test_utils import TestServer
from yarl import URL

from devtools import portal_walk
from devtools.portal_walk import SINGLE, Household
from devtools.visitor import Page, Visitor
from services.portal.app import build_app
from services.portal.branding import DEFAULT_FILE, Brandings
from services.portal.records import Place, Record, Target
from services.portal.vault import Vault
from services.portal.web import Buckets, same_origin
from shared.errors import Misconfigured, StoreUnavailable
from shared.form.flow import look
from shared.web.health import Health
from tests.services.portal.conftest import World

HOUSEHOLD = Household("single", SINGLE)
NAMES = {
    "applicant.family_name": "Beispiel",
    "applicant.given_names": "Kim",
    "applicant.birth_date--day": "3",
    "applicant.birth_date--month": "7",
    "applicant.birth_date--year": "1984",
}


async def begun(world: World) -> Visitor:
    """At the task list, the place answered and found; written straight into the store, because every test needs it."""
    visitor, vault = world.visitor(), Vault.new()
    answers = {
        "responsibility.residence_situation": "rented_home",
        "responsibility.residence_postcode": "63303",
        "responsibility.residence_obligation": "no",
    }
    answers = {name: value for name, value in answers.items() if name in look(answers, date(2026, 11, 22)).answers}
    target = Target(id="kreis-offenbach", name="Pro Arbeit Kreis Offenbach")
    record = Record(answers=answers, place=Place(postcode="63303", municipality="Dreieich", target=target))
    await world.site.drafts.create(vault, record, world.site.settings.unused_s)
    visitor.session.cookie_jar.update_cookies({"antrag": vault.cookie()}, URL(world.url))
    await visitor.get("/aufgaben")
    return visitor


async def test_headers_of_every_page(world: World) -> None:
    visitor = world.visitor()
    for path in ("/", "/datenschutz", "/barrierefreiheit", "/rueckmeldung", "/impressum", "/zugang", "/nirgends"):
        page = await visitor.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert "img-src 'self' data:" in policy
        assert "unsafe" not in policy
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Cache-Control"] == "no-store"
        assert 'lang="de"' in page.html
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", page.html)
        assert not re.search(r"(?:src|href)=\"https?://(?!www\.jobcenter)", page.html)


async def test_cookie_is_bound_to_the_browser(world: World) -> None:
    visitor = world.visitor()
    await visitor.get("/")
    async with visitor.session.post(
        f"{world.url}/beginnen", headers={"Origin": world.url}, allow_redirects=False
    ) as response:
        cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie


async def test_errors_are_said_and_what_was_typed_stays(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/applicant.family_name")
    page = await visitor.submit(NAMES | {"applicant.birth_date--month": "13", "applicant.given_names": ""})
    assert page.status == 422
    assert page.title.startswith("Fehler:")
    assert 'value="13"' in page.html
    assert 'role="alert"' in page.html
    targets = re.findall(r'<a href="#([^"]+)">', page.html)
    assert "applicant.given_names" in targets
    assert "applicant.birth_date--month" in targets
    assert set(targets) <= set(page.reader.ids)
    for described in re.findall(r'aria-describedby="([^"]+)"', page.html):
        assert set(described.split()) <= set(page.reader.ids)
    again = await visitor.get("/frage/applicant.family_name")
    assert 'value="Beispiel"' in again.html, "the good answers are kept"


async def test_a_required_question_may_wait(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/applicant.family_name")
    page = await visitor.submit({})
    assert page.status == 422
    page = await visitor.submit({}, button="_skip")
    assert page.path.startswith("/frage/applicant.birth_name")


async def test_a_word_of_warning_before_answers_go(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/payment.has_account")
    while "payment" in visitor.page.path:
        await visitor.submit({name: SINGLE[name] for name in visitor.page.form().names if name in SINGLE})
    await visitor.get("/frage/payment.has_account")
    page = await visitor.submit({"payment.has_account": "no"})
    assert page.path == "/warnung"
    assert "IBAN" in page.text
    kept = await visitor.submit(button="_keep", action="/warnung")
    assert 'value="yes" checked' in kept.html
    await visitor.submit({"payment.has_account": "no"})
    await visitor.submit(button="_drop", action="/warnung")
    await visitor.get("/frage/payment.has_account")
    page = await visitor.submit({"payment.has_account": "yes"})
    iban = await visitor.get("/frage/payment.has_account")
    assert "DE89" not in iban.html, "what was given up is gone"


async def test_two_tabs_lose_nothing(world: World) -> None:
    visitor = await begun(world)
    first = await visitor.get("/frage/applicant.family_name")
    second = await visitor.get("/frage/payment.has_account")
    visitor.page = first
    await visitor.submit(NAMES)
    visitor.page = second
    await visitor.submit({"payment.has_account": "no"})
    check = await visitor.get("/pruefen")
    assert "Beispiel" in check.text
    assert "Nein" in check.text


async def test_a_page_overtaken_by_another_tab_says_so_and_loses_neither(world: World) -> None:
    visitor = await begun(world)
    mine = await visitor.get("/frage/applicant.family_name")
    await visitor.get("/frage/applicant.family_name")
    await visitor.submit(NAMES | {"applicant.family_name": "Zuerst"})
    visitor.page = mine
    page = await visitor.submit(NAMES | {"applicant.family_name": "Danach"})
    assert page.status == 409
    assert page.title.startswith("Fehler:")
    assert "Zuerst" in page.text, "what is stored"
    assert 'value="Danach"' in page.html, "what was typed"
    assert "Zuerst" in (await visitor.get("/pruefen")).text, "nothing is overwritten unseen"
    visitor.page = page
    assert (await visitor.submit()).status == 200, "pressed again it is meant"
    assert "Danach" in (await visitor.get("/pruefen")).text


async def test_the_same_answers_twice_are_no_quarrel(world: World) -> None:
    """A button pressed twice, or two tabs that agree."""
    visitor = await begun(world)
    mine = await visitor.get("/frage/applicant.family_name")
    await visitor.submit(NAMES)
    visitor.page = mine
    assert (await visitor.submit(NAMES)).status == 200


async def test_change_links_return_to_the_check(world: World) -> None:
    visitor = await begun(world)
    await portal_walk.fill(visitor, HOUSEHOLD)
    await visitor.get("/pruefen")
    link = next(link for link in visitor.page.reader.links if link.startswith("/frage/applicant.family_name"))
    await visitor.get(link)
    page = await visitor.submit({"applicant.family_name": "Anders"})
    assert page.path == "/pruefen"
    assert "Anders" in page.text


async def test_nothing_of_the_visitor_stands_in_addresses(world: World) -> None:
    visitor = world.visitor()
    seen: list[str] = []
    go = visitor._go

    async def recorded(method: str, path: str, *rest: object) -> object:
        page = await go(method, path, *rest)  # type: ignore[arg-type]
        seen.extend([path, page.path, *page.reader.links])
        return page

    visitor._go = recorded  # type: ignore[assignment, method-assign]
    await portal_walk.apply(visitor, HOUSEHOLD)
    addresses = " ".join(seen)
    for typed in ("Beispiel", "Kim", "Musterweg", "63303", "DE89", "A123456780"):
        assert typed not in addresses
    assert next(iter(world.intake.submissions)) not in addresses


# -- forged and foreign ------------------------------------------------------------------------------------------------


async def test_a_form_of_another_site_is_refused(world: World) -> None:
    visitor = await begun(world)
    page = await visitor.get("/frage/applicant.family_name")
    token = dict(page.form().fields)["_t"]
    for headers, sent in (
        ({"Origin": "https://evil.example"}, token),
        ({}, token),
        ({"Sec-Fetch-Site": "cross-site"}, token),
        ({"Origin": world.url}, "wrong"),
        ({"Origin": world.url}, ""),
        ({"Origin": "null"}, token),
    ):
        answer = await visitor._go("POST", "/frage/applicant.family_name", headers, NAMES | {"_t": sent})
        assert answer.status == 403, headers
    check = await visitor.get("/pruefen")
    assert "Beispiel" not in check.text


def test_same_origin() -> None:
    assert same_origin({"Origin": "https://antrag.example"}, "antrag.example", None)
    assert same_origin({"Origin": "https://antrag.example"}, "inner:8090", "https://antrag.example")
    assert not same_origin({"Origin": "https://antrag.example.evil"}, "antrag.example", None)
    assert not same_origin({"Origin": "http://antrag.example"}, "antrag.example", "https://antrag.example")
    assert same_origin({"Sec-Fetch-Site": "same-origin"}, "antrag.example", None)
    assert not same_origin({}, "antrag.example", None)


async def test_another_visitor_sees_nothing(world: World) -> None:
    await begun(world)
    other = world.visitor()
    for path in ("/aufgaben", "/pruefen", "/frage/applicant.family_name", "/status", "/nachreichen"):
        page = await other.get(path)
        assert page.status == 410
        assert "keinen Antrag" in page.text


async def test_a_foreign_cookie_is_no_draft(world: World) -> None:
    await begun(world)
    stranger = world.visitor()
    for value in ("", "x", "A" * 22, "A" * 4000, "%00", "../x"):
        page = await stranger._go("GET", "/aufgaben", {"Cookie": f"antrag={value}; vorgang={value}"})
        assert page.status == 410


async def test_erasing_leaves_nothing(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/loeschen")
    page = await visitor.submit(action="/loeschen")
    assert "gelöscht" in page.title
    assert world.store.objects == {}
    assert (await visitor.get("/aufgaben")).status == 410


# -- weather -----------------------------------------------------------------------------------------------------------


async def test_the_store_is_away(world: World) -> None:
    visitor = await begun(world)
    await visitor.get("/frage/applicant.family_name")

    def off(_what: str, _key: str) -> None:
        raise StoreUnavailable("off")

    world.store.before = off
    page = await visitor.submit(NAMES)
    assert page.status == 503
    assert page.headers["Retry-After"]
    world.store.before = lambda *_: None
    assert (await visitor.get("/aufgaben")).status == 200


async def test_a_draft_is_kept_while_it_is_used(world: World) -> None:
    visitor = await begun(world)
    for _ in range(4):
        world.clock.pass_(days=20)
        assert (await visitor.get("/aufgaben")).status == 200
    world.clock.pass_(days=31)
    assert (await visitor.get("/aufgaben")).status == 410
    await world.site.drafts.sweep()
    assert world.store.objects == {}


async def test_the_cookie_lives_as_long_as_the_draft(world: World) -> None:
    """Else a draft in use would be out of reach 30 days after its beginning."""
    visitor = await begun(world)
    world.clock.pass_(days=20)
    page = await visitor.get("/aufgaben")
    month = world.site.settings.unused_s
    assert f"antrag={visitor.session.cookie_jar.filter_cookies(URL(world.url))['antrag'].value}" in cookie(page)
    assert f"Max-Age={month}" in cookie(page)
    world.clock.pass_(hours=12)
    assert f"Max-Age={month - 43_200}" in cookie(await visitor.get("/frage/applicant.family_name"))
    assert "Set-Cookie" not in (await world.visitor().get("/")).headers


def cookie(page: Page) -> str:
    return page.headers["Set-Cookie"]


# -- the month's end, links --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (datetime(2026, 11, 23, 22, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 23, 23, 0, tzinfo=UTC), True),  # the 24th in Berlin: seven days are left
        (datetime(2026, 11, 30, 22, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 30, 23, 0, tzinfo=UTC), False),
    ],
)
async def test_the_month_s_end_is_said_while_there_is_time(world: World, now: datetime, said: bool) -> None:
    world.clock.now = now
    visitor = await begun(world)
    start = await world.visitor().get("/")
    for page in (start, await visitor.get("/aufgaben"), await visitor.get("/datum")):
        assert ("Der Monat endet am 30.\N{NO-BREAK SPACE}November" in page.text) is said
        assert ("1.\N{NO-BREAK SPACE}November 2026" in page.text) is said
    assert ("/datum" in (await visitor.get("/aufgaben")).reader.links) is said


async def test_a_link_brings_its_postcode_and_nothing_more(world: World) -> None:
    visitor = world.visitor()
    page = await visitor.get("/?plz=63303")
    assert "Pro Arbeit Kreis Offenbach" in page.text
    page = await visitor.submit(action="/beginnen")
    assert "63303" not in page.path
    page = await visitor.submit({"responsibility.residence_situation": "rented_home"})
    assert 'value="63303"' in page.html
    assert "63303" not in (await visitor.get("/pruefen")).text, "a hint is no answer"
    await visitor.get("/frage/responsibility.residence_postcode")
    assert (await visitor.submit()).path == "/zustaendig", "one press confirms it"


async def test_a_link_s_postcode_gives_way_to_the_citizen_s(world: World) -> None:
    visitor = world.visitor()
    await visitor.get("/?plz=63303")
    await visitor.submit(action="/beginnen")
    await visitor.submit({"responsibility.residence_situation": "rented_home"})
    await visitor.submit({"responsibility.residence_postcode": "64390"})
    page = await visitor.get("/frage/responsibility.residence_postcode")
    assert 'value="64390"' in page.html


@pytest.mark.parametrize("link", ["", "6330", "633033", "abcde", "<b>aa", "\u0663\u0663\u0663\u0663\u0663", "99999"])
async def test_a_link_that_says_nothing_is_the_first_page(world: World, link: str) -> None:
    page = await world.visitor().get(f"/?plz={link}")
    assert page.status == 200
    assert "Antrag beginnen" in page.text
    assert "zuständig" not in page.text


async def test_a_link_works_while_intake_is_away(world: World) -> None:
    world.intake.fail["GET /v1/jobcenters"] = [503] * 9
    page = await world.visitor().get("/?plz=63303")
    assert page.status == 200
    assert "Antrag beginnen" in page.text


async def test_a_link_to_a_joint_jobcenter_leads_there(world: World) -> None:
    page = await world.visitor().get("/?plz=80331")
    assert "Jobcenter München" in page.text
    assert "https://www.jobcenter.digital" in page.reader.links


def test_buckets_refill() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [None, None, None, 1]
    assert buckets.take("b", 0.0) is None
    assert buckets.take("a", 0.5) is None
    assert buckets.take("a", 0.5) == 1


async def test_too_many_requests_are_told_to_wait(world: World) -> None:
    limited = world.site.settings.model_copy(update={"rate_per_s": 0.1, "burst": 3})
    site = dataclasses.replace(world.site, settings=limited)
    async with TestServer(build_app(site, Health("portal"))) as server:
        visitor = Visitor(str(server.make_url("")).rstrip("/"))
        try:
            pages = [await visitor.get("/") for _ in range(4)]
            style = await visitor.get("/static/portal.css")
        finally:
            await visitor.close()
    assert [page.status for page in pages] == [200, 200, 200, 429]
    assert int(pages[3].headers["Retry-After"]) >= 1
    assert "warten Sie" in pages[3].text
    assert style.status == 200


async def test_a_jobcenter_s_own_words_and_colour(world: World) -> None:
    own = {
        "jobcenters": {"kreis-offenbach": {"benefit": "Stütze", "portal": "Kreis Offenbach hilft", "accent": "green"}}
    }
    world.site.brandings = Brandings(json.loads(DEFAULT_FILE.read_bytes()) | own)
    visitor = await begun(world)
    assert "Kreis Offenbach hilft" in visitor.page.text
    assert 'class="accent-green"' in visitor.page.html
    assert "Kreis Offenbach hilft" not in (await world.visitor().get("/")).text
    for wrong in ({}, {"default": {"benefit": "x"}}, {"default": 1}):
        with pytest.raises(Misconfigured):
            Brandings(wrong)


@pytest.mark.parametrize("path", ["/frage/applicant.nothing", "/nachweis/evidence.X", "/frage/..%2f..%2fetc"])
async def test_pages_that_are_not_there(world: World, path: str) -> None:
    visitor = await begun(world)
    assert (await visitor.get(path)).status == 404
