# Stands in for redis:8: Debian's Redis 8 with the official image's user and paths.
FROM lab-stand-in/debian
RUN groupadd --gid 999 redis \
    && useradd --uid 999 --gid 999 --home-dir /data --no-create-home --shell /usr/sbin/nologin redis \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends redis-server >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && install --directory --owner=redis --group=redis /data
WORKDIR /data
VOLUME /data
CMD ["redis-server"]
