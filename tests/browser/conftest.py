"""A headless Chromium at two widths, and the report of a made-up study to look at."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from flowgolf.report.pages.html_page import page
from flowgolf.report.plots.plots import plots
from flowgolf.report.tables.tables import tables
from made_up_study import StudyFolder

WIDTHS = {"desktop": 1280, "phone": 390}
HEIGHT = 844
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """A page as a browser has loaded it."""

    browser: webdriver.Chrome
    width: int
    console: list[str]
    requests: list[str]
    """Addresses asked for, without the page itself, what it holds inside (data:) and the browser's own pages."""


class Browser:
    """A Chromium of one width with a profile of its own."""

    def __init__(self, width: int, profile: Path) -> None:
        self.width = width
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        metrics = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def visit(self, path: Path) -> Visit:
        """Load a local page; nothing that happened before counts."""
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(path.as_uri())
        console = [entry["message"] for entry in self.driver.get_log("browser")]
        return Visit(self.driver, self.width, console, self._requests(path.as_uri()))

    def _requests(self, page_url: str) -> list[str]:
        events: list[dict[str, Any]] = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if url != page_url and not url.startswith(("data:", "chrome:", "about:"))]


@pytest.fixture(scope="session", params=list(WIDTHS))
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium as wide as a desktop window, and as a phone."""
    opened = Browser(WIDTHS[request.param], tmp_path_factory.mktemp("profile"))
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the tables, figures and report.html of a made-up study of two arms and a sweep."""
    study = StudyFolder(tmp_path_factory.mktemp("report")).complete()
    tables(study.manifest_path, study.folder / "tables")
    plots(study.manifest_path, study.folder / "figures")
    settings = study.folder / "study.yaml"
    settings.write_text("name: a study\nquestion: does it öffnen?\n")
    page(study.manifest_path, settings, study.folder / "figures", study.folder / "report.html")
    return study.folder
