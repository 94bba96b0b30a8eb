"""The report in a browser: names that mean harm stay text, nothing is asked of anybody, nothing sticks out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analysis import schema
from analysis.report.html import write_report
from analysis.results.mlflow_reader import read_study
from tests.fixtures.mlflow import ARMS, STUDY_JSON, TrialSpec, client, write_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

SCRIPT = "<script>alert('script')</script>"
IMAGE = "\"><img src=http://127.0.0.1:9/x onerror=alert('image')>"
STYLE = "</style><svg onload=alert('svg')><style>@import 'http://127.0.0.1:9/y';"
JINJA = "{{ 7 * 191 }}"
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose study means harm wherever a text of its own can stand."""
    name = f"eyes {SCRIPT} {IMAGE}"
    trials = [
        TrialSpec(0, ARMS[0], 0.4, params={"imbalance": SCRIPT}),
        TrialSpec(1, ARMS[1], 0.8, params={"imbalance": IMAGE}),
        TrialSpec(2, ARMS[2], state=schema.STATE_FAILED, best=False, reason=STYLE + IMAGE),
        TrialSpec(3, ARMS[0], 0.5, params={"imbalance": JINJA}),
    ]
    study = STUDY_JSON | {
        "commands": [f"retina search {IMAGE}"],
        "notes": [SCRIPT, STYLE],
        "config": {"trials": 4, IMAGE: SCRIPT},
        "weights": {"resnet18": {"source": IMAGE, "digest": STYLE}},
    }
    uri = write_study(name, trials, not_run={ARMS[3]: f"weights of {IMAGE}{JINJA}"}, study=study)
    experiment = client().get_experiment_by_name(name)
    (parent,) = client().search_runs([experiment.experiment_id], "tags.kind = 'study'")
    for tag in (schema.TAG_DATA, schema.TAG_COMMIT, schema.TAG_SPLIT):
        client().set_tag(parent.info.run_id, tag, IMAGE + STYLE)
    return write_report(read_study(uri, name), tmp_path_factory.mktemp("hostile"))


class Visit:
    """A page that was opened, and what it tried."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture(params=WIDTHS.values(), ids=WIDTHS)
def visit(request: pytest.FixtureRequest, browser: Browser, page_file: Path) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": request.param, "height": 900})
    visit = Visit(page)
    page.goto(page_file.as_uri())
    page.wait_for_load_state("load")
    yield visit
    page.close()


def test_names_that_mean_harm_do_nothing_and_are_shown(visit: Visit, page_file: Path) -> None:
    visit.page.wait_for_timeout(300)  # what an onerror would need
    assert visit.dialogs == []
    own = page_file.as_uri()
    assert [url for url in visit.requests if url != own and not url.startswith("data:")] == []
    text = visit.page.inner_text("body")
    assert SCRIPT in text and IMAGE in text and JINJA in text
    assert visit.page.locator("img[onerror], svg[onload], body script").count() == 0


def test_nothing_sticks_out_of_the_page(visit: Visit) -> None:
    size = visit.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert size[0] <= size[1]
    outside = visit.page.evaluate(
        """() => [...document.querySelectorAll('body *')].filter(one => {
            for (let up = one; up; up = up.parentElement)
                if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX)) return false;
            return one.getBoundingClientRect().right > document.documentElement.clientWidth + 1;
        }).map(one => one.tagName + ' ' + one.textContent.slice(0, 40))"""
    )
    assert outside == []


def test_the_browser_itself_would_stop_a_request(visit: Visit) -> None:
    """The policy in the page holds even if a text got out of its place some day."""
    asked = visit.page.evaluate(
        """() => new Promise(done => {
            document.addEventListener('securitypolicyviolation', event => done(event.effectiveDirective));
            const image = document.createElement('img');
            image.src = 'http://127.0.0.1:9/z';
            document.body.append(image);
            setTimeout(() => done('not stopped'), 2000);
        })"""
    )
    assert asked == "img-src"
