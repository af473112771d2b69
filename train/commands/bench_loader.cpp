// lspt bench --method loader: images a second, against libjpeg's own decoding in the same run.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

// clang-format off: jpeglib.h needs <cstdio> before it
#include <jpeglib.h>
// clang-format on

#include "train/commands/commands.h"
#include "train/inputs/inputs.h"
#include "train/machine.h"
#include "train/settings/defaults.h"
#include "train/settings/typed.h"

namespace lspt {
namespace {

using Bytes = std::vector<uint8_t>;

/// Seconds on the clock, and of all processors together, which another load does not lengthen.
struct Time {
  double wall, processor;
};
template <typename Body>
Time time_of(const Body& body) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t used = std::clock();
  body();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          static_cast<double>(std::clock() - used) / CLOCKS_PER_SEC};
}

/// Bytes in memory -> rows of RGB that nobody keeps. The images were decoded before: no errors.
void decode_by_libjpeg(const Bytes& bytes) {
  jpeg_decompress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  jpeg_start_decompress(&info);
  Bytes line(static_cast<size_t>(info.output_width) * static_cast<size_t>(info.output_components));
  JSAMPROW row = line.data();
  while (info.output_scanline < info.output_height) jpeg_read_scanlines(&info, &row, 1);
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
}

void decode_all(const std::vector<Bytes>& files, int64_t workers) {
  std::atomic<size_t> next = 0;
  std::vector<std::jthread> threads;
  for (int64_t t = 0; t < std::max<int64_t>(workers, 1); ++t)
    threads.emplace_back([&] {
      for (size_t i; (i = next++) < files.size();) decode_by_libjpeg(files[i]);
    });
}

void read_epoch(Loader& loader, int64_t epoch) {
  Batch batch;
  loader.start(epoch);
  while (loader.next(batch)) {
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int bench_loader(const Options& given) {
  for (const std::string& flag : given.given)
    require(flag == "method" || flag == "data" || flag == "dataset" || flag == "workers" ||
                flag == "img-size" || flag == "iterations" || flag == "seed" || flag == "json",
            ErrorKind::kUsage, "--", flag, ": has no effect with --method loader");
  Options o = given;
  o.batch_size = o.validation_batch_size = 64;
  if (o.img_size == 0) o.img_size = 224;
  o.device = "cpu";
  set_up_machine(machine_settings(o));
  const Dataset dataset = open_data(dataset_options(o));
  resolve_transform(o, dataset.layout);
  std::vector<Sample> samples;
  std::vector<Bytes> files;
  for (const Sample& sample : dataset.train) {
    if (files.size() == 2000) break;
    std::ifstream file(sample.path, std::ios::binary);
    Bytes bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() < 2 || bytes[0] != 0xff || bytes[1] != 0xd8) continue;
    samples.push_back(sample);
    files.push_back(std::move(bytes));
  }
  require(!files.empty(), ErrorKind::kData, "bench: ", o.data, " has no JPEG to train on");

  LoaderOptions options = loader_options(data_settings(o), true, false);
  Loader uncached(samples, options);
  options.cache_bytes = size_t{1} << 32;
  Loader cached(samples, options);
  read_epoch(uncached, 0);
  read_epoch(cached, 0);
  // In turns, so that another load of the machine meets all three.
  std::vector<double> jpeg, without, with, fraction, processor_fraction;
  for (int64_t round = 0; round < o.iterations; ++round) {
    const Time pure = time_of([&] { decode_all(files, o.workers); });
    const Time whole = time_of([&] { read_epoch(uncached, round); });
    jpeg.push_back(pure.wall);
    without.push_back(whole.wall);
    with.push_back(time_of([&] { read_epoch(cached, round); }).wall);
    fraction.push_back(pure.wall / whole.wall);
    processor_fraction.push_back(pure.processor / whole.processor);
  }
  const double n = static_cast<double>(files.size());
  if (o.json) {
    const nlohmann::ordered_json out = {{"method", "loader"},
                                        {"data", o.data},
                                        {"images", files.size()},
                                        {"transform", o.transform},
                                        {"img_size", o.img_size},
                                        {"workers", o.workers},
                                        {"libjpeg_per_second", n / median(jpeg)},
                                        {"uncached_per_second", n / median(without)},
                                        {"fraction_of_libjpeg", median(fraction)},
                                        {"fraction_by_processor_time", median(processor_fraction)},
                                        {"cached_per_second", n / median(with)},
                                        {"decoded_again", cached.decoded() - cached.samples()}};
    std::printf("%s\n", out.dump().c_str());
  } else {
    std::printf(
        "loader       %zu images, %s at %lld px, %lld workers: libjpeg decodes %.1f images/s, "
        "the loader gives %.1f (%.1f%%; %.1f%% by processor time), from its cache %.1f\n",
        files.size(), o.transform.c_str(), static_cast<long long>(o.img_size),
        static_cast<long long>(o.workers), n / median(jpeg), n / median(without),
        100 * median(fraction), 100 * median(processor_fraction), n / median(with));
  }
  return 0;
}

}  // namespace lspt
