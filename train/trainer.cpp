#include "train/trainer.h"

#include <chrono>
#include <cmath>

#include "engine/file.h"
#include "ops/cross_entropy.h"
#include "train/choice.h"
#include "train/machine.h"
#include "train/restore.h"
#include "train/signals.h"

namespace lspt {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Weights that lose this much are lost, even where the numbers still fit into a float.
constexpr double kLargestLoss = 1e6;

constexpr const char* kDecay = "decay";  // of the head's last fit, beside the optimizer's state

double percent(int64_t part, int64_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(std::max<int64_t>(whole, 1));
}

}  // namespace

Trainer::Trainer(Checkpoint& state, Model& model, BatchSource& train, BatchSource& evaluation,
                 const std::string& split, double chance, const RunFolder& folder, Console& console)
    : state_(state),
      settings_(state.settings),
      progress_(state.progress),
      model_(model),
      train_(train),
      evaluation_(evaluation),
      split_(split),
      folder_(folder),
      console_(console),
      watch_({&train, &evaluation}),
      report_(settings_, train, evaluation, console),
      optimizer_(settings_.optimizer, settings_.optimizer.kind == OptimizerKind::lbfgs
                                          ? Parameters()
                                          : model.trainable()),
      step_(model, optimizer_,
            capture_of(settings_.machine,
                       std::min(settings_.data.loader.batch_size, train.samples()))),
      schedule_(settings_.schedule),
      rows_(read_csv(folder.file("metrics.csv"), progress_.epoch)),
      health_(state.warnings, {.classes = static_cast<int64_t>(state.class_names.size()),
                               .epochs = schedule_.epochs,
                               .warmup_epochs = schedule_.warmup_epochs,
                               .chance = chance,
                               .train_images = train.samples(),
                               .eval_images = evaluation.samples(),
                               .fresh = progress_.epoch == 0 && progress_.step == 0 &&
                                        !state.backbone.path.empty()}) {
  schedule_.steps_per_epoch = train.batches();
  set_decay_groups(model.trainable(), settings_.optimizer.kind);
  if (progress_.updates > 0) optimizer_.load_state(state.optimizer, progress_.updates);
  if (settings_.optimizer.kind == OptimizerKind::lbfgs) kept_.emplace();
  if (const auto it = state.optimizer.find(kDecay); it != state.optimizer.end())
    decay_ = it->second.to_vector()[0];
}

int Trainer::run() {
  if (kept_ && !look_again()) return stop();
  const bool fresh = progress_.epoch == 0 && progress_.step == 0;
  if (const PromptInit from = settings_.prompt_init;
      fresh && (from == PromptInit::tokens || from == PromptInit::kmeans))
    start_prompts();
  if (settings_.fits_head && fresh && !fit_first_head()) return stop();
  report_.begin(folder_, progress_);
  while (progress_.epoch < schedule_.epochs && !out_of_patience()) {
    EpochRow row;
    row.epoch = progress_.epoch + 1;
    if (!train_epoch(row)) return stop();
    const auto evaluation = evaluate_epoch();
    if (!evaluation) return stop();
    finish_epoch(row, *evaluation);
  }
  return 0;
}

bool Trainer::train_epoch(EpochRow& row) {
  const auto begin = Clock::now();
  const int64_t begun = progress_.step, first = progress_.seen;
  train_.start(progress_.epoch, begun);
  Batch batch;
  while (train_.next(batch)) {
    progress_.step = batch.number;  // one of bad images alone was passed over
    row.lr = schedule_.at(progress_.epoch, progress_.step);
    const float loss = train_step(batch, row.lr);
    ++progress_.step;
    row.train_loss = progress_.loss_sum / static_cast<double>(progress_.seen);
    row.train_top1 = percent(progress_.correct, progress_.seen);
    row.seconds = since(begin);
    row.images_per_second = static_cast<double>(progress_.seen - first) / row.seconds;
    report_.step(row, progress_, loss, begun);
    // A last look is followed by the fit, so that a run that goes on knows that it was done.
    if (caught_signal() != 0 && !(kept_ && progress_.step == train_.batches())) return false;
    save_if_due();
  }
  watch_.say(console_);
  require(progress_.seen > 0, ErrorKind::kData, "training: none of the ", train_.samples(),
          " training images of ", settings_.data.set.path, " can be read");
  // Nothing was left to do if the run was stopped during the evaluation.
  row.lr = schedule_.at(progress_.epoch, train_.batches() - 1);
  row.train_loss = progress_.loss_sum / static_cast<double>(progress_.seen);
  row.train_top1 = percent(progress_.correct, progress_.seen);
  if (kept_ && begun < train_.batches()) fit();
  return true;
}

float Trainer::train_step(const Batch& batch, double lr) {
  const int64_t size = static_cast<int64_t>(batch.labels.size());
  const std::vector<int64_t> labels(batch.labels.begin(), batch.labels.end());
  const Tensor targets = one_hot(labels, static_cast<int64_t>(state_.class_names.size()),
                                 static_cast<float>(settings_.label_smoothing));
  const StepKey key{settings_.model.seed, static_cast<uint32_t>(progress_.epoch),
                    static_cast<uint64_t>(progress_.step)};
  const auto [value, logits] =
      kept_ ? kept_->look(model_, batch, targets) : step_.forward(batch.images, targets, key);
  require(std::isfinite(value) && value < kLargestLoss, ErrorKind::kDiverged,
          "training diverged: loss ", value, " in epoch ", progress_.epoch + 1, ", step ",
          progress_.step + 1, " of ", train_.batches(), ", learning rate ", lr,
          "\nThe update before made the weights too large", ". Try a smaller --lr; ",
          folder_.path(), " keeps the last good checkpoint, if any");
  if (progress_.epoch == 0 && progress_.step == 0) warn(health_.first_loss(value));
  // The device has just been waited for: the norm of the step before is there.
  if (optimizer_.updates() > 0)
    warn(health_.gradient(optimizer_.gradient_norm(), progress_.epoch + 1));
  if (!kept_) step_.update(static_cast<float>(lr));
  progress_.updates = optimizer_.updates();
  progress_.loss_sum += static_cast<double>(value) * static_cast<double>(size);
  progress_.seen += size;
  for (const int64_t rank : ranks(logits, batch.labels)) progress_.correct += rank == 0;
  return value;
}

