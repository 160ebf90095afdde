# Stands in for prom/prometheus:v3: the program of Debian's newest suite with the official image's user, paths and entry
# point, and BusyBox, of which the official image is made.
FROM lab-stand-in/debian
RUN sed 's/trixie/sid/' /etc/apt/sources.list > /etc/apt/sources.list.d/newest.list \
    # A mirror may be some weeks behind.
    && apt-get -o Acquire::Check-Valid-Until=false update -qq \
    && cd /tmp && apt-get download -qq prometheus/sid promtool/sid busybox/trixie \
    && for package in *.deb; do dpkg-deb --extract "$package" /tmp/unpacked; done \
    && mv unpacked/usr/bin/prometheus unpacked/usr/bin/promtool "$(find unpacked -name busybox -type f -perm /100)" /bin/ \
    && ln -s busybox /bin/wget \
    && rm -rf /tmp/* /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/sources.list.d/newest.list \
    && install --directory --owner=65534 --group=65534 --mode=0775 /prometheus /etc/prometheus
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
