"""``python -m hosting_prometheus`` prints the dashboard for Grafana."""

from hosting_prometheus.dashboard import dashboard

if __name__ == "__main__":
    print(dashboard())
