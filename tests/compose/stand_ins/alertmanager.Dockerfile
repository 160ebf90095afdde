# Stands in for prom/alertmanager: see prometheus.Dockerfile.
FROM lab-stand-in/debian
RUN sed 's/trixie/sid/' /etc/apt/sources.list > /etc/apt/sources.list.d/newest.list \
    && apt-get -o Acquire::Check-Valid-Until=false update -qq \
    && cd /tmp && apt-get download -qq prometheus-alertmanager/sid busybox/trixie \
    && for package in *.deb; do dpkg-deb --extract "$package" /tmp/unpacked; done \
    && mv unpacked/usr/bin/prometheus-alertmanager /bin/alertmanager \
    # Debian's program reads the templates of its messages from here; the official one has them in itself.
    && mkdir -p /usr/share/prometheus && mv unpacked/usr/share/prometheus/alertmanager /usr/share/prometheus/ \
    && mv unpacked/usr/bin/amtool "$(find unpacked -name busybox -type f -perm /100)" /bin/ \
    && ln -s busybox /bin/wget \
    && rm -rf /tmp/* /var/lib/apt/lists/* /var/cache/apt/* /etc/apt/sources.list.d/newest.list \
    && install --directory --owner=65534 --group=65534 --mode=0775 /alertmanager /etc/alertmanager
USER nobody
WORKDIR /alertmanager
VOLUME /alertmanager
ENTRYPOINT ["/bin/alertmanager"]
CMD ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]
