#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/weights/containers/encode.h"
#include "models/weights/containers/safetensors.h"

namespace lspt {

void write_safetensors(const std::string& path,
                       const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata,
                       std::optional<Element> element) {
  const auto written_as = [&](const Tensor& tensor) {
    return element ? *element : tensor.dtype() == DType::f32 ? Element::f32 : Element::bf16;
  };
  std::vector<const std::pair<std::string, Tensor>*> order;
  for (const auto& named : tensors) {
    require(named.second && named.second.device() == Device::cpu, "write ", path, ": ", named.first,
            " is no host tensor");
    order.push_back(&named);
  }
  // Larger elements first keeps every tensor aligned to its element size.
  std::sort(order.begin(), order.end(), [&](const auto* a, const auto* b) {
    const size_t left = size_of(written_as(a->second)), right = size_of(written_as(b->second));
    return left != right ? left > right : a->first < b->first;
  });

  // nlohmann's object keeps its keys sorted, so the header depends on the contents alone.
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t end = 0;
  for (const auto* named : order) {
    const Tensor& tensor = named->second;
    require(!header.contains(named->first), "write ", path, ": tensor ", named->first, " twice");
    std::vector<int64_t> shape;
    for (int i = 0; i < tensor.rank(); ++i) shape.push_back(tensor.dim(i));
    const Element as = written_as(tensor);
    const size_t bytes = static_cast<size_t>(tensor.numel()) * size_of(as);
    header[named->first] = {{"dtype", as == Element::f32    ? "F32"
                                      : as == Element::bf16 ? "BF16"
                                                            : "F16"},
                            {"shape", shape},
                            {"data_offsets", {end, end + bytes}}};
    end += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  text.insert(0, reinterpret_cast<const char*>(&length), sizeof length);

  write_atomically(path, [&](FileSink& sink) {
    sink.write(text);
    for (const auto* named : order) {
      const auto& [name, tensor] = *named;
      if (!element) {
        sink.write(tensor.raw(), tensor.nbytes());
        continue;
      }
      const std::vector<uint8_t> bytes = encode(tensor, *element, name);
      sink.write(bytes.data(), bytes.size());
    }
  });
}

}  // namespace lspt
