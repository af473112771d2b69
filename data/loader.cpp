#include "data/loader.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "data/pipeline.h"

namespace lspt {

// Positions 0 .. n-1 of the epoch's order are claimed one by one, under the lock, by workers; the
// batches they belong to stand in a short queue, of which next() takes the front when it is full.
// A sample has one position an epoch, and start() waits for claimed ones, so that at most one
// thread works on a sample: its cache entry needs no lock of its own.
struct Loader::State {
  struct Slot {
    Batch batch;
    std::vector<ImagePipeline::Part> parts;  // of its entries, for the GPU only
    int64_t done = 0;
    std::map<int64_t, std::exception_ptr> errors = {};  // of entries
    int64_t size() const { return static_cast<int64_t>(batch.indices.size()); }
  };

  const std::vector<Sample> samples;
  const LoaderOptions options;
  ImagePipeline pipeline{samples, options};
  const size_t prefetch = options.workers == 0 ? 1 : 3;  // batches in the queue

  std::mutex mutex;  // guards everything below
  std::condition_variable_any work, ready;
  uint32_t epoch = 0;
  std::vector<int64_t> order;
  int64_t claimed = 0;     // position
  int64_t taken = 0;       // batches handed out
  int64_t running = 0;     // claimed positions being worked on
  std::deque<Slot> queue;  // batches taken, taken + 1, ...
  double waited = 0;
  std::map<int64_t, std::string> bad;  // samples left out, and why
  std::vector<std::jthread> workers;   // last: joined before anything above dies

  State(std::vector<Sample> list, const LoaderOptions& o) : samples(std::move(list)), options(o) {
    for (int i = 0; i < options.workers; ++i)
      workers.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }

  int64_t count() const { return static_cast<int64_t>(samples.size()); }
  int64_t batches() const { return (count() + options.batch_size - 1) / options.batch_size; }

  int64_t opened() const { return taken + static_cast<int64_t>(queue.size()); }
  bool claimable() const {
    return claimed < std::min(count(), opened() * options.batch_size) && !order.empty();
  }

  // Puts empty batches into the queue. Only the caller of the loader allocates: an error there is
  // thrown to it.
  void open_batches() {
    while (queue.size() < prefetch && opened() < batches()) {
      const int64_t begin = opened() * options.batch_size;
      const int64_t size = std::min(options.batch_size, count() - begin);
      Slot slot;
      slot.batch.number = opened();
      if (pipeline.on_gpu()) {
        slot.parts.resize(static_cast<size_t>(size));
      } else {
        slot.batch.images = Tensor({size, 3, options.img_size, options.img_size});
      }
      slot.batch.indices.assign(order.begin() + begin, order.begin() + begin + size);
      for (const int64_t i : slot.batch.indices)
        slot.batch.labels.push_back(samples[static_cast<size_t>(i)].label);
      queue.push_back(std::move(slot));
    }
    work.notify_all();
  }

  // Fills one entry of a batch. Called without the lock.
  void fill(Slot& slot, int64_t entry) {
    const int64_t index = slot.batch.indices[static_cast<size_t>(entry)];
    const int64_t stride = int64_t{3} * options.img_size * options.img_size;
    if (pipeline.on_gpu())
      slot.parts[static_cast<size_t>(entry)] = pipeline.make(index, epoch, nullptr);
    else
      pipeline.make(index, epoch, slot.batch.images.data<float>() + entry * stride);
  }

  // One position, from claim to done. The lock is held on entry and on return.
  void step(std::unique_lock<std::mutex>& lock) {
    Slot& slot = queue[static_cast<size_t>(claimed / options.batch_size - taken)];
    const int64_t entry = claimed % options.batch_size;
    const bool known_bad = bad.contains(slot.batch.indices[static_cast<size_t>(entry)]);
    ++claimed;
    ++running;
    lock.unlock();
    std::exception_ptr error;
    try {
      if (!known_bad) fill(slot, entry);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error) slot.errors[entry] = error;
    ++slot.done;
    --running;
  }

  // Of a full batch: throws its first error, or takes note of the bad images and leaves them out.
  void drop_bad(Slot& slot) {
    for (const auto& [entry, error] : slot.errors) try {
        std::rethrow_exception(error);
      } catch (const Error& failure) {
        if (!options.skip_bad || failure.kind() != ErrorKind::kData) throw;
        bad[slot.batch.indices[static_cast<size_t>(entry)]] = failure.what();
      }
    if (bad.empty()) return;
    Batch& batch = slot.batch;
    std::vector<size_t> good;
    for (size_t i = 0; i < batch.indices.size(); ++i)
      if (!bad.contains(batch.indices[i])) good.push_back(i);
    if (good.size() == batch.indices.size()) return;
    const auto keep_good = [&](auto& list) {
      if (list.empty()) return;
      for (size_t i = 0; i < good.size(); ++i)
        if (good[i] != i) list[i] = std::move(list[good[i]]);
      list.resize(good.size());
    };
    if (!pipeline.on_gpu() && !good.empty()) {
      const int64_t one = batch.images.numel() / slot.size();
      const Tensor left({static_cast<int64_t>(good.size()), 3, options.img_size, options.img_size});
      for (size_t i = 0; i < good.size(); ++i)
        std::copy_n(batch.images.data<float>() + static_cast<int64_t>(good[i]) * one, one,
                    left.data<float>() + static_cast<int64_t>(i) * one);
      batch.images = left;
    }
    keep_good(batch.labels);
    keep_good(batch.indices);
    keep_good(slot.parts);
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (work.wait(lock, stop, [&] { return claimable(); }) && !stop.stop_requested()) {
      step(lock);
      // Waking the caller for every image would cost a twentieth of the time.
      if (order.empty() ? running == 0 : queue[0].done == queue[0].size()) ready.notify_all();
    }
  }

