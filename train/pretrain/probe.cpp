#include "train/pretrain/probe.h"

#include "train/head_fit.h"
#include "train/metrics.h"

namespace lspt {

bool can_probe(const Dataset& data) {
  return data.class_names.size() > 1 && !(data.val.empty() && data.test.empty());
}

LinearProbe linear_probe(Mae& mae, const Dataset& data, const LoaderOptions& looks, uint64_t seed) {
  require(can_probe(data), ErrorKind::kUsage, "linear probe: the data set has ",
          data.class_names.size(), " classes, ", data.val.size(), " validation and ",
          data.test.size(), " test images; two classes and images of one kind expected");
  const MaeConfig& config = mae.config();
  NamedTensors encoder;
  for (const Parameter* parameter : mae.encoder()) encoder[parameter->name] = parameter->var.value;
  ModelConfig frozen;
  frozen.vit = config.vit;
  frozen.method = method_config("linear", 0);
  frozen.num_classes = static_cast<int>(data.class_names.size());
  frozen.pool = Pool::patches;
  frozen.head_init = HeadInit::zero;
  frozen.dtype = config.dtype;
  frozen.device = config.device;
  frozen.seed = seed;
  Model model(frozen, on_host(std::move(encoder)));

  const auto features = [&](const std::vector<Sample>& part) {
    Loader loader(part, looks);
    return *keep_features(model, loader, 0, [] { return true; });
  };
  const bool tests = !data.test.empty();
  const KeptFeatures train = features(data.train);
  const KeptFeatures choice = tests && !data.val.empty() ? features(data.val) : KeptFeatures();
  const FitReport report = fit_head(model, train, choice, 1, true, {.seed = seed});

  const KeptFeatures judged = features(tests ? data.test : data.val);
  LinearProbe probe{.split = tests ? "test" : "val", .decay = report.decay};
  size_t first = 0;
  for (const Tensor& batch : judged.batches) {
    const size_t rows = static_cast<size_t>(batch.dim(0));
    const std::vector<int> labels(judged.labels.begin() + static_cast<int64_t>(first),
                                  judged.labels.begin() + static_cast<int64_t>(first + rows));
    for (const int64_t rank : ranks(model.forward(batch).value, labels)) probe.top1 += rank == 0;
    first += rows;
  }
  probe.images = static_cast<int64_t>(judged.labels.size());
  probe.top1 *= 100.0 / static_cast<double>(std::max<int64_t>(probe.images, 1));
  return probe;
}

}  // namespace lspt
