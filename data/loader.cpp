#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>

#include "data/device_images.h"
#include "engine/cuda.h"
#include "engine/kernel.h"

namespace lspt {

// Positions 0 .. n-1 of the epoch's order are claimed one by one, under the lock, by workers; the
// batches they belong to stand in a short queue, of which next() takes the front when it is full.
// A sample has one position an epoch, and start() waits for claimed ones, so that at most one
// thread works on a sample: its cache entry needs no lock of its own.
struct Loader::State {
  struct Slot {
    Batch batch;
    std::vector<Crop> crops;    // of each entry, and its image where the cache has it not;
    std::vector<Image> images;  // for the GPU only
    int64_t done = 0;
    int64_t bad = -1;  // smallest entry that failed, and how
    std::exception_ptr error;
    int64_t size() const { return static_cast<int64_t>(batch.indices.size()); }
  };

  const std::vector<Sample> samples;
  const LoaderOptions options;
  const Normalizer normalizer{options.normalization};
  const size_t prefetch = options.workers == 0 ? 1 : 3;  // batches in the queue
  std::vector<Image> cache{samples.size()};
  std::unique_ptr<DeviceImages> gpu;  // keeps pixels too; used by the caller of next() alone
  std::atomic<size_t> cached_bytes = 0;
  std::atomic<int64_t> decoded = 0;

  std::mutex mutex;  // guards everything below
  std::condition_variable_any work, ready;
  uint32_t epoch = 0;
  std::vector<int64_t> order;
  int64_t claimed = 0;     // position
  int64_t taken = 0;       // batches handed out
  int64_t running = 0;     // claimed positions being worked on
  std::deque<Slot> queue;  // batches taken, taken + 1, ...
  double waited = 0;
  std::vector<std::jthread> workers;  // last: joined before anything above dies

  State(std::vector<Sample> list, const LoaderOptions& o) : samples(std::move(list)), options(o) {
    if constexpr (kHasCuda)
      if (options.device == Device::cuda)
        gpu = cuda::device_images(count(),
                                  std::min(options.device_bytes, cuda::memory_info().free / 4),
                                  options.normalization);
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
      if (gpu) {
        slot.crops.resize(static_cast<size_t>(size));
        slot.images.resize(static_cast<size_t>(size));
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
    Image& kept = cache[static_cast<size_t>(index)];
    Image fresh;
    if (kept.pixels.empty() && !(gpu && gpu->resident(index))) {
      const std::string& path = samples[static_cast<size_t>(index)].path;
      fresh = resize_short_side(load_image(path), resize_side(options.img_size),
                                options.interpolation, path);
      ++decoded;
      if (cached_bytes.fetch_add(fresh.pixels.size()) + fresh.pixels.size() <= options.cache_bytes)
        kept = std::move(fresh);
      else
        cached_bytes.fetch_sub(fresh.pixels.size());
    }
    const Image& image = fresh.pixels.empty() ? kept : fresh;
    const Random random(options.seed, epoch, static_cast<uint64_t>(index), Purpose::augment);
    const Crop crop = options.train && options.augment
                          ? random_crop(image, options.img_size, random)
                          : center_crop(image, options.img_size);
    if (gpu) {
      slot.crops[static_cast<size_t>(entry)] = crop;
      slot.images[static_cast<size_t>(entry)] = std::move(fresh);
      return;
    }
    const int64_t stride = int64_t{3} * options.img_size * options.img_size;
    normalizer.write(image, crop, options.img_size,
                     slot.batch.images.data<float>() + entry * stride);
  }

  // One position, from claim to done. The lock is held on entry and on return.
  void step(std::unique_lock<std::mutex>& lock) {
    Slot& slot = queue[static_cast<size_t>(claimed / options.batch_size - taken)];
    const int64_t entry = claimed % options.batch_size;
    ++claimed;
    ++running;
    lock.unlock();
    std::exception_ptr error;
    try {
      fill(slot, entry);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && (slot.bad < 0 || entry < slot.bad)) {
      slot.bad = entry;
      slot.error = error;
    }
    ++slot.done;
    --running;
  }

  // The images of a full batch, on the GPU. Pixels that it keeps the host lets go.
  void bring_to_gpu(Slot& slot) {
    std::vector<DeviceImages::Item> items;
    for (size_t i = 0; i < slot.crops.size(); ++i) {
      const int64_t index = slot.batch.indices[i];
      Image& fresh = slot.images[i];
      items.push_back({index, fresh.pixels.empty() ? &cache[static_cast<size_t>(index)] : &fresh,
                       slot.crops[i]});
    }
    slot.batch.images = gpu->batch(items, options.img_size);
    for (const DeviceImages::Item& item : items) {
      if (!gpu->resident(item.index)) continue;
      Image& kept = cache[static_cast<size_t>(item.index)];
      kept.width = item.image->width;
      kept.height = item.image->height;
      cached_bytes -= kept.pixels.size();
      kept.pixels = {};
    }
  }

  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (work.wait(lock, stop, [&] { return claimable(); }) && !stop.stop_requested()) {
      step(lock);
      ready.notify_all();
    }
  }

  // Ends the epoch: nothing more is claimed, and nobody is at work when this returns.
  void finish(std::unique_lock<std::mutex>& lock) {
    order.clear();
    ready.wait(lock, [&] { return running == 0; });
    queue.clear();
  }
};

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
  require(samples.size() < (size_t{1} << 32), ErrorKind::kData, "loader: ", samples.size(),
          " samples, less than 2^32 expected");
  state_ = std::make_unique<State>(std::move(samples), options);
}

Loader::~Loader() = default;

int64_t Loader::batches() const { return state_->batches(); }
int64_t Loader::samples() const { return state_->count(); }
int64_t Loader::decoded() const { return state_->decoded; }

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
  if (s.order.empty() || s.taken == s.batches()) return false;
  s.open_batches();
  const auto begin = std::chrono::steady_clock::now();
  const auto full = [&] { return s.queue[0].done == s.queue[0].size(); };
  if (s.options.workers == 0)
    while (!full()) s.step(lock);
  else
    s.ready.wait(lock, full);
  s.waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (const std::exception_ptr error = s.queue[0].error) {
    s.finish(lock);
    std::rethrow_exception(error);
  }
  State::Slot slot = std::move(s.queue[0]);
  s.queue.pop_front();
  ++s.taken;
  lock.unlock();
  if (s.gpu) s.bring_to_gpu(slot);
  batch = std::move(slot.batch);
  return true;
}

}  // namespace lspt
