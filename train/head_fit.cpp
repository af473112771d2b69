#include "train/head_fit.h"

#include <lbfgs.h>

#include <cmath>

#include "engine/random.h"
#include "ops/cross_entropy.h"
#include "ops/linear.h"

namespace lspt {
namespace {

constexpr double kLeastDecay = 1e-7;
constexpr int kThorough = 300, kFew = 30;  // iterations, at most

/// z = (x - mean) / s.
struct Scaling {
  std::vector<double> mean;
  double s = 0;

  explicit Scaling(const KeptFeatures& x) : mean(static_cast<size_t>(x.batches.at(0).cols())) {
    int64_t count = 0;
    const auto each = [&](const auto& visit) {
      for (const Tensor& batch : x.batches) {
        const float* value = batch.data<float>();
        for (int64_t i = 0; i < batch.rows(); ++i)
          for (double& m : mean) visit(m, static_cast<double>(*value++));
      }
    };
    for (const Tensor& batch : x.batches) count += batch.rows();
    std::vector<double> sum(mean.size());
    each([&](double& m, double value) { sum[static_cast<size_t>(&m - mean.data())] += value; });
    for (size_t d = 0; d < mean.size(); ++d) mean[d] = sum[d] / static_cast<double>(count);
    each([&](double& m, double value) { s += (value - m) * (value - m); });
    s = std::sqrt(s / static_cast<double>(count * static_cast<int64_t>(mean.size())));
    s = std::max(s, 1e-12);
  }

  /// The rows that `take` says, by image.
  template <typename Take>
  Tensor rows(const KeptFeatures& x, std::vector<int64_t>& labels, const Take& take) const {
    for (size_t row = 0; row < x.labels.size(); ++row)
      if (take(x.indices[row])) labels.push_back(x.labels[row]);
    const Tensor z({static_cast<int64_t>(labels.size()), static_cast<int64_t>(mean.size())});
    float* to = z.data<float>();
    size_t row = 0;
    for (const Tensor& batch : x.batches) {
      const float* value = batch.data<float>();
      for (int64_t i = 0; i < batch.rows(); ++i, value += batch.cols())
        if (take(x.indices[row++]))
          for (size_t d = 0; d < mean.size(); ++d)
            *to++ = static_cast<float>((static_cast<double>(value[d]) - mean[d]) / s);
    }
    return z;
  }
};

/// Rows and targets where the products run.
struct Rows {
  Tensor z, targets;

  template <typename Take>
  Rows(const KeptFeatures& x, const Scaling& scaling, int64_t classes, double smoothing,
       Device device, const Take& take) {
    std::vector<int64_t> labels;
    z = to_device(scaling.rows(x, labels, take), device);
    if (!labels.empty())
      targets = to_device(one_hot(labels, classes, static_cast<float>(smoothing)), device);
  }
};

/// W (K, D) and b (K), as the ops see them and as one vector for L-BFGS.
class Head {
 public:
  Head(int64_t classes, int64_t width, Device device)
      : weight_(Var::trainable(Tensor::zeros({classes, width}, DType::f32, device))),
        bias_(Var::trainable(Tensor::zeros({classes}, DType::f32, device))) {}

  double loss(const Rows& rows) const {
    return cross_entropy(linear(rows.z, weight_, bias_), rows.targets).value.to_vector()[0];
  }

  void set(const double* x) {
    for (Var* part : {&weight_, &bias_}) {
      const auto count = static_cast<size_t>(part->value.numel());
      copy(part->value, Tensor::from(std::vector<float>(x, x + count), part->shape()));
      part->value.changed();
      x += count;
    }
  }

  /// The objective at x, and its gradient.
  double evaluate(const Rows& rows, double decay, const double* x, double* gradient) {
    set(x);
    Tape tape;
    const Var loss = cross_entropy(linear(rows.z, weight_, bias_), rows.targets);
    tape.backward(loss);
    double* to = gradient;
    for (Var* part : {&weight_, &bias_})
      for (const float g : std::exchange(part->node->grad, {}).to_vector()) *to++ = g;
    double squares = 0;
    for (int64_t i = 0; i < weight_.value.numel(); ++i) {
      squares += x[i] * x[i];
      gradient[i] += decay * x[i];
    }
    return static_cast<double>(loss.value.to_vector()[0]) + 0.5 * decay * squares;
  }

