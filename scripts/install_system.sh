#!/usr/bin/env bash
# What the tests need of the system (apt.txt), or the packages named: as root on Debian or Ubuntu it is installed, else the line to type is
# said. Any Chromium will do for the browser tests, Playwright's own too.
set -euo pipefail
missing=()
while read -r package; do
  case $package in
    chromium) for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && continue 2; done ;;
    gcc) command -v cc >/dev/null && continue ;;
    libc6-dev) [ -e /usr/include/time.h ] && continue ;;
    xmlsec1) command -v xmlsec1 >/dev/null && continue ;;
    wrk) command -v wrk >/dev/null && continue ;;
    nginx-light) [ -x /usr/sbin/nginx ] && continue ;;
    mosquitto) [ -x /usr/sbin/mosquitto ] && continue ;;
    postgresql) compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && continue ;;
  esac
  missing+=("$package")
done < <(if [ $# = 0 ]; then cat apt.txt; else printf '%s\n' "$@"; fi)
as_root() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
apt_install() {
  # The tests start a server of their own: Debian's package shall neither make a cluster nor run one.
  no_cluster=/etc/postgresql-common/createcluster.d/baken.conf
  trap 'rm -f $no_cluster' EXIT
  mkdir -p "${no_cluster%/*}"
  echo 'create_main_cluster = false' >$no_cluster
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
if [ ${#missing[@]} != 0 ]; then
  if as_root; then
    apt_install "${missing[@]}"
  elif [ "${missing[*]}" != chromium ] || ! .venv/bin/playwright install chromium; then
    echo "this needs more of the system: type 'sudo apt-get install ${missing[*]}' and try again" >&2
    exit 1
  fi
fi
# Half the cost of a whole Chromium, and all that most tests need of it; Ubuntu and others have no such package.
if [ $# = 0 ] && as_root && ! command -v chromium-headless-shell >/dev/null; then
  (apt_install chromium-headless-shell) || echo "the browser tests take the whole Chromium, which takes longer"
fi
