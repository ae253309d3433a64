#!/bin/sh
# dotenv.sh FILE: writes the settings that docker-compose.yml insists on, readable by their owner alone.
set -eu
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

umask 077
cat >"$1" <<END
# Read by docker compose and by manage.py. Keep it secret; every machine of one installation has the same.
SECRET_KEY=$(random)
POSTGRES_PASSWORD=$(random)
# The names and addresses by which people reach this gallery, with commas between them.
ALLOWED_HOSTS=localhost,127.0.0.1,$(uname -n | tr 'A-Z' 'a-z')
END
echo "Wrote $1; add the names people will use to ALLOWED_HOSTS in it."
