"""What Grafana is given: dashboards as code, what is generated of them, and provisioning."""