  // Ends the epoch: nothing more is claimed, and nobody is at work when this returns.
  void finish(std::unique_lock<std::mutex>& lock) {
    order.clear();
    ready.wait(lock, [&] { return running == 0; });
    queue.clear();
  }
};

ResizeRule resize_rule(const LoaderOptions& o) {
  if (o.interpolation == Interpolation::tf_bilinear)
    return {ResizeRule::Shape::as_decoded, o.img_size, o.interpolation};
  if (o.transform == Transform::mae)
    return {ResizeRule::Shape::at_most, 2 * o.img_size, o.interpolation};
  return o.transform == Transform::vtab
             ? ResizeRule{ResizeRule::Shape::exact, o.img_size, o.interpolation}
             : ResizeRule{ResizeRule::Shape::short_side, resize_side(o.img_size), o.interpolation};
}

std::vector<int64_t> epoch_order(int64_t count, const LoaderOptions& options, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), int64_t{0});
  const Random random(options.seed, static_cast<uint32_t>(epoch), 0, Purpose::shuffle);
  for (int64_t i = count - 1; options.train && i > 0; --i)
    std::swap(order[static_cast<size_t>(i)],
              order[random.below(static_cast<uint64_t>(i), static_cast<uint32_t>(i + 1))]);
  return order;
}

Loader::Loader(std::vector<Sample> samples, const LoaderOptions& options) {
  require(options.batch_size >= 1 && options.batch_size <= 1 << 20, ErrorKind::kUsage,
          "loader: batch size ", options.batch_size, ", 1 to 1048576 expected");
  require(options.img_size >= 1 && options.img_size <= 4096, ErrorKind::kUsage,
          "loader: image size ", options.img_size, ", 1 to 4096 expected");
  require(options.workers >= 0 && options.workers <= 256, ErrorKind::kUsage,
          "loader: ", options.workers, " workers, 0 to 256 expected");
  require(
      options.interpolation != Interpolation::tf_bilinear || options.transform == Transform::vtab,
      ErrorKind::kUsage, "loader: tf-bilinear belongs to the transform vtab");
  require(samples.size() < (size_t{1} << 32), ErrorKind::kData, "loader: ", samples.size(),
          " samples, less than 2^32 expected");
  state_ = std::make_unique<State>(std::move(samples), options);
}

Loader::~Loader() = default;

const std::vector<Sample>& Loader::list() const { return state_->samples; }
const LoaderOptions& Loader::options() const { return state_->options; }
int64_t Loader::batches() const { return state_->batches(); }
int64_t Loader::samples() const { return state_->count(); }
int64_t Loader::decoded() const { return state_->pipeline.decoded(); }
std::string Loader::pixels_digest() const { return state_->pipeline.pixels_digest(); }
std::string Loader::cache_trouble() const { return state_->pipeline.cache_trouble(); }

std::vector<BadImage> Loader::bad_images() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<BadImage> out;
  for (const auto& [index, error] : state_->bad) out.push_back({index, error});
  return out;
}

double Loader::wait_seconds() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited;
}

void Loader::start(int64_t epoch, int64_t first_batch) {
  State& s = *state_;
  require(epoch >= 0 && first_batch >= 0 && first_batch <= s.batches(), "loader: epoch ", epoch,
          ", batch ", first_batch, " of ", s.batches());
  std::unique_lock lock(s.mutex);
  s.finish(lock);
  s.epoch = static_cast<uint32_t>(epoch);
  s.order = epoch_order(s.count(), s.options, epoch);
  s.taken = first_batch;
  s.claimed = std::min(first_batch * s.options.batch_size, s.count());
  s.waited = 0;
  s.open_batches();
}

bool Loader::next(Batch& batch) {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  State::Slot slot;
  do {
    if (s.order.empty() || s.taken == s.batches()) return false;
    s.open_batches();
    const auto begin = std::chrono::steady_clock::now();
    const auto full = [&] { return s.queue[0].done == s.queue[0].size(); };
    if (s.options.workers == 0)
      while (!full()) s.step(lock);
    else
      s.ready.wait(lock, full);
    s.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    try {
      s.drop_bad(s.queue[0]);
    } catch (...) {
      s.finish(lock);
      throw;
    }
    slot = std::move(s.queue[0]);
    s.queue.pop_front();
    ++s.taken;
  } while (slot.batch.indices.empty());
  lock.unlock();
  batch = std::move(slot.batch);
  if (s.pipeline.on_gpu())
    batch.images = s.pipeline.batch_on_gpu(batch.indices, slot.parts);
  else
    batch.images = to_device(batch.images, s.options.device);
  return true;
}

}  // namespace lspt
