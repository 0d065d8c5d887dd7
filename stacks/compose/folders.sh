#!/bin/sh
# folders.sh FOLDER USER: opens the folder of the audit file for the parts, which run as USER. Its owner stays its owner
# and owns the file as well, so that `docker compose down -v` leaves nothing of another user's there.
set -eu
folder=$1 user=$2
cd "$folder"
# `./alpes up` leaves a link to its own instance's file here, which leads nowhere inside a container.
if [ -L events.jsonl ] && [ ! -e events.jsonl ]; then rm events.jsonl; fi
[ "$(stat -c %u .)" != "$user" ] || exit 0
# Sticky: everybody may add a file, only its owner and the folder's may remove it.
chmod 1777 .
[ -e events.jsonl ] || : >events.jsonl
chown --reference=. events.jsonl
chmod 0666 events.jsonl
