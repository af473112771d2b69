#!/bin/sh
# The report as a reader meets it: lspt report of two short runs, opened in headless Chromium, light,
# dark, as wide as a phone, and with scripts forbidden. Environment: LSPT, the program; SHOTS, a
# folder for the screenshots, kept. As root Chromium is installed where it is missing (Debian's
# package); else that is said, and nothing is tested.
set -eu

LSPT=${LSPT:-build/lspt}
case $LSPT in /*) ;; *) LSPT=$PWD/$LSPT ;; esac
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "report_in_browser.sh: installing chromium"
  timeout 300 apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 || true
  browser=$(command -v chromium || true)
fi
# A package that is there but starts nothing (Ubuntu's, without snap) is none.
[ -n "$browser" ] && timeout 20 "$browser" --version >/dev/null 2>&1 || {
  echo "report_in_browser.sh: skipped, no Chromium here"
  exit 0
}

work=$(mktemp -d "${TMPDIR:-/tmp}/lspt_browser_XXXXXX")
trap 'rm -rf "$work"' EXIT
export XDG_CACHE_HOME="$work/cache" XDG_CONFIG_HOME="$work/config" HOME="$work"
shots=${SHOTS:-$work}
mkdir -p "$shots"
shots=$(cd "$shots" && pwd)
cd "$work"
fail() {
  echo "FAIL $1"
  sed 's/^/     /' err | tail -n 8
  exit 1
}

"$LSPT" synth --output birds --classes 3 --train-per-class 8 --test-per-class 4 --size 48 >out 2>err
for method in vpt-deep gapt lspt; do
  "$LSPT" train --data birds --model vit_tiny_patch16_224 --img-size 32 --method $method --prompts 2 --epochs 2 \
    --warmup-epochs 1 --batch-size 8 --threads 1 --workers 1 --output $method >out 2>err || fail "train $method"
done
"$LSPT" report vpt-deep gapt lspt --threads 1 >out 2>err || fail "lspt report"
! grep -qiE "<script|javascript:|<[^>]* on[a-z]+=" report.html || fail "no script in the page"

look() { # NAME WIDTH PAGE FLAGS...: a screenshot; what the page says to the console goes to NAME.said
  name=$1 width=$2 page=$3
  shift 3
  timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr \
    --user-data-dir="$work/profile" --host-resolver-rules="MAP * ~NOTFOUND" --window-size="$width,2400" "$@" \
    --screenshot="$shots/$name.png" "file://$work/$page" >out 2>err || fail "Chromium opens the page ($name)"
  grep "CONSOLE" err >"$name.said" || true
  [ ! -s "$name.said" ] || fail "nothing on the console ($name)"
  [ "$(wc -c <"$shots/$name.png")" -gt 20000 ] || fail "a screenshot with something on it ($name)"
}
look light 1200 report.html
look dark 1200 report.html --blink-settings=preferredColorScheme=0
look phone 500 report.html
! cmp -s "$shots/light.png" "$shots/dark.png" || fail "dark is another picture than light"
sed 's|<head>|<head><meta http-equiv="Content-Security-Policy" content="script-src '"'none'"'"/>|' report.html >scriptless.html
look scriptless 1200 scriptless.html

# A script that the test adds counts pictures, those without words, and what is wider than the page.
{
  sed '/^<\/body>/,$d' report.html
  cat <<'END'
<script>
const all = [...document.images], charts = [...document.querySelectorAll("svg.chart")];
document.title = `images ${all.length}, broken ${all.filter(i => !i.naturalWidth).length}, charts ${charts.length}, ` +
  `mute ${all.filter(i => !i.alt).length + charts.filter(c => !c.getAttribute("aria-label")).length}, ` +
  `too wide ${Math.max(document.documentElement.scrollWidth - innerWidth, 0)}`;
</script></body></html>
END
} >counted.html
for width in 1200 500; do
  timeout 60 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$work/profile" --window-size=$width,900 \
    --dump-dom "file://$work/counted.html" >dom 2>err || fail "Chromium reads the page"
  counted=$(grep -o "<title>[^<]*" dom | cut -c8-)
  [ "${counted#images }" != "$counted" ] && [ "${counted%%,*}" != "images 0" ] || { echo "$counted" >err; fail "there are pictures"; }
  case $counted in *"broken 0, charts "*"mute 0, too wide 0") ;; *) echo "$counted" >err; fail "every picture is there and has words, and nothing is too wide at $width px" ;; esac
done
echo "report_in_browser.sh: passed ($counted)"