std::optional<Evaluation> Trainer::evaluate_epoch() {
  const auto begin = Clock::now();
  auto evaluation = evaluate(model_, evaluation_, [&](int64_t done) {
    console_.bar(format("%s: epoch %lld [%lld/%lld]", split_.c_str(),
                        static_cast<long long>(progress_.epoch + 1), static_cast<long long>(done),
                        static_cast<long long>(evaluation_.batches())));
    return caught_signal() == 0;
  });
  report_.evaluated(since(begin));
  watch_.say(console_);
  return evaluation;
}

void Trainer::finish_epoch(EpochRow row, const Evaluation& e) {
  require(std::isfinite(e.loss) && e.loss < kLargestLoss, ErrorKind::kDiverged,
          "training diverged: ", split_, " loss ", e.loss, " after epoch ", row.epoch,
          ", learning rate ", row.lr, "\nTry a smaller --lr; ", folder_.path(),
          " keeps the last good checkpoint, if any");
  row.eval_loss = e.loss;
  row.eval_top1 = e.top1;
  row.eval_top5 = e.top5;
  rows_.push_back(as_written(row));
  report_.epoch(row);
  // Warnings are kept in the checkpoints that follow.
  const std::string unwell[] = {health_.epoch(rows_), look_inside(row.epoch == schedule_.epochs)};
  progress_ = after_epoch(progress_, settings_.choose, e.top1, e.seen);
  const bool chosen = progress_.chosen_epoch == row.epoch;
  // last.safetensors last: killed before it is there, the run does this epoch again, and rows of
  // epochs that it has not are dropped.
  if (chosen) save("best.safetensors");
  write_atomically(folder_.file("metrics.csv"), csv_of(rows_));
  write_atomically(
      folder_.file("curves.svg"),
      curves_svg(rows_, settings_.model.method.name + ", " + settings_.model_name, split_));
  save("last.safetensors");
  console_.line(format(
      "%-5s  epoch %lld/%lld  loss %.4f  Acc@1 %.4f (s.e. %.1f)  Acc@5 %.4f  "
      "(%.1f s)%s",
      split_.c_str(), static_cast<long long>(row.epoch), static_cast<long long>(schedule_.epochs),
      e.loss, e.top1, standard_error(e.top1, e.seen), e.top5, report_.evaluation_seconds(),
      progress_.best_epoch == row.epoch ? "  highest so far"
      : chosen                          ? "  kept"
                                        : ""));
  for (const std::string& text : unwell) warn(text);
  if (out_of_patience() && progress_.epoch < schedule_.epochs)
    console_.line(format(
        "stopped: no higher top-1 in the %lld epochs since epoch %lld (--patience)",
        static_cast<long long>(settings_.patience), static_cast<long long>(progress_.best_epoch)));
}

void Trainer::warn(const std::string& text) {
  if (!text.empty()) console_.warn(text);
}

/// What the LSTM's gates do to a few of the images just evaluated: a warning, or "".
std::string Trainer::look_inside(bool last) {
  if (settings_.model.method.prompt.carry != Carry::lstm) return "";
  constexpr int64_t kFew = 8;
  Batch batch;
  evaluation_.start(0);
  if (!evaluation_.next(batch)) return "";
  const PromptTrace trace =
      model_.trace(batch.images.slice(0, std::min(kFew, batch.images.dim(0))));
  if (last && !trace.blocks.empty()) console_.log(table_of(trace));
  return health_.gates(trace);
}

bool Trainer::out_of_patience() const {
  return settings_.patience > 0 && progress_.epoch - progress_.best_epoch >= settings_.patience;
}

void Trainer::save(const std::string& name) {
  const auto begin = Clock::now();
  state_.trained = on_host(trained_values(model_));
  state_.optimizer = on_host(optimizer_.state());
  if (kept_) state_.optimizer[kDecay] = Tensor::from({static_cast<float>(decay_)}, {1});
  save_checkpoint(folder_.file(name), state_);
  saved_ = Clock::now();
  save_seconds_ = std::chrono::duration<double>(saved_ - begin).count();
}

/// What lbfgs keeps is not in a checkpoint, so that one in the middle of an epoch would be of no
/// use.
void Trainer::save_if_due() {
  const double wait = std::max(60 * settings_.output.save_interval, 100 * save_seconds_);
  if (kept_ || settings_.output.save_interval == 0 || since(saved_) < wait) return;
  try {
    save("last.safetensors");
  } catch (const Error& error) {
    // The next step will say so, as it does when no save comes in between.
    if (error.kind() != ErrorKind::kDiverged) throw;
  }
}

int Trainer::stop() {
  save("last.safetensors");
  console_.line(format("stopped in epoch %lld after step %lld of %lld; saved. Go on with: "
                       "lspt train --resume ",
                       static_cast<long long>(progress_.epoch + 1),
                       static_cast<long long>(progress_.step),
                       static_cast<long long>(train_.batches())) +
                folder_.path());
  return caught_signal();
}

}  // namespace lspt
