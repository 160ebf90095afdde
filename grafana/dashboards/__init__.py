"""The lab's dashboards as code: one module a dashboard, each with its DASHBOARD, in the order of their menu."""

from grafana.dashboards import home, inference, mlops, monitoring_itself, orders_data, pipelines, platform

DASHBOARDS = tuple(
    module.DASHBOARD for module in (home, pipelines, mlops, inference, platform, orders_data, monitoring_itself)
)
