#!/bin/sh
# make install and make uninstall, into a folder that is not the system's. Environment: MAKE, with
# the settings of the build that is there.
set -eu

fail() { echo "FAIL $1"; exit 1; }
root=$(mktemp -d "${TMPDIR:-/tmp}/lspt_install_XXXXXX")
trap 'rm -rf "$root"' EXIT
${MAKE:-make} --no-print-directory install PREFIX=/usr DESTDIR="$root" >/dev/null
share="$root/usr/share"
[ "$("$root/usr/bin/lspt" --version)" ] || fail "the installed program runs"
for file in bash-completion/completions/lspt zsh/site-functions/_lspt fish/vendor_completions.d/lspt.fish man/man1/lspt.1; do
  [ -s "$share/$file" ] || fail "share/$file is installed"
done
# Whatever of these is here has nothing to say.
said=$({
  for tool in "mandoc -T lint -W warning:man/man1/lspt.1" "groff -man -Tutf8 -ww -z:man/man1/lspt.1" \
    "bash -n:bash-completion/completions/lspt" "zsh -n:zsh/site-functions/_lspt" "fish -n:fish/vendor_completions.d/lspt.fish"; do
    if command -v "${tool%% *}" >/dev/null; then ${tool%:*} "$share/${tool#*:}" || echo "${tool%% *} fails"; fi
  done
} 2>&1)
[ -z "$said" ] || fail "manual page and completions are well-formed: $said"
${MAKE:-make} --no-print-directory uninstall PREFIX=/usr DESTDIR="$root" >/dev/null
[ -z "$(find "$root" -type f)" ] || fail "make uninstall leaves nothing"
echo "install.sh: passed"
