"""Dashboards: Grafana's JSON files, read from a folder."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOME = "home"
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Panel:
    """One panel. The grid has 24 columns, and rows of 30 px with gaps of 8."""

    id: int
    kind: str
    title: str
    description: str
    grid: Json
    targets: Sequence[Json]
    defaults: Json
    overrides: Sequence[Json]
    options: Json
    transformations: Sequence[Json]
    links: Sequence[Json]

    @property
    def empty(self) -> str:
        """Why the panel rightly has no data; empty where a lack of data is a defect."""
        return str(self.defaults.get("noValue") or "")


@dataclass(frozen=True)
class Dashboard:
    """One dashboard, as its file has it. `since` and `until` are Grafana's words for times, as in now-30m."""

    uid: str
    title: str
    description: str
    tags: Sequence[str]
    since: str
    until: str
    refresh: str
    refreshes: Sequence[str]
    panels: Sequence[Panel]
    variables: Sequence[Json]
    annotations: Sequence[Json]
    links: Sequence[Json]

    @property
    def path(self) -> str:
        """The address below that of the viewer, as Grafana has it."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"/d/{self.uid}/{slug}"


@dataclass
class Library:
    """The dashboards of a folder, read anew when a file has changed."""

    folder: Path
    problems: Sequence[str] = ()
    _stamps: Mapping[Path, int] = field(default_factory=dict)
    _dashboards: Mapping[str, Dashboard] = field(default_factory=dict)

    def all(self) -> Sequence[Dashboard]:
        """Return every dashboard: Home, then by title."""
        return sorted(self._read().values(), key=lambda one: (one.uid != HOME, one.title))

    def get(self, uid: str) -> Dashboard | None:
        """Return one dashboard, if there is it."""
        return self._read().get(uid)

    def _read(self) -> Mapping[str, Dashboard]:
        stamps = {path: path.stat().st_mtime_ns for path in sorted(self.folder.glob("*.json"))}
        if stamps != self._stamps:
            found, problems = {}, []
            for path in stamps:
                try:
                    dashboard = parse(json.loads(path.read_text(encoding="utf-8")))
                except (ValueError, TypeError, LookupError, AttributeError) as error:
                    problems.append(f"{path} is no dashboard: {error!r}")
                else:
                    found[dashboard.uid] = dashboard
            self._dashboards, self.problems, self._stamps = found, problems, stamps
        return self._dashboards


def parse(content: Json) -> Dashboard:
    """Return the dashboard that a file describes.

    Raises:
        LookupError: it lacks a uid, a title or a panel's place.

    """
    time = content.get("time", {})
    return Dashboard(
        uid=content["uid"],
        title=content["title"],
        description=content.get("description") or "",
        tags=content.get("tags", ()),
        since=time.get("from", "now-6h"),
        until=time.get("to", "now"),
        refresh=content.get("refresh") or "",
        refreshes=content.get("timepicker", {}).get("refresh_intervals") or ("5s", "10s", "30s", "1m", "5m"),
        panels=[_panel(panel) for panel in content["panels"]],
        variables=content.get("templating", {}).get("list", ()),
        annotations=content.get("annotations", {}).get("list", ()),
        links=content.get("links", ()),
    )


def _panel(content: Json) -> Panel:
    fields = content.get("fieldConfig", {})
    return Panel(
        id=content["id"],
        kind=content["type"],
        title=content.get("title") or "",
        description=content.get("description") or "",
        grid={name: int(content["gridPos"][name]) for name in "xywh"},
        targets=[target for target in content.get("targets", ()) if not target.get("hide")],
        defaults=fields.get("defaults", {}),
        overrides=fields.get("overrides", ()),
        options=content.get("options", {}),
        transformations=content.get("transformations", ()),
        links=content.get("links") or (),
    )
