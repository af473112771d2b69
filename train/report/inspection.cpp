#include "train/report/inspection.h"

#include <algorithm>
#include <set>

namespace lspt {
namespace {

constexpr int kThumbnail = 112, kGaze = 160;  // pixels

/// Places in `judged` of answers to show, the surest first: all the wrong ones, or right ones each
/// of another class.
std::vector<const Judged*> surest(const std::vector<Judged>& judged, bool right, size_t wanted) {
  std::vector<const Judged*> all, out;
  for (const Judged& j : judged)
    if (j.right() == right) all.push_back(&j);
  std::stable_sort(all.begin(), all.end(), [](const Judged* a, const Judged* b) {
    return a->probability > b->probability;
  });
  std::set<size_t> classes;
  for (const Judged* j : all)
    if (out.size() < wanted && (!right || classes.insert(j->label).second)) out.push_back(j);
  return out;
}

std::vector<ShownAnswer> shown(const std::vector<const Judged*>& answers,
                               const std::vector<Sample>& samples, const LoaderOptions& options) {
  std::vector<Sample> chosen;
  for (const Judged* j : answers) chosen.push_back(samples[static_cast<size_t>(j->sample)]);
  std::vector<size_t> kept;
  const Tensor images = images_of(chosen, options, kept);
  std::vector<ShownAnswer> out;
  for (size_t i = 0; i < kept.size(); ++i)
    out.push_back(
        {*answers[kept[i]], chosen[kept[i]].path,
         scaled(picture_of(images, static_cast<int64_t>(i), options.normalization), kThumbnail)});
  return out;
}

std::vector<ShownGaze> gazes_of(const Model& model, const std::vector<Sample>& samples,
                                const LoaderOptions& options, int64_t wanted, int block) {
  std::vector<Sample> chosen;
  for (const int64_t i : spread_over(static_cast<int64_t>(samples.size()), wanted))
    chosen.push_back(samples[static_cast<size_t>(i)]);
  std::vector<size_t> kept;
  const Tensor images = images_of(chosen, options, kept);
  std::vector<ShownGaze> out;
  if (kept.empty()) return out;
  Probe probe{.attention_block = block};
  model.look(images, probe);
  const ViTConfig& vit = model.config().vit;
  for (size_t i = 0; i < kept.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const Gaze gaze = gaze_of(probe.attention, at, vit.num_patches());
    const Image photo = picture_of(images, at, options.normalization);
    const Sample& sample = chosen[kept[i]];
    out.push_back({sample.path, static_cast<size_t>(sample.label), scaled(photo, kGaze),
                   heat_over(photo, gaze.patches.data(), vit.grid(), kGaze), gaze.itself,
                   gaze.prompts});
  }
  return out;
}

}  // namespace

std::vector<int64_t> spread_over(int64_t count, int64_t wanted) {
  std::vector<int64_t> out;
  wanted = std::min(count, wanted);
  for (int64_t i = 0; i < wanted; ++i) out.push_back((2 * i + 1) * count / (2 * wanted));
  return out;
}

Tensor images_of(const std::vector<Sample>& samples, const LoaderOptions& options,
                 std::vector<size_t>& kept) {
  kept.clear();
  if (samples.empty()) return {};
  LoaderOptions own = options;
  own.batch_size = static_cast<int64_t>(samples.size());
  own.skip_bad = true;
  own.cache_file = "";
  own.cache_bytes = own.device_bytes = 0;
  Loader loader(samples, own);
  Batch batch;
  loader.start(0);
  if (!loader.next(batch)) return {};
  for (const int64_t index : batch.indices) kept.push_back(static_cast<size_t>(index));
  return to_device(batch.images, Device::cpu);
}

Inspection inspect(Model& model, const std::vector<Sample>& samples, const LoaderOptions& options,
                   const InspectionPlan& plan, const std::function<void(int64_t)>& progress) {
  Inspection out;
  std::vector<Judged> judged;
  Loader loader(samples, options);
  out.evaluation = *evaluate(
      model, loader,
      [&](int64_t batches) {
        progress(std::min(batches * options.batch_size, loader.samples()));
        return true;
      },
      [&](const Batch& batch, const Tensor& logits) { judge(batch, logits, judged); });
  out.confusion = confusion_of(judged, static_cast<size_t>(model.config().num_classes));
  out.wrong = shown(surest(judged, false, plan.wrong), samples, options);
  out.right = shown(surest(judged, true, plan.right), samples, options);
  out.block = plan.block < 0 ? model.config().vit.depth - 1 : plan.block;
  out.head_reads_class_token = model.config().pool == Pool::token;
  out.gazes = gazes_of(model, samples, options, plan.gazes, out.block);

  std::vector<Sample> few;
  for (const int64_t i : spread_over(static_cast<int64_t>(samples.size()), plan.prompt_images))
    few.push_back(samples[static_cast<size_t>(i)]);
  std::vector<size_t> kept;
  const Tensor images = images_of(few, options, kept);
  out.prompt_images = static_cast<int64_t>(kept.size());
  if (!kept.empty()) out.prompts = look_at_prompts(model, images);
  return out;
}

}  // namespace lspt
