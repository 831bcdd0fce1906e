#!/bin/sh
# Run once by the PostgreSQL image: a user and a database for each server.
set -eu
psql --username postgres --set ON_ERROR_STOP=1 \
  --set prefect="$PREFECT_DATABASE_PASSWORD" --set mlflow="$MLFLOW_DATABASE_PASSWORD" <<'SQL'
CREATE USER prefect PASSWORD :'prefect';
CREATE DATABASE prefect OWNER prefect;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm; -- Prefect's search; its user may not create it
CREATE USER mlflow PASSWORD :'mlflow';
CREATE DATABASE mlflow OWNER mlflow;
SQL
