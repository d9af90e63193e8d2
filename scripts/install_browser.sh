#!/usr/bin/env bash
# A Chromium for the browser tests: one that is there, else Debian's as root, else Playwright's own.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq
  xargs -a apt.txt env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends >/dev/null
  exit 0
fi
if .venv/bin/playwright install chromium; then exit 0; fi
echo "no Chromium: type 'sudo apt-get install $(tr '\n' ' ' <apt.txt)' and try again" >&2
exit 1