  /// Takes x to the optimum, or as far as that many iterations; how many there were.
  int64_t minimize(std::vector<double>& x, const Rows& rows, double decay, int iterations) {
    struct Run {
      Head* head;
      const Rows* rows;
      double decay;
      int64_t iterations;
    } run{this, &rows, decay, 0};
    lbfgs_parameter_t how;
    lbfgs_parameter_init(&how);
    how.m = 10;
    how.epsilon = 1e-4;
    how.past = 5;
    how.delta = 1e-5;
    how.max_iterations = iterations;
    // What it returns is why it stopped; x is the best point that it saw in every case.
    lbfgs(
        static_cast<int>(x.size()), x.data(), nullptr,
        [](void* r, const double* at, double* gradient, int, double) {
          const Run& now = *static_cast<Run*>(r);
          return now.head->evaluate(*now.rows, now.decay, at, gradient);
        },
        [](void* r, const double*, const double*, double, double, double, double, int, int k, int) {
          static_cast<Run*>(r)->iterations = k;
          return 0;
        },
        &run, &how);
    set(x.data());
    return run.iterations;
  }

 private:
  Var weight_, bias_;
};

/// Leaves the chosen decay in the report and its solution in x.
void choose_decay(Head& head, std::vector<double>& x, const Rows& train, const Rows& choice,
                  double from, FitReport& report) {
  std::vector<double> best;
  double least = INFINITY;
  int risen = 0;
  for (double decay = from; decay >= kLeastDecay && risen < 2; decay *= std::sqrt(0.1)) {
    report.iterations += head.minimize(x, train, decay, kThorough);
    ++report.tried;
    const double loss = head.loss(choice);
    risen = loss < least ? 0 : risen + 1;
    if (risen > 0) continue;
    least = loss;
    best = x;
    report.decay = decay;
  }
  require(!best.empty(), ErrorKind::kDiverged, "linear head: its loss is not finite");
  x = best;
}

}  // namespace

FitReport fit_head(Model& model, const KeptFeatures& train, const KeptFeatures& choice, double from,
                   bool thorough, const FitSettings& settings) {
  const ModelConfig& config = model.config();
  const int64_t classes = config.num_classes, width = config.vit.embed_dim;
  const Scaling scaling(train);
  const auto rows = [&](const KeptFeatures& x, double smoothing, const auto& take) {
    return Rows(x, scaling, classes, smoothing, config.device, take);
  };
  const auto all = [](int64_t) { return true; };

  NamedTensors values;
  for (const Parameter* parameter : model.trainable())
    values[parameter->name] = to_device(parameter->var.value, Device::cpu);
  const Tensor weight = values.at("head.weight"), bias = values.at("head.bias");
  // The same function of z that the head is of x.
  std::vector<double> x;
  for (const float w : weight.to_vector()) x.push_back(static_cast<double>(w) * scaling.s);
  for (int64_t k = 0; k < classes; ++k) {
    double b = bias.data<float>()[k];
    for (int64_t d = 0; d < width; ++d)
      b += static_cast<double>(weight.data<float>()[k * width + d]) *
           scaling.mean[static_cast<size_t>(d)];
    x.push_back(b);
  }

  Head head(classes, width, config.device);
  FitReport report{.decay = settings.decay > 0 ? settings.decay : from,
                   .looks = static_cast<int64_t>(train.labels.size())};
  const bool choose = thorough && settings.decay == 0;
  if (choose && !choice.labels.empty()) {
    choose_decay(head, x, rows(train, settings.smoothing, all), rows(choice, 0, all), from, report);
  } else {
    if (choose) {
      const auto held = [&](int64_t image) {
        return Random(settings.seed, 0, static_cast<uint64_t>(image), Purpose::split).below(0, 5) ==
               0;
      };
      const Rows rest =
          rows(train, settings.smoothing, [&](int64_t image) { return !held(image); });
      const Rows out = rows(train, 0, held);
      if (rest.targets && out.targets) choose_decay(head, x, rest, out, from, report);
    }
    report.iterations += head.minimize(x, rows(train, settings.smoothing, all), report.decay,
                                       thorough ? kThorough : kFew);
  }

  const Tensor new_weight({classes, width}), new_bias({classes});
  for (int64_t k = 0; k < classes; ++k) {
    double b = x[static_cast<size_t>(classes * width + k)];
    for (int64_t d = 0; d < width; ++d) {
      const double w = x[static_cast<size_t>(k * width + d)] / scaling.s;
      new_weight.data<float>()[k * width + d] = static_cast<float>(w);
      b -= w * scaling.mean[static_cast<size_t>(d)];
    }
    new_bias.data<float>()[k] = static_cast<float>(b);
  }
  model.load({{"head.weight", new_weight}, {"head.bias", new_bias}});
  return report;
}

}  // namespace lspt
