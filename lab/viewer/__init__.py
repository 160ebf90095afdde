"""The viewer: Grafana's dashboard files with live data, where there is no Grafana."""
