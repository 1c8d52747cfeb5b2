#!/bin/sh
# Run once by PostgreSQL's image: Tandem works as a plain role, and extensions are made by the superuser.
set -eu
psql --set=ON_ERROR_STOP=1 --set=password="$TANDEM_DATABASE_PASSWORD" --username postgres <<'SQL'
CREATE ROLE tandem LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'password';
CREATE ROLE tandem_walled NOLOGIN;
GRANT tandem_walled TO tandem;
CREATE DATABASE tandem OWNER tandem;
\connect tandem
CREATE EXTENSION vector;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION unaccent;
SQL
