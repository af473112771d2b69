/// Python pickles as inert data. There is no code here that a pickle could run: a callable is a
/// name, and calling it makes a value that says so.
/// Source: Python's pickletools (opcode list), PyTorch's weights-only rules.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lspt {

/// A tree in one array: values refer to each other by index, so neither reading nor freeing it
/// recurses, however deep or cyclic a hostile file makes it.
class Pickle {
 public:
  using Index = uint32_t;
  enum class Kind : uint8_t {
    none,
    boolean,     ///< integer
    integer,     ///< integer
    text,        ///< text: str or bytes
    tuple,       ///< items
    list,        ///< items; also sets
    dict,        ///< items: key, value, key, value, ...
    global,      ///< text: "module.name"
    call,        ///< items: callable, tuple of arguments
    persistent,  ///< items: the id, in PyTorch's files a tuple that names a storage
    opaque,      ///< a value that nothing here needs, such as a float or a huge integer
  };
  struct Value {
    Kind kind = Kind::none;
    uint16_t depth = 0;
    int64_t integer = 0;
    std::string text;
    std::vector<Index> items;
  };

  /// Reads protocols 0-5 as far as PyTorch, argparse and numpy use them.
  /// `collections.OrderedDict()` is a dict; the state that BUILD sets on an object is dropped.
  /// Throws Error(kWeights): "asks to run os.system; refused" for a callable that could harm if it
  /// were run, even where nothing calls it; for an unknown opcode, a stack or memo that does not
  /// fit, no end, nesting deeper than 1,000, or more than 1,000,000 values. `what` begins the
  /// messages. Bytes may follow the pickle; `used` becomes its size.
  static Pickle parse(std::string_view bytes, const std::string& what, size_t* used = nullptr);

  const Value& root() const { return values_[root_]; }
  const Value& operator[](Index index) const { return values_[index]; }
  /// Every value, in the order in which the pickle makes them.
  const std::vector<Value>& values() const { return values_; }
  /// Value of a text key in a dict, nullptr if there is none.
  const Value* get(const Value& dict, std::string_view key) const;
  /// Whether value is a call of the global `callable`.
  bool calls(const Value& value, std::string_view callable) const;
  /// Globals outside PyTorch and collections that the pickle names, each once.
  std::vector<std::string> foreign() const;

 private:
  friend class PickleReader;
  std::vector<Value> values_;
  Index root_ = 0;
};

}  // namespace lspt
