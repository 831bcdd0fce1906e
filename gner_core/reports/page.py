"""Renders a report as one HTML page without outside resources."""

from collections.abc import Mapping

from markupsafe import Markup, escape

from gner_core.reports.content import ReportContent
from gner_core.reports.paper import view
from gner_core.reports.templates import templates

HUES = 12  # colours of entity types
TITLE_END, TAB_END = "</h1>", "</title>"
DIFFERS = "differs from the file"
"""The fact about a run that the title of its page names, too."""
NO_LINKS = Markup('<p class="sub" id="links"></p>')


def render(content: ReportContent) -> str:
    """Return the page."""
    from gner_core.reports.figures import f1_bars, loss_curves, reliability

    environment = templates()
    environment.filters["points"] = lambda share: f"{100 * share:.1f}"
    environment.filters["hue"] = lambda label: sum(label.encode()) % HUES * (360 // HUES)
    for column in (view.ours, view.interval, view.paper, view.difference):
        environment.filters[column.__name__] = column
    curves = loss_curves({stage.title: stage.curve for stage in content.stages})
    f1 = {
        one.title: {name: row["f1"] for name, row in one.scores["corpora"].items()}
        for one in content.evaluations
    }
    calibrated = {
        one.title: one.scores["calibration"]["all"]
        for one in content.evaluations
        if "calibration" in one.scores
    }
    return environment.get_template(
        "page.html.j2"
    ).render(
        content=content,
        links=NO_LINKS,
        curves=Markup(curves),  # noqa: S704 (made here, from numbers and escaped titles)
        bars=Markup(f1_bars(f1) if f1 else ""),  # noqa: S704
        calibrated=calibrated,
        reliability=Markup(reliability(calibrated)),  # noqa: S704
        fault_names=[
            name for one in content.evaluations[:1] for name in one.scores["texts"] if name != "all"
        ],
        inside=view.INSIDE,
    )


def with_head(page: str, facts: Mapping[str, str]) -> str:
    """Return a page, of an experiment or of a sweep, with facts about its run below its title.

    The published page has none, since it is the same for every run of the same steps.
    """
    row = Markup('<tr><th>{}</th><td style="overflow-wrap: anywhere">{}</td></tr>')
    rows = Markup("").join(row.format(*fact) for fact in facts.items())
    table = Markup('<div class="box"><table id="run">{}</table></div>').format(rows)
    if changes := facts.get(DIFFERS):
        page = page.replace(TAB_END, f", {escape(changes)}{TAB_END}", 1)
    return page.replace(TITLE_END, f"{TITLE_END}\n{table}", 1)


def with_links(page: str, links: Mapping[str, str]) -> str:
    """Return a page with links below its title.

    The published page has none, since links to the tracking server differ between machines.
    """
    anchors = [Markup('<a href="{}">{}</a>').format(url, title) for title, url in links.items()]
    filled = Markup('<p class="sub" id="links">{}</p>').format(Markup(" · ").join(anchors))
    return page.replace(str(NO_LINKS), str(filled), 1)
