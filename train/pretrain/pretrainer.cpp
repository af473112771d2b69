#include "train/pretrain/pretrainer.h"

#include <cmath>

#include "engine/file.h"
#include "train/choice.h"
#include "train/pretrain/probe.h"
#include "train/signals.h"

namespace lspt {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// The targets' variance is near 1: a loss like this is of lost weights.
constexpr double kLostLoss = 1e4;

OptimizerConfig adamw_of(const PretrainSettings& s) {
  OptimizerConfig config;
  config.kind = OptimizerKind::adamw;
  config.beta2 = 0.95f;
  config.weight_decay = static_cast<float>(s.weight_decay);
  config.clip_grad = static_cast<float>(s.clip_grad);
  return config;
}

NamedTensors values_of(const Parameters& parameters) {
  NamedTensors values;
  for (const Parameter* parameter : parameters) values[parameter->name] = parameter->var.value;
  return on_host(std::move(values));
}

}  // namespace

Pretrainer::Pretrainer(const PretrainSettings& settings, PretrainState& state, Mae& model,
                       const Dataset& data, const RunFolder& folder, Console& console)
    : settings_(settings),
      state_(state),
      progress_(state.progress),
      model_(model),
      data_(data),
      folder_(folder),
      console_(console),
      images_(data.train, settings.images),
      watch_({&images_}),
      optimizer_(adamw_of(settings), model.trainable()),
      step_(
          [&model](const Tensor& images, const Tensor& order, const StepKey&) {
            return Forward{model.loss(images, order), {}};
          },
          model.config().device, optimizer_, settings.capture),
      schedule_{settings.lr, settings.min_lr, settings.epochs, settings.warmup_epochs,
                images_.batches()},
      rows_(read_pretrain_csv(folder.file("metrics.csv"), progress_.epoch)) {
  if (progress_.updates > 0) optimizer_.load_state(state.optimizer, progress_.updates);
}

int Pretrainer::run() {
  while (progress_.epoch < settings_.epochs) {
    PretrainRow row;
    row.epoch = progress_.epoch + 1;
    if (!train_epoch(row)) return stop();
    finish_epoch(row);
  }
  return 0;
}

bool Pretrainer::train_epoch(PretrainRow& row) {
  const auto begin = Clock::now();
  const int64_t begun = progress_.step, first = progress_.seen;
  images_.start(progress_.epoch, begun);
  Batch batch;
  while (images_.next(batch)) {
    progress_.step = batch.number;  // one of bad images alone was passed over
    row.lr = schedule_.at(progress_.epoch, progress_.step);
    const float loss = train_step(batch, row.lr);
    ++progress_.step;
    row.seconds = seconds_since(begin);
    row.images_per_second = static_cast<double>(progress_.seen - first) / row.seconds;
    say_step(row, loss, begun);
    if (caught_signal() != 0) return false;
    save_if_due();
  }
  watch_.say(console_);
  require(progress_.seen > 0, ErrorKind::kData, "pretrain: none of the ", images_.samples(),
          " images of ", settings_.data.path, " can be read");
  row.lr = schedule_.at(progress_.epoch, images_.batches() - 1);
  row.loss = progress_.loss_sum / static_cast<double>(progress_.seen);
  return true;
}

float Pretrainer::train_step(const Batch& batch, double lr) {
  const auto epoch = static_cast<uint32_t>(progress_.epoch);
  const uint64_t seed = settings_.model.seed;
  const Tensor order = random_order(batch.indices, settings_.model.vit.num_patches(), seed, epoch);
  const auto result =
      step_.forward(batch.images, order, {seed, epoch, static_cast<uint64_t>(progress_.step)});
  require(std::isfinite(result.loss) && result.loss < kLostLoss, ErrorKind::kDiverged,
          "pre-training diverged: loss ", result.loss, " in epoch ", progress_.epoch + 1, ", step ",
          progress_.step + 1, " of ", images_.batches(), ", learning rate ", lr,
          "\nThe update before made the weights too large. Try a smaller --lr-base; ",
          folder_.path(), " keeps the last good checkpoint, if any");
  step_.update(static_cast<float>(lr));
  progress_.updates = optimizer_.updates();
  const auto size = static_cast<int64_t>(batch.indices.size());
  progress_.loss_sum += static_cast<double>(result.loss) * static_cast<double>(size);
  progress_.seen += size;
  return result.loss;
}

