"""Grafana: the program, where it is on PATH, and how the lab starts it."""

import shutil
from pathlib import Path

from lab import monitoring_files
from lab.errors import LabError
from lab.settings import Settings

# The newer name first; since Grafana 9.4 the older one only passes on to it.
NAMES = ("grafana", "grafana-server")
# What Grafana brings and needs at its start: in an unpacked archive above the program, with Homebrew below share, with
# Debian's and Red Hat's packages, whose program on PATH is a script, in a place of its own.
HOMES = ("..", "../share/grafana")
PACKAGED_HOME = Path("/usr/share/grafana")
DEFAULTS = Path("conf", "defaults.ini")


def find() -> str | None:
    """Return the path of the first of Grafana's programs on PATH, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def command(program: str) -> tuple[str, ...]:
    """Return the command that serves, with Grafana's own defaults and no configuration file of this machine.

    Raises:
        LabError: what Grafana needs besides its program is not found.

    """
    home = _home(program)
    real = home / "bin" / "grafana"
    # The packages' scripts would start it with the configuration and the folders of the machine's own Grafana.
    return (
        *((str(real), "server") if real.exists() else _as_named(program)),
        f"--homepath={home}",
        f"--config={home / DEFAULTS}",
    )


def environment(settings: Settings) -> dict[str, str]:
    """Return its settings, of which each is documented as GF_<section>_<key>, and those of the provisioning files."""
    state = settings.state_dir / "grafana"
    dashboards = monitoring_files.dashboards_folder(settings)
    return {
        "PROMETHEUS_URL": settings.prometheus_url,
        "LAB_DASHBOARDS": str(dashboards),
        "GF_SERVER_HTTP_ADDR": "127.0.0.1",
        "GF_SERVER_HTTP_PORT": str(settings.grafana_port),
        "GF_SERVER_ROOT_URL": settings.grafana_url,
        "GF_PATHS_DATA": str(state),
        "GF_PATHS_LOGS": str(state / "log"),
        "GF_PATHS_PLUGINS": str(state / "plugins"),
        "GF_PATHS_PROVISIONING": str(monitoring_files.PROVISIONING),
        "GF_LOG_MODE": "console",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(dashboards / "home.json"),
        # Everybody may look, as everybody may look at Prometheus. Nobody logs in.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_AUTH_BASIC_ENABLED": "false",
        "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        # Nothing is asked of, or told to, the internet.
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
    }


def _home(program: str) -> Path:
    folders = [Path(program).resolve().parent / home for home in HOMES]
    for home in (*folders, PACKAGED_HOME):
        if (home / DEFAULTS).exists():
            return home.resolve()
    raise LabError(
        f"{program} is on PATH, but what Grafana needs beside it is not found: no {DEFAULTS} in "
        f"{', '.join(str(home.resolve()) for home in (*folders, PACKAGED_HOME))}.\n"
        "Put the program of an unpacked or installed Grafana on PATH; without one the lab shows the dashboards itself."
    )


def _as_named(program: str) -> tuple[str, ...]:
    return (program, "server") if Path(program).name == "grafana" else (program,)
