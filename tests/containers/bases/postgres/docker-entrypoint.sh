#!/usr/bin/env bash
# What of the published image's entrypoint is used here: a new cluster with a superuser and a database of its own,
# the scripts of /docker-entrypoint-initdb.d, and then the server, never as root.
set -euo pipefail

[[ "${1:-}" == -* ]] && set -- postgres "$@"
[[ "${1:-}" == postgres ]] || exec "$@"

if [[ "$(id -u)" == 0 ]]; then
    install -d -m 700 -o postgres "$PGDATA"
    install -d -m 3775 -o postgres -g postgres /var/run/postgresql
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi

prepare() {
    local password user=${POSTGRES_USER:-postgres} database
    database=${POSTGRES_DB:-$user}
    if [[ -n "${POSTGRES_PASSWORD_FILE:-}" ]]; then
        password=$(<"$POSTGRES_PASSWORD_FILE")
    else
        password=${POSTGRES_PASSWORD:?"is not set, nor is POSTGRES_PASSWORD_FILE"}
    fi
    initdb --username "$user" --pwfile <(printf '%s\n' "$password") --auth-local trust --auth-host scram-sha-256 >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    pg_ctl -w -o "-c listen_addresses=''" start
    local psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$user")
    if [[ "$database" != postgres ]]; then
        "${psql[@]}" --dbname postgres -v database="$database" <<<'CREATE DATABASE :"database"'
    fi
    export POSTGRES_USER=$user POSTGRES_DB=$database
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
        *.sh) bash "$script" ;;
        *.sql) "${psql[@]}" --dbname "$database" --file "$script" ;;
        esac
    done
    pg_ctl -m fast -w stop
    echo 'PostgreSQL init process complete; ready for start up.'
}

if [[ ! -s "$PGDATA/PG_VERSION" ]]; then
    prepare
fi
exec "$@"
