#!/bin/sh
# The program as a user meets it: train, eval and predict on drawn birds, resuming, and every kind
# of bad input with its message and exit code. Environment: LSPT, the program.
set -u

LSPT=${LSPT:-build/lspt}
case $LSPT in /*) ;; *) LSPT=$PWD/$LSPT ;; esac
pictures=$PWD/tests/golden/images
work=$(mktemp -d "${TMPDIR:-/tmp}/lspt_program_XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_CACHE_HOME="$work/cache"
failed=0
passed=0

pass() { passed=$((passed + 1)); echo "PASS $1"; }
fail() {
  failed=$((failed + 1))
  echo "FAIL $1"
  sed 's/^/     /' err | tail -8
}
# check NAME COMMAND...: the command succeeds.
check() {
  name=$1
  shift
  if "$@" >out 2>err; then pass "$name"; else fail "$name"; fi
}
# refuse NAME CODE TEXT COMMAND...: it exits with CODE and standard error holds TEXT.
refuse() {
  name=$1 code=$2 text=$3
  shift 3
  "$@" >out 2>err
  got=$?
  if [ $got -eq "$code" ] && grep -q -e "$text" err; then pass "$name"; else
    fail "$name (exit code $got, $code expected; '$text' expected in the message)"
  fi
}

tiny="--model vit_tiny_patch16_224 --img-size 32"
train="$LSPT train --data birds $tiny --batch-size 8 --workers 1 --threads 1"
lspt="$train --method lspt --prompts 2"

check "synth draws a data set" "$LSPT" synth --output birds --classes 3 --train-per-class 8 \
  --test-per-class 4 --size 48
check "help" "$LSPT" train --help
grep -q "Exit codes" out || fail "help names the exit codes"
for command in train predict help; do
  "$LSPT" $command --help >wanted 2>err && "$LSPT" help $command >out 2>>err && cmp out wanted 2>>err && pass "lspt help $command is lspt $command --help" ||
    fail "lspt help $command is lspt $command --help"
done
"$LSPT" --help >wanted && "$LSPT" help >out 2>err && cmp out wanted 2>>err && pass "lspt help is lspt --help" || fail "lspt help is lspt --help"
refuse "help with no command" 2 "did you mean predict" "$LSPT" help predcit
refuse "completion in no known shell" 2 "bash, zsh, fish" "$LSPT" completion csh
mkdir models_of_mine
complete() { # WORDS...: what bash makes of them, the last one being completed
  bash -c 'eval "$("$0" completion bash)"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _lspt; echo "${COMPREPLY[*]}"' "$LSPT" "$@" 2>err
}
[ "$(complete lspt pre)" = "pretrain predict" ] && [ "$(complete lspt train --method vpt)" = "vpt-shallow vpt-deep" ] && [ "$(complete lspt train --met)" = --method ] &&
  [ "$(complete lspt train --method = lin)" = linear ] && [ "$(complete lspt eval --data models_of)" = models_of_mine ] &&
  [ "$(complete lspt recipes gapt/cub_ma)" = gapt/cub_mae ] && [ -z "$(complete lspt train --epochs '')" ] &&
  pass "bash completes commands, flags, choices, folders and recipes" || fail "bash completes commands, flags, choices, folders and recipes"

# A backbone that is a file: train everything once, then tune prompts on what came out.
check "train full" $train --method full --epochs 1 --output full
weights="--weights full/last.safetensors"
check "and another one" $train --method full --epochs 1 --seed 7 --output other
for method in lspt vpt-deep; do
  check "train $method on those weights" $train --method $method --prompts 2 $weights --epochs 2 \
    --warmup-epochs 1 --output $method
done
check "train linear in bf16" $train --method linear $weights --epochs 1 --dtype bf16 --output linear
check "a run with a linear probe's head and nothing learned" $train --method linear $weights --dtype bf16 --init-head linear \
  --opt sgd --lr 0 --epochs 1 --output again
[ "$(tail -n 1 linear/metrics.csv | cut -d, -f4,5)" = "$(tail -n 1 again/metrics.csv | cut -d, -f4,5)" ] &&
  pass "is the linear probe" || fail "is the linear probe"
refuse "a head fitted to another split" 2 "fitted with --split-seed 0, this run has 1" $train --method lspt --prompts 2 $weights \
  --init-head linear --split-seed 1 --output x
check "prompts from there" $train --method lspt --prompts 2 $weights --init-head linear/last.safetensors --epochs 1 --output probed
refuse "the head of a backbone that was tuned" 2 "that of a linear probe expected" $train --method linear $weights \
  --init-head full --output x
grep -q "labels on 3 of this run's 3 classes, on the same training images" linear/log.txt && pass "weights that have seen the labels are told" ||
  fail "weights that have seen the labels are told"
check "a head that starts far off" $train --method linear $weights --opt sgd --lr 0 --head-init vpt --epochs 3 --output far
grep -q "warning: the first loss is .* guessing gives ln 3" far/log.txt && grep -q '"first-loss"' far/results.json &&
  pass "is said, and kept" || fail "is said, and kept"
check "a run that is stopped when it gets no better" $train --method linear $weights --opt sgd --lr 0 --epochs 9 --patience 2 --json --output patient
grep -q '"epochs":3,' out && pass "after as many epochs" || fail "after as many epochs"
check "the last epoch" $train --method linear $weights --opt sgd --lr 0 --epochs 3 --choose last --json --output last
grep -q '"best_epoch":3,' out && grep -q '"test_top1_se":' out && pass "is chosen" || fail "is chosen"
check "three looks at every image" $train --method linear $weights --epochs 3 --output looks
check "one look" $train --method linear $weights --epochs 1 --output looks_parts
check "and two more" "$LSPT" train --resume looks_parts --epochs 3 --threads 1 --workers 0
for name in last best; do
  check "are fitted to the same head ($name)" cmp looks/$name.safetensors looks_parts/$name.safetensors
done
for name in config.json results.json metrics.csv log.txt last.safetensors best.safetensors curves.svg; do
  [ -s "lspt/$name" ] || { : >err; fail "the output folder has $name"; }
done
[ "$(ls -A lspt | wc -l)" -eq 7 ] && pass "seven files and nothing else" || { ls -A lspt >err; fail "seven files and nothing else"; }

check "eval" "$LSPT" eval --checkpoint lspt --split val --output evaluated
logged=$(cut -d, -f5 lspt/metrics.csv | tail -n +2 | sort -g | tail -n 1)
grep -q "Acc@1 $logged " out && pass "eval of best is what training logged" || fail "eval of best is what training logged"
check "eval of the test images" "$LSPT" eval --checkpoint lspt --json
grep -q "\"test_top1\": $(grep -o '"top1":[0-9.]*' out | cut -d: -f2)" lspt/results.json && pass "and so is its test" || fail "and so is its test"
[ "$(wc -l <evaluated/per_class.csv)" -eq 4 ] && pass "a line a class" || fail "a line a class"
[ "$(head -n 1 evaluated/confusion.csv)" = "true class,$(cut -d, -f2 evaluated/per_class.csv | tail -n +2 | paste -sd,)" ] &&
  [ "$(tail -n +2 evaluated/confusion.csv | awk -F, '{ s = 0; for (i = 2; i <= NF; ++i) s += $i; print $1, s, $(NR + 1) }')" = \
    "$(tail -n +2 evaluated/per_class.csv | awk -F, '{ print $2, $3, $4 }')" ] && pass "and what it was taken for" ||
  { cat evaluated/*.csv >err; fail "and what it was taken for"; }
check "eval --predictions" "$LSPT" eval --checkpoint lspt --split train --output evaluated_train --predictions evaluated_train/images.csv
[ "$(tail -n +2 evaluated_train/images.csv | awk -F, '$2 == $3 && $4 == $5 && $6 == 1 { ++right } $2 != $3 && $4 > $5 && $6 == 0 { ++wrong }
  END { print right + wrong, right + 0 }')" = "$(tail -n +2 evaluated_train/per_class.csv | awk -F, '{ n += $3; right += $4 } END { print n, right }')" ] &&
  [ -f "$(sed -n '2s/"\([^"]*\)".*/\1/p' evaluated_train/images.csv)" ] && pass "a line an image, right or wrong" ||
  { cat evaluated_train/*.csv >err; fail "a line an image, right or wrong"; }
"$LSPT" predict --checkpoint lspt --topk 1 --json $(tail -n +2 evaluated_train/images.csv | cut -d, -f1 | tr -d '"') 2>err |
  sed 's/.*"class":"\([^"]*\)".*/\1/' >lines
tail -n +2 evaluated_train/images.csv | cut -d, -f3 | tr -d '"' | cmp - lines 2>err && [ -s lines ] && pass "as predict has it" || fail "as predict has it"
refuse "predictions over those that are there" 2 "images.csv: exists; --overwrite" "$LSPT" eval --checkpoint lspt --predictions evaluated_train/images.csv
check "eval --json" "$LSPT" eval --checkpoint lspt/last.safetensors --json
grep -q '"top1":' out || fail "eval --json prints top1"
image=$(ls birds/images/*/*.jpg | head -n 1)
check "predict an image" "$LSPT" predict --checkpoint lspt --topk 2 "$image"
[ "$(grep -o '00[123]\.[A-Z]' out | wc -l)" -ge 2 ] && pass "predict names classes" || fail "predict names classes"
grep -q "^images: fgvc, bilinear, 32 px, normalization imagenet$" err && pass "and says how pixels are normalized" || fail "and says how pixels are normalized"
check "predict a folder --json" "$LSPT" predict --checkpoint lspt --json birds/images
[ "$(wc -l <out)" -eq 36 ] && pass "predict answers for every image" || fail "predict answers for every image"
mkdir shots && cp $(ls birds/images/*/*.jpg | head -n 3) shots
for kind in csv json jsonl; do
  check "predict a folder to a .$kind file" "$LSPT" predict --checkpoint lspt --topk 2 shots --output answers/a.$kind
done
"$LSPT" predict --checkpoint lspt --topk 2 --json shots 2>err | cmp - answers/a.jsonl 2>>err && pass "lines that --json prints" || fail "lines that --json prints"
tr -d '\n' <answers/a.json | sed 's/^\[//; s/]$//; s/},{"path"/}\n{"path"/g' >lines && echo >>lines
cmp lines answers/a.jsonl 2>err && pass "an array of them" || fail "an array of them"
[ "$(head -n 1 answers/a.csv)" = "path,class_1,probability_1,class_2,probability_2" ] && [ "$(wc -l <answers/a.csv)" -eq 4 ] &&
  [ "$(tail -n 1 answers/a.csv | cut -d, -f2 | tr -d '"')" = "$(tail -n 1 answers/a.jsonl | sed 's/.*"top":\[{"class":"\([^"]*\)".*/\1/')" ] &&
  pass "and a table, with a header" || { cat answers/a.csv >err; fail "and a table, with a header"; }
refuse "answers over those that are there" 2 "a.csv: exists; --overwrite" "$LSPT" predict --checkpoint lspt shots --output answers/a.csv
refuse "answers in no known format" 2 "says the format" "$LSPT" predict --checkpoint lspt shots --output answers.txt
refuse "answers in two formats" 2 "^error: --json" "$LSPT" predict --checkpoint lspt shots --output b.csv --json
head -c 700 "$image" >shots/short.jpg
: >shots/empty.png
refuse "predict goes on past bad images" 3 "2 of 5 images cannot be read; all others" "$LSPT" predict --checkpoint lspt --topk 2 --batch-size 1 shots \
  --output answers/a.csv --overwrite
[ "$(wc -l <answers/a.csv)" -eq 4 ] && grep -q "left out: .*short.jpg" err && grep -q "left out: .*empty.png" err && pass "names them, and answers the others" ||
  fail "names them, and answers the others"

# The report, and looks inside one run.
cp -r lspt broken && head -c 1000 lspt/best.safetensors >broken/best.safetensors && mkdir garbage empty && echo "{" >garbage/results.json &&
  cp lspt/config.json garbage && echo "{}" >empty/results.json && echo "{}" >empty/config.json && mkdir runs && cp -r vpt-deep runs/deep && cp -r linear runs/linear
check "report of runs, and of what is none" "$LSPT" report lspt runs garbage empty birds --output page.html --threads 1
[ "$(cat out)" = page.html ] && grep -q "^warning: garbage/results.json: not a finished run's results" err && grep -q "^warning: birds: no finished run there" err && grep -q "^warning: empty: " err &&
  pass "says where it is, and what it has not" || fail "says where it is, and what it has not"
grep -q "birds: no finished run there" page.html && grep -q "linear has no prompts" page.html && [ "$(grep -c 'class="chart"' page.html)" -ge 10 ] &&
  grep -q "$(sed -n 's/.*"test_top1": \([0-9]*\.[0-9]\).*/\1/p' lspt/results.json)" page.html && pass "and so does the page" || fail "and so does the page"
if command -v python3 >/dev/null; then
  python3 - page.html >out 2>err <<'END' && pass "it is XML and HTML, and its pictures are JPEGs" || fail "it is XML and HTML, and its pictures are JPEGs"
import base64, html.parser, re, sys, xml.etree.ElementTree as tree
text = open(sys.argv[1], encoding="utf-8").read()
tree.fromstring(text)
class Page(html.parser.HTMLParser):
    pictures = 0
    def handle_starttag(self, tag, attributes):
        if tag == "img":
            kind, data = dict(attributes)["src"].split(",", 1)
            data = base64.b64decode(data, validate=True)
            assert kind == "data:image/jpeg;base64" and data[:3] == b"\xff\xd8\xff" and data[-2:] == b"\xff\xd9"
            assert dict(attributes)["alt"]
            self.pictures += 1
page = Page()
page.feed(text)
assert page.pictures >= 12, page.pictures
assert not re.search("<script|https?://(?!www.w3.org)", text)
END
fi
refuse "a page over the one that is there" 2 "page.html: exists; --overwrite" "$LSPT" report lspt --output page.html
refuse "a report of nothing" 3 "none of what is given is a finished run" "$LSPT" report birds --output other.html
check "report of a run whose checkpoint is broken" "$LSPT" report broken --output broken.html
grep -q "lspt is not looked into: .*broken/best.safetensors" broken.html && grep -q "trained parameters" broken.html && pass "has its table, and says so" ||
  fail "has its table, and says so"
cp page.html page_before.html
check "the same report again" "$LSPT" report lspt runs garbage empty birds --output page.html --overwrite --threads 1
check "is the same page" cmp page.html page_before.html
mv full/last.safetensors full/away.safetensors
check "a report without the backbone's file" "$LSPT" report lspt --output poor.html
grep -q "lspt is not looked into: backbone .*not found" poor.html && grep -q "trained parameters" poor.html && pass "has the table, and says why it has no more" ||
  fail "has the table, and says why it has no more"
check "a report with the file in another place" "$LSPT" report lspt --weights full/away.safetensors --output rich.html
grep -q "gate" rich.html && ! grep -q "not looked into" rich.html && pass "has all" || fail "has all"
mv full/away.safetensors full/last.safetensors
check "attention over images" "$LSPT" attention lspt "$image" birds/images/001* --block 0 --output attention
[ "$(ls attention/*.png | wc -l)" -eq 13 ] && [ "$(wc -l <attention/images.txt)" -eq 13 ] && head -c 128 attention/attention.npy | grep -aq "(13, 3, 7)" &&
  pass "a picture each, and the numbers" || { ls attention >err; fail "a picture each, and the numbers"; }
refuse "attention of a block that is not there" 2 "block 12 of a model with blocks 0 to 11" "$LSPT" attention lspt "$image" --block 12 --output x
refuse "attention over what is no image" 3 "1 of 1 images cannot be read" "$LSPT" attention lspt lspt/log.txt --output x
check "prompts of a run" "$LSPT" prompts lspt --images 5 --output inside
head -c 128 inside/similarity.npy | grep -aq "(12, 12)" && head -c 128 inside/gates.npy | grep -aq "(11, 4, 5)" && grep -q "<svg" inside/gates.svg &&
  pass "are pictures and numbers" || { ls inside >err; fail "are pictures and numbers"; }
check "prompts of a run without a memory" "$LSPT" prompts vpt-deep --output inside --overwrite
[ ! -e inside/gates.npy ] && pass "leave no gates of another" || fail "leave no gates of another"
refuse "prompts of a run that has none" 2 "is of method linear, which has none" "$LSPT" prompts linear --output x
check "info of weights" "$LSPT" info full/last.safetensors
check "info of a run" "$LSPT" info lspt
grep -q "best Acc@1" out || fail "info of a run says its best"
check "convert" "$LSPT" convert full/last.safetensors timm.safetensors
check "train on the converted file" $train --method linear --weights timm.safetensors --epochs 1 --output converted
check "convert to PyTorch's format in bf16" "$LSPT" convert full/last.safetensors timm.pth --dtype bf16
check "info of that" "$LSPT" info timm.pth
grep -q "150 tensors (bf16)" out && pass "and it holds bf16" || fail "and it holds bf16"
check "a family that somebody knows better" "$LSPT" convert full/last.safetensors augreg.safetensors --family timm
"$LSPT" info augreg.safetensors | grep -q "normalized as 'imagenet'" && pass "does not change what the run knows of pixels" || fail "does not change what the run knows of pixels"
check "the model is the weights'" "$LSPT" train --data birds --weights full/last.safetensors --method linear --epochs 1 --output inferred
grep -q "^model: vit_tiny_patch16_32 at 32 px" err && pass "and is said" || fail "and is said"
refuse "a family that the names contradict" 2 "has timm's names of tensors" $train --method linear $weights --family hf_vit --output x
refuse "converting over a file that is there" 2 "timm.pth: exists; --overwrite replaces it" "$LSPT" convert full/last.safetensors timm.pth
refuse "converting a file to itself" 2 "exists; --overwrite" "$LSPT" convert timm.pth timm.pth
check "converting over it on purpose" "$LSPT" convert full/last.safetensors timm.pth --dtype bf16 --overwrite
refuse "evaluating into files that are there" 2 "eval.json: exists" "$LSPT" eval --checkpoint lspt --output evaluated
for command in "info timm.pth" "predict --checkpoint lspt $image" "eval --checkpoint lspt --json" "check --data birds" "--help" "recipes"; do
  "$LSPT" $command >/dev/full 2>err
  [ $? -eq 7 ] && grep -q "standard output cannot be written: No space left" err && pass "lspt $command to a full disk is exit code 7" ||
    fail "lspt $command to a full disk is exit code 7"
done
refuse "converting to no known format" 2 "its ending says the format" "$LSPT" convert timm.pth timm.h5
refuse "MAE's norm of other weights" 2 "it needs MAE" $train --method linear $weights --mae-norm vpt --output x
check "bench" "$LSPT" bench $tiny --method forward,lspt --dtype f32,bf16 --prompts 2 --batch-size 2 \
  --iterations 1 --warmup 0 --json
[ "$(grep -c '"fraction_of_peak":[0-9]' out)" -eq 4 ] && pass "bench prints a line a setting" || fail "bench prints a line a setting"

# The same birds as other layouts name them.
awk 'BEGIN { printf "{" } NR == FNR { id[$1] = $2; next } { printf "%s\"%s\": %d", s, $2, id[$1]; s = ",\n" }
  END { print "}" }' birds/image_class_labels.txt birds/images.txt >birds/train.json
check "train on VPT's JSON splits" $train --dataset vpt-json --method linear --epochs 1 --output json
grep -q "(vpt-json), 3 classes; images: 33 train, 3 val, 0 test" json/log.txt && pass "and they are named" || fail "and they are named"
rm birds/train.json
for list in train800 val200 test; do
  awk 'NR == FNR { id[$1] = $2; next } { print "images/" $2 "  " id[$1] - 1 }' \
    birds/image_class_labels.txt birds/images.txt >"birds/$list.txt"
done
check "train on a task of VTAB-1k" $train --dataset vtab --method linear --epochs 1 --output vtab
grep -q "(vtab), 3 classes; images: 36 train, 36 val, 36 test" vtab/log.txt && pass "and its lists are read" || fail "and its lists are read"
rm birds/train800.txt birds/val200.txt birds/test.txt

# A list with two label columns: what the command line says, evaluating too.
{ echo "image,kind,half"; awk 'NR == FNR { id[$1] = $2; next } { print "\"images/" $2 "\"," id[$1] "," id[$1] % 2 }' \
  birds/image_class_labels.txt birds/images.txt; } >birds/mine.csv
lists="--train-list mine.csv --test-list mine.csv"
check "train on a column of a list" $train $lists --label-column half --method linear --epochs 1 --output halves
grep -q "of 2 label columns the one named half is taken" halves/log.txt && pass "and it is that column" || { cp halves/log.txt err; fail "and it is that column"; }
check "eval by the same column" "$LSPT" eval --checkpoint halves --data birds $lists --label-column half
refuse "eval by another one" 3 "ids look 1-based" "$LSPT" eval --checkpoint halves --data birds $lists --label-column kind
rm birds/mine.csv

# Class folders that nest: the leaves, or what --class-depth says, which a run keeps.
for species in birds/images/*; do
  group=small
  [ "$species" = "$(ls -d birds/images/* | head -n 1)" ] && group=large
  mkdir -p "nest/$group" && cp -r "$species" "nest/$group/"
done
nest="$LSPT train --data nest $tiny --batch-size 8 --workers 1 --threads 1 --method linear --epochs 1"
check "train on class folders that nest" $nest --output nested
grep -q "folders nest: 3 classes are the folders that hold images" nested/log.txt && pass "and that is said" || { cp nested/log.txt err; fail "and that is said"; }
check "train on the groups" $nest --class-depth 1 --output groups
grep -q '"class-depth": 1' groups/config.json && grep -q "(folder), 2 classes" groups/log.txt && pass "and it is kept" || { cp groups/log.txt err; fail "and it is kept"; }
check "eval by the same depth" "$LSPT" eval --checkpoint groups
refuse "eval by another one" 3 "3 classes that are not the checkpoint's 2" "$LSPT" eval --checkpoint groups --class-depth 0
refuse "the probe's head of another depth" 2 "was fitted with --class-depth 1, this run has 0" $nest --init-head groups --opt sgd --output x
check "check by the leaves" "$LSPT" check --data nest
check "features by the leaves" "$LSPT" features --checkpoint nested --output leaves
grep -q "folders nest: 3 classes" err && [ "$(wc -l <leaves/classes.txt)" -eq 3 ] && pass "say so too" || fail "say so too"
refuse "a depth that other layouts have not" 2 "layout is cub, which has none" "$LSPT" check --data birds --class-depth 1
rm -r nest

# Resuming.
same() { # NAME A B
  if cmp "$2/last.safetensors" "$3/last.safetensors" >err 2>&1 &&
    cmp "$2/best.safetensors" "$3/best.safetensors" >>err 2>&1; then pass "$1"; else fail "$1"; fi
}
# In the warm-up a learning rate does not depend on the number of epochs.
check "three epochs" $lspt $weights --warmup-epochs 9 --epochs 3 --output straight
check "one epoch" $lspt $weights --warmup-epochs 9 --epochs 1 --output parts --workers 0 --cache off
check "and two more" "$LSPT" train --resume parts --epochs 3
[ "$(grep -cE '"threads": 1,|"workers": 0,|"cache": "off",' parts/config.json)" -eq 3 ] &&
  pass "on as many threads and workers, with the same cache" || { cp parts/config.json err; fail "on as many threads and workers, with the same cache"; }
check "a finished run again" "$LSPT" train --resume parts
grep -q "all 3 epochs are done" parts/log.txt && pass "says that all is done" || { cp parts/log.txt err; fail "says that all is done"; }
same "1 + 2 epochs are 3 epochs, byte for byte" straight parts
[ "$(cut -d, -f1-7 straight/metrics.csv)" = "$(cut -d, -f1-7 parts/metrics.csv)" ] && pass "and so is metrics.csv" || fail "and so is metrics.csv"
[ "$(grep top1 straight/results.json)" = "$(grep top1 parts/results.json)" ] && pass "and what results.json says" || fail "and what results.json says"

# The methods that train or add something else than prompts.
for method in "mlp --mlp-layers 2" "partial --partial 2" bias "adapter --adapter-at both --adapter-dim 4 --adapter-form sequential" \
  "lora --lora-targets qkv,fc1" "vpt-deep --prompts 3 --prompt-location key-value"; do
  tuned=${method%% *}
  other="$train --method $method $weights --warmup-epochs 9"
  check "two epochs of $method" $other --epochs 2 --output "tuned_$tuned"
  check "one epoch of it" $other --epochs 1 --output "tuned_parts_$tuned"
  check "and one more" "$LSPT" train --resume "tuned_parts_$tuned" --epochs 2
  same "1 + 1 epochs of it are 2 epochs" "tuned_$tuned" "tuned_parts_$tuned"
  check "eval of it" "$LSPT" eval --checkpoint "tuned_$tuned" --split val
  grep -q "Acc@1 $(cut -d, -f5 "tuned_$tuned/metrics.csv" | tail -n 1) " out && pass "agrees with its last epoch" || { cat out "tuned_$tuned/metrics.csv" >err; fail "agrees with its last epoch"; }
done
grep -q "method: lora of rank 8 on q,k,v,fc1; trainable" tuned_lora/log.txt && pass "says what is tuned" || { cp tuned_lora/log.txt err; fail "says what is tuned"; }
for method in lora partial vpt-deep adapter; do
  check "export $method" "$LSPT" export "tuned_$method" "$method.safetensors"
done
grep -q "holds more than a plain ViT" out && pass "says what others cannot read" || fail "says what others cannot read"
refuse "to export over a file" 2 "exists" "$LSPT" export tuned_lora lora.safetensors
"$LSPT" info lora.safetensors >out && grep -q "timm" out && ! grep -q "lora\.0" out && pass "updates are merged" || fail "updates are merged"
check "train on what was exported" "$LSPT" train --data birds --weights partial.safetensors --batch-size 8 --threads 1 --method linear --epochs 1 --output on_export
tokens="$train --method vpt-deep --prompts 3 $weights --prompt-init tokens --warmup-epochs 9"
check "prompts that start as tokens" $tokens --epochs 1 --output tokens
grep -q "3 prompts a block are patch tokens" err && pass "says so" || fail "says so"
check "and again" $tokens --epochs 1 --output tokens_again
same "are the same tokens" tokens tokens_again
check "goes on from what they became" "$LSPT" train --resume tokens --epochs 2
! grep -q "prompts a block" err && pass "without new ones" || fail "without new ones"
for from in kmeans tokens; do
  check "prompts that start as $from" $train --method vpt-deep --prompts 3 $weights --prompt-init $from --lr 0 --epochs 1 --output "from_$from"
done
grep -q "k-means of the patch tokens" from_kmeans/log.txt && ! cmp -s from_kmeans/best.safetensors from_tokens/best.safetensors && pass "k-means are other prompts" || fail "k-means are other prompts"
check "prompts of another run" $train --method vpt-deep --prompts 3 $weights --prompt-init tokens --lr 0 --epochs 2 --output first_owner
check "are taken over" $train --method vpt-deep --prompts 3 $weights --prompt-init first_owner --lr 0 --epochs 2 --output second_owner
"$LSPT" export first_owner first.safetensors >/dev/null && "$LSPT" export second_owner second.safetensors >/dev/null && cmp first.safetensors second.safetensors && pass "to the byte" || fail "to the byte"
grep -q "prompts: start as those of first_owner" err && pass "says whose" || fail "says whose"
refuse "prompts of a run without" 4 "has no tensor prompt.0" $train --method vpt-deep --prompts 3 $weights --prompt-init tuned_lora
refuse "another number of prompts" 4 "expected (4, 192)" $train --method vpt-deep --prompts 4 $weights --prompt-init first_owner
refuse "keys and values that are carried" 2 "it needs --carry none" $train --method lspt --prompt-location key-value
refuse "keys and values of tokens" 2 "key-value has no tokens" $tokens --prompt-location key-value
check "the last block on kept tokens" $train --method partial $weights --no-aug --epochs 2 --output kept_tokens
grep -q "of each training and evaluation image once, behind the first 11 blocks" kept_tokens/log.txt && pass "computes the others once" || { cp kept_tokens/log.txt err; fail "computes the others once"; }
check "and a first head that is fitted to them" $train --method partial $weights --no-aug --init-head fit --epochs 1 --output kept_fit
refuse "tokens of a rank" 2 "cannot be any token" $tokens --prompt-rank 1
refuse "a LoRA of what there is not" 2 "'qk' is none of" $train --method lora --lora-targets qk
refuse "more blocks than there are" 2 "the model has 12 blocks" $train --method partial --partial 13
refuse "a flag of another method" 2 "it needs --method lora" $train --method adapter --lora-rank 2
refuse "a fitted head of several layers" 2 "is for a head of one layer" $train --method mlp --init-head fit

# Lines for other programs, once each however often the run is stopped.
logged="$lspt $weights --warmup-epochs 9 --log-json --log-interval 1"
untimed() { sed 's/,"img_per_s".*//' "$1"; }
check "three epochs with --log-json" $logged --epochs 3 --output jsonl
[ "$(grep -c '"step":' jsonl/log.jsonl)" -eq $((3 * 3)) ] && [ "$(grep -c '"eval_top1":' jsonl/log.jsonl)" -eq 3 ] &&
  [ "$(grep '"eval_top1":' jsonl/log.jsonl | sed 's/.*"eval_top1":\([^,]*\),.*/\1/' | xargs printf '%.4f\n')" = "$(tail -n +2 jsonl/metrics.csv | cut -d, -f5)" ] &&
  pass "a line a step and a line an epoch, as in metrics.csv" || { cp jsonl/log.jsonl err; fail "a line a step and a line an epoch, as in metrics.csv"; }
check "one epoch of them" $logged --epochs 1 --output jsonl_parts
head -n 2 jsonl_parts/log.jsonl | sed 's/"epoch":1/"epoch":2/' >>jsonl_parts/log.jsonl  # as a killed run leaves it
printf '{"epoch":2,"st' >>jsonl_parts/log.jsonl
check "and two more, elsewhere" "$LSPT" train --resume jsonl_parts --epochs 3 --output jsonl_moved
untimed jsonl/log.jsonl >wanted
untimed jsonl_moved/log.jsonl | cmp - wanted 2>err && [ -s wanted ] && pass "are the same lines" || { diff jsonl/log.jsonl jsonl_moved/log.jsonl >err; fail "are the same lines"; }
check "done over" $logged --epochs 1 --output jsonl --overwrite
[ "$(wc -l <jsonl/log.jsonl)" -eq 4 ] && pass "is logged anew" || { cp jsonl/log.jsonl err; fail "is logged anew"; }
check "a run for TensorBoard" $lspt $weights --epochs 1 --tensorboard --output board
grep -q "brain.Event:2" board/events.out.tfevents.lspt && grep -q "epoch/eval_top1" board/events.out.tfevents.lspt &&
  grep -q "step/loss" board/events.out.tfevents.lspt && pass "has its file" || fail "has its file"

# Images that are not what they were: of another size, modified since, and the content.
cp -r birds other_birds
check "a run on them" "$LSPT" train --data other_birds $tiny --method linear --epochs 1 --batch-size 8 --output stamped
grep -q '"pixels_sha256": "[0-9a-f]\{64\}"' stamped/results.json && pass "knows its pixels" || { cp stamped/results.json err; fail "knows its pixels"; }
changed=$(ls other_birds/images/*/*_0004.jpg | head -n 1)
"$LSPT" check --data other_birds --hash >before
touch -d "2 days" "$changed"
check "resuming when one was modified" "$LSPT" train --resume stamped --epochs 2
grep -q "warning: 1 of 36 images were modified since the run began, for example $changed" err && pass "which is said" || fail "which is said"
check "check --hash" "$LSPT" check --data other_birds --hash
cmp before out >err && grep -q "^content: sha256 [0-9a-f]\{64\}$" out && pass "is of the content alone" || fail "is of the content alone"
printf x >>"$changed"
refuse "resuming when one has another size" 3 "other sizes than the run began with" "$LSPT" train --resume stamped --epochs 3
check "check --hash of that" "$LSPT" check --data other_birds --hash --json
grep -q '"content_sha256":"[0-9a-f]\{64\}"' out && ! grep -q "$(sed -n 's/^content: sha256 //p' before)" out && pass "is another" || fail "is another"
rm -r other_birds

# A linear probe without augmentation reads its images once; resuming reads them again.
probe="$train --method linear $weights --no-aug --opt sgd --warmup-epochs 9"
check "a linear probe" $probe --epochs 3 --output probe
grep -q "features: of each training and evaluation image once" probe/log.txt && pass "says that it keeps features" || fail "says that it keeps features"
check "its first epoch" $probe --epochs 1 --output probe_parts
check "and two more, on all processors" "$LSPT" train --resume probe_parts --epochs 3
same "1 + 2 epochs of it are 3 epochs" probe probe_parts
check "eval of it on images" "$LSPT" eval --checkpoint probe --split val
grep -q "Acc@1 $(cut -d, -f5 probe/metrics.csv | tail -n +2 | sort -g | tail -n 1) " out && pass "agrees with its features" || fail "agrees with its features"
# Later epochs take features from memory; the test, of the images themselves, is still to come.
check "a set of many test images" "$LSPT" synth --output many --classes 2 --train-per-class 10 --test-per-class 60 --size 48
check "a probe of it" "$LSPT" train --data many --model vit_tiny_patch16_224 --threads 1 --method linear --no-aug --opt sgd --epochs 3 --output many_probe
grep -q "epoch 1/3 .* img/s" many_probe/log.txt && grep -q "epoch 2/3 .* kept features/s" many_probe/log.txt &&
  pass "says what its speed is of" || { cp many_probe/log.txt err; fail "says what its speed is of"; }
grep "Train: epoch 3/3" many_probe/log.txt | tail -n 1 | grep -q "ETA 0:00:00" && { cp many_probe/log.txt err; fail "counts the test to the time left"; } ||
  pass "counts the test to the time left"

# Features as files.
check "features of weights" "$LSPT" features --data birds $tiny $weights --threads 1 --output features
[ "$(ls features | tr '\n' ' ')" = "classes.txt features_test.npy features_train.npy labels_test.npy labels_train.npy paths_test.txt paths_train.txt " ] &&
  pass "a split's features, labels and paths" || { ls features >err; fail "a split's features, labels and paths"; }
# 24 images, 192 values of 4 bytes, behind a header of 128 bytes.
[ "$(wc -c <features/features_train.npy)" -eq $((128 + 24 * 192 * 4)) ] && [ "$(wc -l <features/paths_train.txt)" -eq 24 ] &&
  [ -f "birds/$(head -n 1 features/paths_train.txt)" ] && pass "of the right size" || fail "of the right size"
check "features again" "$LSPT" features --data birds $tiny $weights --threads 1 --workers 0 --output features2
check "are the same bytes" diff -r features features2
check "features of a tuned model" "$LSPT" features --checkpoint lspt --output features3
[ -s features3/features_val.npy ] && ! cmp -s features/features_test.npy features3/features_test.npy &&
  pass "are its own, in its own splits" || fail "are its own, in its own splits"
refuse "features over those that are there" 2 "classes.txt: exists" "$LSPT" features --checkpoint lspt --output features3
refuse "features of nothing" 2 "one of the two" "$LSPT" features --data birds --output x
refuse "features of a checkpoint otherwise" 2 "is the checkpoint's" "$LSPT" features --checkpoint lspt --pool avg --output x

# Stopping by signals, wherever they find the run. The cosine depends on --epochs, so all of it counts.
long="$lspt $weights --epochs 40 --warmup-epochs 2 --log-interval 1"
check "forty epochs" $long --output long
for stop in INT:130 TERM:143; do
  signal=${stop%:*} code=${stop#*:}
  (trap - INT; exec $long --output "stop$signal" >out 2>err) &
  pid=$!
  while ! grep -q "epoch 2/" "stop$signal/log.txt" 2>/dev/null && kill -0 $pid 2>/dev/null; do sleep 0.02; done
  # A shell without job control starts its children with SIGINT ignored; the program asks for it again.
  kill -s "$signal" $pid
  wait $pid
  got=$?
  [ $got -eq "$code" ] && pass "SIG$signal exits $code" || fail "SIG$signal exits $code (got $got)"
  check "resume after SIG$signal" "$LSPT" train --resume "stop$signal" --threads 1
  same "and the end is the same" long "stop$signal"
done

# A kill, in the middle of an epoch too: at most --save-interval is lost, and nothing of the result.
slow="$LSPT train --data birds --model vit_tiny_patch16_224 $weights --img-size 112 --batch-size 1 --workers 1 --threads 1 \
  --method vpt-deep --prompts 2 --epochs 2 --warmup-epochs 1 --log-interval 1"
numbers() { cut -d, -f1-7 "$1/metrics.csv"; } # without times
check "two slow epochs" $slow --output slow
(exec $slow --save-interval 0.0005 --output killed >out 2>err) &
pid=$!
while ! [ -e killed/last.safetensors ] && kill -0 $pid 2>/dev/null; do sleep 0.02; done
kill -s KILL $pid
wait $pid 2>/dev/null
check "resume after SIGKILL" "$LSPT" train --resume killed --threads 1
grep -qE "resuming at epoch [12]/2, step ([2-9]|1[0-9]|2[0-9]) of" killed/log.txt && pass "in the middle of an epoch" || { cp killed/log.txt err; fail "in the middle of an epoch"; }
grep -q '"save-interval": 0.0005,' killed/config.json && pass "with the same interval" || fail "with the same interval"
same "and the end is the same" slow killed
[ "$(numbers slow)" = "$(numbers killed)" ] && pass "and so is metrics.csv" || fail "and so is metrics.csv"
# A run that ends between the files of an epoch does it again.
(exec $slow --output between >out 2>err) &
pid=$!
while ! grep -q "epoch 2/" between/log.txt 2>/dev/null && kill -0 $pid 2>/dev/null; do sleep 0.02; done
rm between/metrics.csv && mkdir between/metrics.csv
wait $pid
[ $? -eq 7 ] && rmdir between/metrics.csv && pass "a run that cannot write one file of an epoch" || fail "a run that cannot write one file of an epoch"
check "goes on" "$LSPT" train --resume between
[ "$(numbers slow | tail -n +3)" = "$(numbers between | tail -n +2)" ] && pass "with that epoch" || { numbers between >err; fail "with that epoch"; }

# Pre-training, of everything that can be read and of labelled birds; a kill, and what comes out as weights.
mae="$LSPT pretrain --data birds --model vit_tiny_patch8_32 --embed-dim 64 --depth 2 --decoder-depth 1 --batch-size 8 --workers 1 --threads 1 \
  --lr-base 1e-2 --warmup-epochs 1 --log-interval 1"
check "pre-train" $mae --epochs 2 --picture-interval 1 --probe-interval 2 --output mae
[ "$(wc -l <mae/metrics.csv)" -eq 3 ] && tail -1 mae/metrics.csv | grep -q ',[0-9.]*$' && [ -s mae/reconstruction_0001.png ] && [ -s mae/reconstruction_0002.png ] && [ -s mae/curves.svg ] &&
  grep -q "Probe: epoch 2 .* on 12 test images" mae/log.txt && pass "leaves a table, pictures and a probe" || fail "leaves a table, pictures and a probe"
(exec $mae --epochs 12 --save-interval 0.0005 --output mae_killed >out 2>err) &
pid=$!
while ! grep -q "epoch 2/" mae_killed/log.txt 2>/dev/null && kill -0 $pid 2>/dev/null; do sleep 0.02; done
kill -s KILL $pid
wait $pid 2>/dev/null
check "resume pre-training after SIGKILL" "$LSPT" pretrain --resume mae_killed --threads 1
check "twelve epochs in one go" $mae --epochs 12 --output mae_whole
for file in last encoder; do
  cmp mae_whole/$file.safetensors mae_killed/$file.safetensors >out 2>err && pass "and $file.safetensors is the same" || fail "and $file.safetensors is the same"
done
[ "$(cut -d, -f1-3 mae_whole/metrics.csv)" = "$(cut -d, -f1-3 mae_killed/metrics.csv)" ] &&
  pass "and so is metrics.csv" || fail "and so is metrics.csv"
for file in encoder last; do
  check "tune prompts on $file.safetensors" "$LSPT" train --data birds --weights mae/$file.safetensors --batch-size 8 --workers 1 --threads 1 --method vpt-deep \
    --prompts 2 --epochs 1 --output on_$file
  grep -q "weights: .* MAE" on_$file/log.txt && grep -q "model: vit_64x2x1_patch8_32 at 32 px, pool avg" on_$file/log.txt && pass "whose family and model the file says" || {
    cp on_$file/log.txt err; fail "whose family and model the file says"; }
done
mkdir -p loose/deep && cp birds/images/*/*_0001.jpg loose/deep && cp birds/images/*/*_0002.jpg loose
check "pre-train on a folder without labels" $mae --data loose --epochs 1 --dtype bf16 --mask-ratio 0.5 --norm-pix 0 --output mae_loose
grep -q "(images), 6 images" mae_loose/log.txt && pass "every image in it, at any depth" || fail "every image in it, at any depth"
refuse "a probe without labels" 2 "no labels to tell apart" $mae --data loose --epochs 1 --probe-interval 1 --output x
refuse "to resume with another rate" 2 "lr-base: checkpoint 0.01, command line 0.02" $mae --lr-base 0.02 --resume mae
check "pre-training at the sizes of a name" "$LSPT" pretrain --data birds --model vit_8x1x1_patch8_16 --batch-size 8 --epochs 1 --threads 1 --output mae_named
check "goes on for longer" "$LSPT" pretrain --resume mae_named --epochs 2 --threads 1
refuse "to resume on other images" 2 "holds other images" "$LSPT" pretrain --resume mae --data loose
refuse "to resume what train wrote" 4 "no last.safetensors that lspt pretrain wrote" "$LSPT" pretrain --resume long
refuse "a mask over everything" 2 "at least one seen and one masked" $mae --mask-ratio 0.99 --output x
refuse "a patch that does not fit" 2 "not a multiple of patch 7" $mae --patch-size 7 --output x
refuse "pre-training that diverges" 5 "diverged" $mae --epochs 3 --lr-base 1e30 --output x
rm -r x
refuse "nothing to pre-train on" 2 "no data set given" "$LSPT" pretrain
check "bench of pre-training" "$LSPT" bench --method mae --model vit_tiny_patch8_32 --decoder-depth 1 --batch-size 2 --iterations 1 --warmup 0 --threads 1 --json
grep -q '"method":"mae"' out && pass "says so" || fail "says so"

# Memory that is there (LSPT_FREE_MIB: as if so much were), and what a run would take.
refuse "a batch that does not fit into memory" 6 "--batch-size [0-9]* is the largest that fits" env LSPT_FREE_MIB=130 $lspt --img-size 112 \
  --batch-size 20 --cache off --epochs 1 --output too_large
fits=$(grep -o -e '--batch-size [0-9]*' err | cut -d' ' -f2)
[ "$(ls -A too_large 2>/dev/null | grep -c safetensors)" -eq 0 ] && [ "${fits:-0}" -ge 1 ] && [ "$fits" -lt 20 ] && pass "before anything is trained" || fail "before anything is trained"
check "the largest that fits" env LSPT_FREE_MIB=130 $lspt --img-size 112 --batch-size "${fits:-0}" --cache off --epochs 1 --output fits
check "the same where nobody looks" $lspt --img-size 112 --batch-size "${fits:-0}" --cache off --epochs 1 --output no_look
check "is the same run" cmp fits/last.safetensors no_look/last.safetensors
check "a dry run" $lspt --epochs 7 --dry-run --json --output dry
grep -q '"images":{"train":21,"val":3,"test":12}' out && grep -q '"steps_per_epoch":3,"steps":21,' out && grep -q '"memory_needed_mib":[1-9]' out &&
  grep -q "^memory: about .* MiB left" err && grep -q "^time: " err && pass "says what the run would take" || fail "says what the run would take"
[ ! -e dry ] && pass "and writes nothing" || fail "and writes nothing"
refuse "a dry run of what does not fit" 6 "out of memory" env LSPT_FREE_MIB=30 $lspt --dry-run --output dry
check "a dry run of what is left" "$LSPT" train --resume parts --epochs 5 --dry-run --json
grep -q '"steps":6,' out && pass "counts the steps that are left" || fail "counts the steps that are left"

# Recipes.
check "recipes lists them" "$LSPT" recipes
grep -q "^gapt/cub_mae  *GaPT on CUB" out && pass "with what they are" || fail "with what they are"
check "recipes prints one" "$LSPT" recipes gapt/cub_mae
sed -e 's/vit_base_patch16_224/vit_tiny_patch16_224/; s/^batch-size.*/batch-size = 8/; s/^prompts.*/prompts = 2/' \
  -e 's/^warmup-epochs.*/warmup-epochs = 0/' out >mine.toml
check "train by a recipe" "$LSPT" train --recipe mine.toml --data birds --img-size 32 --epochs 1 --threads 1 $weights --output by_recipe
grep -q '"recipe": "mine.toml"' by_recipe/config.json && grep -q '"method": "gapt"' by_recipe/results.json &&
  grep -q '"epochs": 1,' by_recipe/config.json && grep -q '"gate-init": 5.0' by_recipe/config.json &&
  pass "its settings, and the command line before them" || fail "its settings, and the command line before them"
check "a run by a recipe goes on without it" "$LSPT" train --resume by_recipe --epochs 2 --threads 1
echo 'btch-size = 8' >>mine.toml
sed -i '/^\[sweep/d; /^lr = \[/d' mine.toml
refuse "a misspelt key" 2 "mine.toml:[0-9]*: no flag 'btch-size'; did you mean batch-size" "$LSPT" train --recipe mine.toml --data birds
refuse "an unknown recipe" 2 "did you mean gapt/cub_mae" "$LSPT" train --recipe gapt/cub_mea --data birds

# The same settings again, elsewhere.
for run in lspt looks probe by_recipe; do
  check "$run from its config.json" "$LSPT" train --config $run/config.json --output "${run}_again"
  for name in last best; do
    check "is the same run ($name)" cmp $run/$name.safetensors "${run}_again/$name.safetensors"
  done
done
check "a config.json and the command line" "$LSPT" train --config lspt/config.json --lr-base 0.5 --epochs 7 --weight-decay 0 --output x --print-config
grep -q '"lr": 0.015625,' out && grep -q '"epochs": 7,' out && grep -q '"weight-decay": 0.0,' out && grep -q '"prompts": 2,' out && [ ! -e x ] &&
  pass "which goes before it" || { cp out err; fail "which goes before it"; }
check "another method with the rest" "$LSPT" train --config lspt/config.json --method linear --output x --print-config
grep -q '"opt": "lbfgs",' out && grep -q '"prompts": 0,' out && grep -q '"batch-size": 32,' out && grep -q '"img-size": 32,' out &&
  pass "has that method's settings" || { cp out err; fail "has that method's settings"; }
check "what a run would be" $lspt $weights --epochs 1 --warmup-epochs 0 --output printed --print-config
cp out wanted
check "and that run" $lspt $weights --epochs 1 --warmup-epochs 0 --output printed
check "has these settings" cmp wanted printed/config.json
refuse "a config into a folder in use" 2 "not empty" "$LSPT" train --config lspt/config.json --output lspt
refuse "a config beside a recipe" 2 "contradicts --recipe" "$LSPT" train --config lspt/config.json --recipe mine.toml
config() { # NAME TEXT SED: config.json, edited, is refused
  sed "$3" lspt/config.json >bent.json
  refuse "$1" 2 "$2" "$LSPT" train --config bent.json --output x
}
config "a misspelt setting" 'bent.json:[0-9][0-9]*: setting "epocs" .*did you mean "epochs"?' 's/"epochs"/"epocs"/'
config "a setting that is no number" "bent.json:[0-9][0-9]*: setting --lr: 'fast' found" 's/"lr": [^,]*/"lr": "fast"/'
config "a setting that is no switch" '"no-aug": 5 found, true or false expected' 's/"no-aug": false/"no-aug": 5/'
config "a setting that is nothing" '"weights": null found' 's/"weights": [^,]*/"weights": null/'
config "no JSON" "bent.json: parse error at line 3" '3s/,$/;/'
refuse "no config" 2 "absent.json" "$LSPT" train --config absent.json

# Sweeps: the same, whatever stopped them in between.
sweep="$LSPT sweep --data birds $tiny --batch-size 8 --workers 1 --threads 1 --method vpt-deep --prompts 2 $weights \
  --opt sgd --epochs 12 --warmup-epochs 1 --sweep lr=0.001,1e30,0.1 --sweep weight-decay=0 --seeds 2"
check "a sweep" $sweep --output swept
grep -q "<- chosen" out && grep -q "std (n-1)" out && pass "prints its table" || fail "prints its table"
[ "$(grep -c -e ",done," -e ",failed," swept/sweep.csv)" -eq 3 ] && [ "$(grep -c ',diverged,' swept/sweep.csv)" -eq 1 ] &&
  pass "marks what diverged and goes on" || fail "marks what diverged and goes on"
[ "$(grep -l test_top1 swept/*/results.json | wc -l)" -eq 2 ] && pass "tests the chosen settings alone" || fail "tests the chosen settings alone"
alike() { # NAME A B: all but the time columns
  [ "$(sed 's/,[^,]*$//' "$2/sweep.csv")" = "$(sed 's/,[^,]*$//' "$3/sweep.csv")" ] && cmp "$2/sweep.txt" "$3/sweep.txt" >err 2>&1 &&
    cmp "$2/sweep.json" "$3/sweep.json" >>err 2>&1 || { fail "$1"; return; }
  for cell in "$2"/*/best.safetensors; do
    cmp "$cell" "$3${cell#"$2"}" >err 2>&1 || { fail "$1"; return; }
  done
  pass "$1"
}
for stop in INT:130 KILL:137; do
  signal=${stop%:*} code=${stop#*:} at="swept$signal"
  (trap - INT; exec $sweep --output "$at" >out 2>err) &
  pid=$!
  while ! grep -q "val .*epoch 2/" "$at/lr=0.1,weight-decay=0,seed=42/log.txt" 2>/dev/null && kill -0 $pid 2>/dev/null; do sleep 0.02; done
  kill -s "$signal" $pid
  wait $pid 2>/dev/null
  got=$?
  [ $got -eq "$code" ] && pass "a sweep that SIG$signal stops exits $code" || fail "a sweep that SIG$signal stops exits $code (got $got)"
  check "the same command goes on" $sweep --output "$at"
  grep -q "resuming at epoch" "$at/lr=0.1,weight-decay=0,seed=42/log.txt" && pass "in the middle of a run" || fail "in the middle of a run"
  alike "and the end is the same" swept "$at"
done
check "a finished sweep --json" $sweep --output swept --json
[ "$(wc -l <out)" -eq 1 ] && grep -q '"summary":{"val_top1":{"n":2,' out && pass "is one line" || fail "is one line"
[ "$(grep -c "done before" err)" -eq 5 ] && pass "and nothing is run again" || fail "and nothing is run again"
# As a version left it that hashed names and labels alone.
names=$(cat swept/*/best.safetensors | grep -aoE '"data":"[0-9a-f]{64}"' | head -n 1 | cut -d'"' -f4)
sed -i "s/\"data_sha256\": \"[0-9a-f]*\"/\"data_sha256\": \"$names\"/" swept/*/results.json
check "a sweep from before sizes were hashed" $sweep --output swept
[ "$(grep -c "done before" err)" -eq 5 ] && pass "is still done" || fail "is still done"
refuse "a sweep over other settings" 2 "epochs: 12 there, 3 here" $sweep --output swept --epochs 3
refuse "a sweep into a run's folder" 2 "not empty" $sweep --output lspt
refuse "a sweep over no flag" 2 "did you mean lr" "$LSPT" sweep --data birds --sweep lrr=1
refuse "a sweep over what is fixed" 2 "value of its own" "$LSPT" sweep --data birds --lr 1 --sweep lr-base=1,2
refuse "a sweep over a machine's flag" 2 "a flag of the method" "$LSPT" sweep --data birds --sweep threads=1,2
refuse "a sweep that cannot choose" 2 "no validation images" $sweep --val-fraction 0 --output z
refuse "a sweep that diverges everywhere" 5 "with all 2 settings" "$LSPT" sweep --data birds $tiny --batch-size 8 --threads 1 --warmup-epochs 0 \
  --opt sgd --epochs 1 --sweep lr=1e30 --sweep method=linear,vpt-deep --output z
compare="$LSPT sweep --data birds $tiny --batch-size 8 --workers 1 --threads 1 $weights --epochs 2 --warmup-epochs 0 \
  --method linear,vpt-deep,lspt --reference vpt-deep --sweep lr=0.3x,1x --seeds 2 --output compared"
check "methods compared" $compare
grep -q '^linear,,' compared/comparison.csv && [ "$(grep -c ',lr=' compared/comparison.csv)" -eq 2 ] &&
  grep -q 'note: --lr has no effect with linear' compared/log.txt && grep -q 's.e.' compared/comparison.txt &&
  pass "the same search for each" || fail "the same search for each"
cp -r compared compared_before
check "compared again" $compare --json
[ "$(grep -c 'done before' err)" -eq 10 ] && cmp -s compared/comparison.json compared_before/comparison.json &&
  pass "nothing is run twice" || fail "nothing is run twice"
check "a table of it" "$LSPT" table compared --output table.tex
grep -q "^ *lspt  " out && grep -q '\\toprule' table.tex && pass "of three methods, and as LaTeX" || { cp out err; fail "of three methods, and as LaTeX"; }
refuse "a table of nothing" 3 "no tested run" "$LSPT" table birds
refuse "a table of another kind" 2 ".txt, .csv or .tex" "$LSPT" table compared --output table.pdf
refuse "a reference that is not compared" 2 "not among --method" "$LSPT" sweep --data birds --method linear,lspt --reference gapt
refuse "a method that there is not" 2 "did you mean lspt" "$LSPT" sweep --data birds --method linear,lsp
refuse "several methods of a recipe" 2 "is of one method" "$LSPT" sweep --data birds --method linear,lspt --recipe gapt/cub_mae
refuse "a sweep on another backbone" 2 "weights, sha256" $sweep --output swept --weights timm.safetensors
refuse "a sweep on other images" 2 "images, sha256" $sweep --output swept --split-seed 1
check "a sweep of full fine-tuning" "$LSPT" sweep --data birds $tiny --batch-size 8 --method full $weights --epochs 1 \
  --warmup-epochs 0 --sweep lr=1e-3,1e-4 --seeds 1 --output swept_full
seeds="$LSPT sweep --data birds $tiny --batch-size 8 --method linear $weights --seeds 5,6 --output seeds"
check "a sweep over seeds alone" $seeds --epochs 1
[ "$(ls -d seeds/seed=* | wc -l)" -eq 2 ] && pass "has a folder a seed" || fail "has a folder a seed"
check "is found finished" $seeds --epochs 1
check "and can be done over" $seeds --epochs 2 --overwrite

# Command line.
refuse "unknown flag" 2 "did you mean --batch-size" "$LSPT" train --batch-szie 4
refuse "unknown command" 2 "did you mean train" "$LSPT" trian
refuse "no command" 2 "no command" "$LSPT"
refuse "a number that is none" 2 "--lr: 'nan'" "$LSPT" train --lr nan
refuse "no CUDA here" 2 "device cuda: " env CUDA_VISIBLE_DEVICES= $lspt --device cuda --output x
refuse "an odd model" 2 "vit_" $lspt --model vit_huge --output x
refuse "an output folder in use" 2 "not empty" $lspt --output lspt
refuse "resuming with another setting" 2 "checkpoint lspt, command line gapt" "$LSPT" train --resume lspt --method gapt
refuse "resuming nothing" 2 "does not exist" "$LSPT" train --resume nowhere
refuse "resuming on another backbone" 2 "not the file" "$LSPT" train --resume lspt --epochs 3 --weights other/last.safetensors

# Data.
cp "$image" good.jpg
head -c 700 good.jpg >short.jpg
(head -c 800 good.jpg; printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; tail -c +841 good.jpg) >corrupt.jpg
printf '<!DOCTYPE html><html></html>' >page.jpg
: >empty.jpg
list() { # FOLDER LINE...: a data set of list files
  folder=$1
  shift
  mkdir "$folder"
  cp ./*.jpg "$folder"
  printf '%s\n' "good.jpg 0" "good.jpg 1" >"$folder/test.txt"
  printf '%s\n' "$@" >"$folder/train.txt"
  data="$LSPT train --data $folder $tiny --method linear --epochs 1 --batch-size 4 --threads 1 --workers 1 --output x"
}
mkdir unknown && : >unknown/notes.txt
refuse "a folder of no known layout" 3 "found notes.txt; one of these" "$LSPT" train --data unknown $tiny --output x
refuse "no data folder" 3 "nowhere" "$LSPT" train --data nowhere $tiny --output x
list set1 "good.jpg 0" "absent.jpg 1"
refuse "a list that names a missing file" 3 "train.txt:2" $data
list set2 "good.jpg 0" "good.jpg -1"
refuse "a label out of range" 3 "train.txt:2" $data
[ ! -e x ] && pass "a refused run leaves no folder" || { ls -A x >err; fail "a refused run leaves no folder"; }
for bad in short corrupt page empty; do
  list "set_$bad" "good.jpg 0" "$bad.jpg 1"
  refuse "a bad image ($bad)" 3 "$bad.jpg" $data
  rm -rf x
done
# The same, looked at beforehand.
check "check of a good data set" "$LSPT" check --data birds --output checked
grep -q '^clean$' out && [ "$(wc -l <checked/classes.csv)" -eq 4 ] && [ "$(wc -l <checked/problems.csv)" -eq 1 ] &&
  pass "finds nothing" || fail "finds nothing"
found() { # NAME CODE TEXT... : check exits with CODE and standard output has each TEXT
  name=$1 code=$2
  shift 2
  "$LSPT" check --data set $flags >out 2>err
  got=$?
  cat out >>err
  for text in "$@"; do grep -q -e "$text" out || got="$got, no '$text'"; done
  [ "$got" = "$code" ] && pass "$name" || fail "$name (exit code $got)"
}
flags=
list set "good.jpg 0" "absent.jpg 1" "short.jpg 1" "gone.jpg 0" "page.jpg 0" "empty.jpg 0" "good.jpg 1"
found "check finds all of it" 3 "missing: 2" "train.txt:2: set/absent.jpg" "train.txt:4: set/gone.jpg" "unreadable: 3" \
  "set/short.jpg: truncated" "set/page.jpg: an HTML page" "set/empty.jpg: the file is empty" "same content: 1 groups; 1 with two labels" \
  "conflict, leak, duplicate (same bytes)" '^wrong$'
cp out first
for threads in 1 7; do
  flags="--threads $threads" found "the same on $threads threads" 3
  cmp out first >err && pass "to the byte" || fail "to the byte"
done
flags="--json" found "as JSON" 3 '"verdict":"wrong"' '"why":"set/train.txt:4"'
[ "$(wc -l <out)" -eq 1 ] && pass "on one line" || fail "on one line"
rm -r set
list set "good.jpg 0" "good.jpg 0" "$(basename "$image") 1"
cp "$image" set
cp "$(ls birds/images/*/*.jpg | tail -n 1)" set/good.jpg
printf '%s\n' "good.jpg 0" >set/test.txt
flags= found "a leak is doubtful" 0 "leak, duplicate" '^doubtful$'
flags=--strict found "and wrong with --strict" 3 '^doubtful$'
# A list of a thousand missing images: why, if it can be told, and not all of them.
rm -r set
mkdir set
seq 1000 | awk '{ print "img_" $1 ", " $1 % 2 }' >set/train.txt
refuse "a list that is read by the wrong separator" 3 "all 1000 paths end in ',': is it comma-separated" $data
flags= found "check of it" 3 "missing: 1,000; all 1000 paths end in ','" "... and 980 more"
[ "$(grep -c set/train.txt: out)" -eq 20 ] && pass "prints twenty" || fail "prints twenty"
flags=--json found "and as JSON" 3 '"missing_cause":"all 1000'
[ "$(grep -o set/train.txt: out | wc -l)" -eq 1000 ] && pass "all of them" || fail "all of them"
# One image a class, and too few for a share of them: what training refuses check finds.
rm -r set
mkdir -p set/1 set/2
for i in 1 2; do cp "$(ls birds/images/*/*.jpg | sed -n ${i}p)" set/$i/; done
refuse "train on an image a class" 3 "each class has a single image" $data
flags= found "check of it" 3 "training refuses it: .*each class has a single image" '^wrong$'
mkdir set/train && mv set/1 set/2 set/train/
for i in 1 2; do cp "$(ls birds/images/*/*.jpg | sed -n $((i + 2))p)" set/train/$i/; done
refuse "train on two a class" 3 "val-fraction 0.1 of the largest class's 2 images is none; 0.25 is one" $data
flags= found "check of those" 3 "0.25 is one" '^wrong$'
flags="--val-fraction 0.25" found "check with that share" 0 '^clean$'
check "training with it" $data --val-fraction 0.25
rm -r x
# Kinds of images: what is read, what is left out and said, what is only named like an image.
rm -r set
mkdir -p set/train/wren set/val/jay
cp -r set/train/wren set/train/jay && cp -r set/val/jay set/val/wren
cp "$pictures/lossy.webp" "$pictures/rgb_lzw.tif" set/train/wren && cp "$pictures/part_of_canvas.webp" "$pictures/cmyk16.tif" set/train/jay
cp "$pictures/alpha.webp" set/val/wren && cp "$pictures/fax.tif" set/val/jay
touch set/train/jay/a.heic set/train/wren/b.txt set/train/wren/c.txt
check "train on WebP and TIFF" $data
grep -q "skipped: 2 .txt, 1 .heic (HEIC is not supported)" x/log.txt && pass "and what is skipped is said" || { cp x/log.txt err; fail "and what is skipped is said"; }
flags= found "check of them" 0 "skipped: 2 .txt, 1 .heic" '^clean$'
check "predict a folder of them" "$LSPT" predict --checkpoint lspt set
[ "$(wc -l <out)" -eq 6 ] && pass "finds all six" || { cp out err; fail "finds all six"; }
printf '\0\0\0\034ftypheic\0\0\0\0mif1heic' >set/train/jay/a.heic
cp set/train/jay/a.heic set/train/jay/b.jpg
flags= found "check of a HEIC image named .jpg" 3 "b.jpg: a HEIC image: not supported, convert it to JPEG or PNG"
head -c 900 "$pictures/rgb_lzw.tif" >set/train/jay/b.jpg
rm -r x
refuse "a TIFF that was cut" 3 "b.jpg: truncated or corrupt TIFF" $data
rm -rf x
{ head -c 500 "$pictures/rgb_jpeg.tif"; printf '\377\377\377\377\377\377\377\377'; tail -c +509 "$pictures/rgb_jpeg.tif"; } >damaged.tif
refuse "a damaged TIFF" 3 "damaged.tif: truncated or corrupt TIFF" "$LSPT" predict --checkpoint lspt damaged.tif
grep -v "^error: \|^warning: \|^weights: \|^images: \|^  " err >out && { cp out err; fail "its library prints nothing"; } || pass "its library prints nothing"
refuse "check of nothing" 2 "no data set" "$LSPT" check
refuse "predict a missing image" 3 "absent.jpg" "$LSPT" predict --checkpoint lspt absent.jpg

# Weights.
weigh() { refuse "$1" 4 "$2" $lspt --weights "$3" --output y; }
: >empty.pth
weigh "0-byte weights" "empty" empty.pth
printf '<!DOCTYPE html><html><body>Not found</body></html>' >page.pth
weigh "a web page as weights" "HTML" page.pth
size=$(wc -c <full/last.safetensors)
head -c $((size / 2)) full/last.safetensors >short.safetensors
weigh "truncated weights" "short.safetensors" short.safetensors
weigh "missing weights" "absent.pth" absent.pth
printf 'cos\nsystem\n(S"touch owned"\ntR.' >system.pkl
weigh "a pickle that asks for os.system" "system" system.pkl
[ ! -e owned ] && pass "and nothing ran" || fail "and nothing ran"
refuse "weights of another model" 4 "vit_tiny\|192" "$LSPT" train --data birds --model vit_small_patch16_224 \
  --img-size 32 --weights full/last.safetensors --output y
cp lspt/best.safetensors bent.safetensors
printf 'X' | dd of=bent.safetensors bs=1 seek=$(($(wc -c <bent.safetensors) - 5)) conv=notrunc 2>/dev/null
refuse "a damaged checkpoint" 4 "damaged" "$LSPT" eval --checkpoint bent.safetensors
refuse "eval with another backbone" 4 "not the file" "$LSPT" eval --checkpoint lspt --weights other/last.safetensors
check "the same backbone in bf16" "$LSPT" convert full/last.safetensors half.safetensors --dtype bf16
check "eval with that" "$LSPT" eval --checkpoint lspt --weights half.safetensors
grep -q "same values up to the rounding" err && pass "is taken for the same, and said" || fail "is taken for the same, and said"
check "a probe's head on that" $train --method lspt --prompts 2 --weights half.safetensors --init-head linear --epochs 1 --output on_half
refuse "weights that are no checkpoint" 4 "no checkpoint" "$LSPT" eval --checkpoint timm.safetensors

# Bad images left out, with the same result in one go and in two.
skip="$LSPT train --data set_short $tiny --batch-size 4 --threads 1 --warmup-epochs 9 --bad-images skip --method lspt --prompts 2"
check "a bad image left out" $skip --epochs 2 --workers 2 --output skipped --json
grep -q '"bad_images":1' out || fail "the result counts it"
grep -q "left out: read image: .*short.jpg" skipped/log.txt || fail "the log names it"
check "left out, one epoch" $skip --epochs 1 --workers 0 --output parted
check "left out, another" "$LSPT" train --resume parted --epochs 2 --threads 1
check "the same in one go and in two" cmp skipped/last.safetensors parted/last.safetensors
check "eval leaves it out" "$LSPT" eval --checkpoint skipped --split train --bad-images skip --json
grep -q '"bad_images":1' out || fail "eval counts it"
refuse "eval without" 3 "short.jpg" "$LSPT" eval --checkpoint skipped --split train --bad-images error
refuse "features with a bad image" 3 "short.jpg" "$LSPT" features --data set_short $tiny --weights full/last.safetensors --output features4
check "features without it" "$LSPT" features --data set_short $tiny --weights full/last.safetensors --bad-images skip --output features4
[ "$(wc -c <features4/features_train.npy)" -eq $((128 + 192 * 4)) ] && [ "$(cat features4/paths_train.txt)" = good.jpg ] &&
  [ "$(wc -c <features4/labels_train.npy)" -eq $((128 + 8)) ] && grep -q "'shape': (1, 192)" features4/features_train.npy &&
  grep -q "left out: .*short.jpg" err && grep -q "1 cannot be read" out && pass "have no row of it, and it is named" || fail "have no row of it, and it is named"

# Transforms and the cache.
for filter in bicubic tf-bilinear; do
  check "VTAB's transform, $filter" $lspt --transform vtab --interpolation $filter --epochs 1 --output "vtab_$filter"
  check "eval by it" "$LSPT" eval --checkpoint "vtab_$filter"
done
refuse "TensorFlow's filter without VTAB's transform" 2 "needs --transform vtab" $lspt --interpolation tf-bilinear --output y
refuse "a crop rule without a crop" 2 "does not crop" $lspt --transform vtab --crop-rule torchvision-0.8 --output y
refuse "no augmentation where there is none" 2 "nothing is random" $lspt --transform vtab --no-aug --output y
ls cache/lspt/images/birds-*-short36-bilinear.pixels >/dev/null 2>err && pass "the cache is where it belongs" || fail "the cache is where it belongs"
check "a cache folder of one's own" $lspt --epochs 1 --cache mine --output own_cache
check "no cache" $lspt --epochs 1 --cache off --output no_cache
check "which change nothing" cmp own_cache/last.safetensors no_cache/last.safetensors
: >plain
check "a cache that cannot be" $lspt --epochs 1 --cache plain/folder --output no_place
grep -q "warning: image cache plain/folder.*going on without it" err || fail "and says so"
check "bench of the loader" "$LSPT" bench --method loader --data birds --img-size 32 --iterations 2 --json
grep -q '"decoded_again":0' out || fail "the loader's cache is used"
refuse "bench with data that it does not read" 2 "loader alone" "$LSPT" bench --method lspt --data birds

# Running.
for method in linear vpt-deep lspt full; do
  refuse "a learning rate that diverges ($method)" 5 "epoch 1, step" $train --method $method \
    --opt sgd --lr 1e30 --warmup-epochs 0 --epochs 1 --output "diverged_$method"
done
: >file
refuse "an output folder that cannot be" 7 "file/run" $lspt --epochs 1 --output file/run
check "one epoch" $lspt --epochs 1 --output full_disk
cp full_disk/last.safetensors before.safetensors
# In blocks of 512 bytes: room for the small files, not for a checkpoint.
refuse "a full disk during a save" 7 "as it was before" sh -c "ulimit -f 64; exec \"$LSPT\" train --resume full_disk --epochs 2 --threads 1"
check "keeps the old checkpoint" cmp full_disk/last.safetensors before.safetensors
check "and the run goes on later" "$LSPT" train --resume full_disk --epochs 2 --threads 1

echo "program.sh: $passed passed, $failed failed"
[ $failed -eq 0 ]
