#!/bin/sh
# What the tests of the programs outside of Python need: a C compiler, npm and Chromium. Installs what
# is missing where it may (Debian, Ubuntu, as root); tests skip, and say so, what is not there.
missing=
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
command -v npm >/dev/null || missing="$missing npm"
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Some tests will be skipped; they need:$missing"
    exit 0
fi
echo "Installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 ||
    echo "They could not be installed; some tests will be skipped"
