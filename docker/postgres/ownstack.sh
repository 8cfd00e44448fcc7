#!/usr/bin/env bash
# Run once, when the database cluster is new: a user of OwnStack's own, which is no superuser, and its database.
set -euo pipefail

# The password is read by psql itself: on a command line every process could see it.
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\set password `cat "$OWNSTACK_DATABASE_PASSWORD_FILE"`
CREATE ROLE ownstack LOGIN PASSWORD :'password';
CREATE DATABASE ownstack OWNER ownstack;
REVOKE ALL ON DATABASE ownstack FROM PUBLIC;
SQL
