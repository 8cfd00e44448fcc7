#!/usr/bin/env bash
# Run once, when the database cluster is new: a user of OwnStack's own, which is no superuser, and its database.
set -euo pipefail

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set password="$(cat "$OWNSTACK_DATABASE_PASSWORD_FILE")" <<'SQL'
CREATE ROLE ownstack LOGIN PASSWORD :'password';
CREATE DATABASE ownstack OWNER ownstack;
REVOKE ALL ON DATABASE ownstack FROM PUBLIC;
SQL
