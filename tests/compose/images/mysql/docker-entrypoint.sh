#!/bin/bash
# As the image documents it: what begins with a dash are options of mysqld; MYSQL_ROOT_PASSWORD, MYSQL_DATABASE, MYSQL_USER
# and MYSQL_PASSWORD, each also by the file that NAME_FILE names; on a new volume *.sql and *.sh of initdb.d are run.
set -euo pipefail

data=/var/lib/mysql
socket=/var/run/mysqld/preparing.sock

# read_secret NAME: the variable's value, or its file's.
read_secret() {
    local name=$1 file_name=${1}_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file_name:-}" ]; then
        echo "$name and $file_name are both set" >&2
        exit 1
    fi
    if [ -n "${!file_name:-}" ]; then printf -v "$name" %s "$(<"${!file_name}")"; fi
    unset "$file_name"
}

root() { MYSQL_PWD=${password:-} mysql --no-defaults --socket="$socket" --user=root "$@"; }
quoted() { printf %s "${1//\'/\'\'}"; }

prepare() {
    if [ -z "${MYSQL_ROOT_PASSWORD:-}" ]; then
        echo "a new volume needs MYSQL_ROOT_PASSWORD" >&2
        exit 1
    fi
    "$@" --initialize-insecure
    "$@" --skip-networking --socket="$socket" &
    local server=$! file
    for _ in {1..300}; do
        if root -e 'SELECT 1' >/dev/null 2>&1; then break; fi
        kill -0 "$server"
        sleep 0.2
    done
    root -e "CREATE USER 'root'@'%' IDENTIFIED BY '$(quoted "$MYSQL_ROOT_PASSWORD")';
        GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION"
    if [ -n "${MYSQL_DATABASE:-}" ]; then root -e "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`"; fi
    if [ -n "${MYSQL_USER:-}" ]; then
        root -e "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$(quoted "${MYSQL_PASSWORD:-}")'"
        if [ -n "${MYSQL_DATABASE:-}" ]; then root -e "GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%'"; fi
    fi
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) root ${MYSQL_DATABASE:+"$MYSQL_DATABASE"} <"$file" ;;
            *.sh) . "$file" ;;
        esac
    done
    root -e "ALTER USER 'root'@'localhost' IDENTIFIED BY '$(quoted "$MYSQL_ROOT_PASSWORD")'"
    kill "$server"
    wait "$server"
}

case ${1:-} in -*) set -- mysqld "$@" ;; esac
if [ "${1:-}" = mysqld ]; then
    for name in MYSQL_ROOT_PASSWORD MYSQL_DATABASE MYSQL_USER MYSQL_PASSWORD; do read_secret "$name"; done
    if [ ! -d "$data/mysql" ]; then prepare "$@"; fi
    unset MYSQL_ROOT_PASSWORD MYSQL_PASSWORD
fi
exec "$@"
