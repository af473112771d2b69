#!/bin/sh
# Makes sure that every library the engine builds on is there: looks for its header, and installs
# the missing Debian/Ubuntu packages with apt (as root or through sudo) after saying so. Where that
# is impossible it prints the one command to type and stops.
# Environment: CXX, DEPS_PREFIX (an unpacked folder of .deb files to use instead).
set -eu

CXX=${CXX:-g++}
flags=""
if [ -n "${DEPS_PREFIX:-}" ]; then
  flags="-isystem $DEPS_PREFIX/usr/include -isystem $DEPS_PREFIX/usr/include/$($CXX -print-multiarch)"
fi
if ! command -v "${CXX##* }" >/dev/null 2>&1; then
  echo "setup: no C++ compiler ($CXX). Type: apt-get install g++" >&2
  exit 1
fi

has() { echo "#include <$1>" | $CXX -std=c++20 $flags -E -x c++ - >/dev/null 2>&1; }

# Debian and Ubuntu name libjpeg-turbo's headers differently; libjpeg-dev is the right one on both.
missing=""
for need in dnnl.hpp:libdnnl-dev jpeglib.h:libjpeg-dev png.h:libpng-dev gif_lib.h:libgif-dev zlib.h:zlib1g-dev webp/demux.h:libwebp-dev tiffio.h:libtiff-dev \
            stb/stb_image.h:libstb-dev doctest/doctest.h:doctest-dev \
            CLI/CLI.hpp:libcli11-dev nlohmann/json.hpp:nlohmann-json3-dev \
            openssl/evp.h:libssl-dev toml++/toml.h:libtomlplusplus-dev lbfgs.h:liblbfgs-dev; do
  header=${need%%:*}
  package=${need#*:}
  case $header in
    jpeglib.h) printf '#include <cstdio>\n#include <jpeglib.h>\n' | $CXX $flags -E -x c++ - >/dev/null 2>&1 || missing="$missing $package" ;;
    *) has "$header" || missing="$missing $package" ;;
  esac
done
[ -z "$missing" ] && exit 0

if [ -n "${DEPS_PREFIX:-}" ]; then
  echo "setup: $DEPS_PREFIX lacks the headers of:$missing" >&2
  exit 1
fi
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
fi
command="${sudo:+sudo }apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get >/dev/null 2>&1; then
  echo "setup: missing:$missing (Debian package names). Install them with this system's package manager, then run make again." >&2
  exit 1
fi
if [ -n "$sudo" ] && ! sudo -n true 2>/dev/null && ! [ -t 0 ]; then
  echo "setup: packages are missing and this user cannot install them. Type: $command" >&2
  exit 1
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
if ! { $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null; }; then
  echo "setup: the installation failed. Type: $command" >&2
  exit 1
fi
