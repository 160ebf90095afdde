#!/bin/bash
# What the official image's entry point does for a user other than root: an empty data directory becomes a database
# with the user, the password and the name of the environment; then the server takes this process's place.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=${POSTGRES_PASSWORD:-$(<"$POSTGRES_PASSWORD_FILE")}
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$password") --auth-host=scram-sha-256 --auth-local=trust
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    # Until the database is there, nobody from outside may find the server ready.
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w start
    if [ "${POSTGRES_DB:-$POSTGRES_USER}" != postgres ]; then
        createdb --username="$POSTGRES_USER" --maintenance-db=postgres "${POSTGRES_DB:-$POSTGRES_USER}"
    fi
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
