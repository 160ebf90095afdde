"""A shop for the tests of the viewer: its samples, and dashboards over them, with the least that Grafana needs."""

from typing import Any

from tests.lab.running_prometheus import Samples

HOSTILE = (
    '"><img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>'
    "%{x}${__range}\\[a](javascript:alert(1))"
)
SHOP: Samples = {
    "shop_orders": [
        ({"shop": "north", "team": "a.b"}, lambda ago: 1000.0 - ago / 5),
        ({"shop": "south", "team": "a+b"}, lambda ago: None if 300 < ago < 600 else 20.0),
        ({"shop": HOSTILE, "team": "c"}, lambda _: 3.0),
    ],
    "shop_open": [
        ({"shop": "north"}, lambda ago: float(ago < 400 or ago > 700)),
        ({"shop": "south"}, lambda _: 1.0),
    ],
    "shop_failed": [({"shop": "north"}, lambda ago: 1.0 if 290 <= ago <= 310 else None)],
}
OPEN = [
    {"type": "value", "options": {"1": {"text": "open", "color": "green"}, "0": {"text": "closed", "color": "red"}}}
]
BY_VALUE = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": 100}]}


def panel(kind: str, expr: str = "", **more: Any) -> dict[str, Any]:
    """Return a panel. What is not a key of a panel goes into the defaults of its fields."""
    keys = {"options", "transformations", "links", "overrides", "targets", "id", "gridPos"}
    target = {"refId": "A", "expr": expr, "range": True, "legendFormat": "{{shop}}"}
    return {
        "id": 1,
        "type": kind,
        "title": kind,
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "targets": [target] if expr else [],
        "options": {},
        **{name: value for name, value in more.items() if name in keys - {"overrides"}},
        "fieldConfig": {
            "defaults": {name: value for name, value in more.items() if name not in keys},
            "overrides": more.get("overrides", []),
        },
    }


def dashboard(*panels: dict[str, Any], uid: str = "shop", **more: Any) -> dict[str, Any]:
    """Return a dashboard of panels that stand below each other."""
    placed = [
        {**one, "id": place, "gridPos": {**one["gridPos"], "y": 8 * place}} for place, one in enumerate(panels, start=1)
    ]
    return {
        "uid": uid,
        "title": f"The {uid}",
        "tags": ["lab"],
        "time": {"from": "now-20m", "to": "now"},
        "refresh": "5s",
        "panels": placed,
        **more,
    }


def variable(name: str, query: Any, **more: Any) -> dict[str, Any]:
    """Return a variable of which several values may be chosen."""
    return {"type": "query", "name": name, "query": query, "multi": True, "includeAll": True, "current": {}, **more}