void Pretrainer::say_step(const PretrainRow& row, float loss, int64_t begun) {
  const int64_t steps = images_.batches(), done = progress_.step;
  const int64_t left = (settings_.epochs - progress_.epoch) * steps - done;
  const double a_step = row.seconds / static_cast<double>(done - begun);
  const std::string text = format(
      "Pretrain: epoch %lld/%lld [%4lld/%lld]  loss %.4f (%.4f)  lr %.3g  %.1f img/s  data %.0f%%  "
      "ETA %s",
      static_cast<long long>(progress_.epoch + 1), static_cast<long long>(settings_.epochs),
      static_cast<long long>(done), static_cast<long long>(steps), static_cast<double>(loss),
      progress_.loss_sum / static_cast<double>(progress_.seen), row.lr, row.images_per_second,
      100.0 * images_.wait_seconds() / row.seconds,
      clock_text(a_step * static_cast<double>(left)).c_str());
  console_.bar(text);
  if (done != begun + 1 && done != steps && (done - begun) % settings_.log_interval != 0) return;
  if (console_.has_bar())
    console_.log(text);
  else
    console_.line(text);
}

void Pretrainer::finish_epoch(PretrainRow row) {
  progress_ = {.epoch = row.epoch, .updates = progress_.updates};
  look(row);
  rows_.push_back(row);
  // last.safetensors last: killed before it is there, the run does this epoch again, and rows of
  // epochs that it has not are dropped.
  save_encoder(folder_.file("encoder.safetensors"), values_of(model_.encoder()), state_.model_name);
  write_atomically(folder_.file("metrics.csv"), csv_of(rows_));
  write_atomically(folder_.file("curves.svg"),
                   curves_svg(rows_, "MAE, " + settings_.model.vit.name));
  save();
  console_.log(format("epoch %lld: loss %.4f, %.1f s", static_cast<long long>(row.epoch), row.loss,
                      row.seconds));
}

/// What the settings ask for after this epoch; the last one always has it.
void Pretrainer::look(PretrainRow& row) {
  const auto due = [&](int64_t interval) {
    return interval > 0 && (row.epoch % interval == 0 || row.epoch == settings_.epochs);
  };
  if (due(settings_.picture_interval)) {
    if (!pictured_) pictured_ = some_images(data_, settings_.looks);
    const auto bytes =
        encode_png(reconstructions(model_, *pictured_, settings_.looks.normalization));
    write_atomically(
        folder_.file(kPictures + format("%04lld.png", static_cast<long long>(row.epoch))),
        {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  if (due(settings_.probe_interval)) {
    console_.bar("linear probe");
    const LinearProbe probe = linear_probe(model_, data_, settings_.looks, settings_.model.seed);
    row.probe_top1 = probe.top1;
    console_.line(format(
        "Probe: epoch %lld  Acc@1 %.4f (s.e. %.1f) on %s %s images, weight decay %.3g",
        static_cast<long long>(row.epoch), probe.top1, standard_error(probe.top1, probe.images),
        grouped(probe.images).c_str(), probe.split, probe.decay));
  }
}

void Pretrainer::save() {
  const auto begin = Clock::now();
  state_.model = values_of(model_.parameters());
  state_.optimizer = on_host(optimizer_.state());
  save_pretrain_state(folder_.file("last.safetensors"), state_);
  saved_ = Clock::now();
  save_seconds_ = std::chrono::duration<double>(saved_ - begin).count();
}

void Pretrainer::save_if_due() {
  const double wait = std::max(60 * settings_.save_interval, 100 * save_seconds_);
  if (settings_.save_interval > 0 && seconds_since(saved_) >= wait) save();
}

int Pretrainer::stop() {
  save();
  console_.line(format("stopped in epoch %lld after step %lld of %lld; saved. Go on with: lspt "
                       "pretrain --resume ",
                       static_cast<long long>(progress_.epoch + 1),
                       static_cast<long long>(progress_.step),
                       static_cast<long long>(images_.batches())) +
                folder_.path());
  return caught_signal();
}

}  // namespace lspt
