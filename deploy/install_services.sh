#!/bin/sh
# install_services.sh NAME…: makes sure that the programs behind these names are on this machine: postgresql, redis,
# nginx, curl, chromium. Debian and Ubuntu install what is missing; elsewhere one line says what to install.
# Nothing is started: whoever needs a service starts a private one on a free port.
set -u
PATH=$PATH:/usr/sbin:/sbin

found() {
    case $1 in
    postgresql) command -v initdb || ls /usr/lib/postgresql/*/bin/initdb ;;
    redis) command -v redis-server ;;
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing=
for name in "$@"; do
    found "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

packages=$(echo "$missing" | sed 's/redis/redis-server/')
if [ "$(id -u)" = 0 ]; then as_root=env; else as_root="sudo -n env"; fi
if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true >/dev/null 2>&1; then
    echo "services: not on this machine:$missing; install them, on Debian or Ubuntu with: sudo apt install$packages" >&2
    exit 1
fi

# Debian starts a service as soon as it is installed, on its standard port, unless this file forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null && $as_root chmod 755 $policy
fi
echo "Installing$packages"
log=$(mktemp)
# shellcheck disable=SC2086 # both are several words
if ! { $as_root apt-get update -qq &&
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; } >"$log" 2>&1; then
    tail -n 8 "$log" >&2
    echo "services: apt could not install$packages; the cause is above" >&2
    exit 1
fi
rm -f "$log"
