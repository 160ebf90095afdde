# Stands in for python:3.13-slim: Debian's Python 3.13 under the paths of the official image.
FROM lab-stand-in/debian
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3.13 python3.13-venv >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && for name in python python3 python3.13; do ln -s /usr/bin/python3.13 /usr/local/bin/$name; done
CMD ["python3"]
