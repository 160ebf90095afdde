# Stands in for prom/statsd-exporter: the official program, built by Go, and BusyBox, as in prometheus.Dockerfile.
FROM lab-stand-in/debian
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends busybox >/dev/null \
    && ln -s busybox /bin/wget \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY statsd_exporter /bin/
USER nobody
EXPOSE 9102 9125 9125/udp
ENTRYPOINT ["/bin/statsd_exporter"]
