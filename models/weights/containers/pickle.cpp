#include "models/weights/containers/pickle.h"

#include <algorithm>
#include <unordered_map>

#include "models/weights/containers/bytes.h"

namespace lspt {
namespace {

constexpr size_t kMaxValues = 1'000'000;
constexpr uint16_t kMaxDepth = 1000;

/// Modules, and names of Python's builtins, that no weights file has a reason to name; each
/// between spaces.
constexpr std::string_view kModules =
    " os posix nt sys subprocess shutil socket ctypes importlib runpy pty code codeop webbrowser "
    "pickle _pickle marshal operator _operator pip timeit multiprocessing ";
constexpr std::string_view kBuiltins =
    " eval exec execfile compile open file input __import__ getattr setattr delattr breakpoint "
    "apply vars globals locals ";

bool dangerous(std::string_view module, std::string_view name) {
  const auto among = [](std::string_view words, std::string_view path) {
    const std::string word = " " + std::string(path.substr(0, path.find('.'))) + " ";
    return words.find(word) != std::string_view::npos;
  };
  return among(kModules, module) ||
         (among(" builtins __builtin__ ", module) && among(kBuiltins, name));
}

}  // namespace

class PickleReader {
 public:
  using Index = Pickle::Index;
  using Kind = Pickle::Kind;
  PickleReader(std::string_view bytes, const std::string& what)
      : reader_(bytes, what), what_(what) {}

  Pickle run(size_t* used) {
    while (step(reader_.get<uint8_t>())) {
    }
    if (used) *used = reader_.at();
    return std::move(pickle_);
  }

 private:
  template <typename... Parts>
  [[noreturn]] void bad(const Parts&... parts) const {
    fail(ErrorKind::kWeights, what_, ": ", parts..., " (byte ", at_, ")");
  }

  Index make(Kind kind, std::vector<Index> items = {}, std::string text = {}) {
    if (pickle_.values_.size() >= kMaxValues) bad("more than ", kMaxValues, " values");
    pickle_.values_.push_back({kind, 0, 0, std::move(text), {}});
    const Index index = static_cast<Index>(pickle_.values_.size() - 1);
    append(index, items);
    return index;
  }
  void append(Index to, const std::vector<Index>& items) {
    Pickle::Value& value = pickle_.values_[to];
    for (const Index item : items) {
      value.depth = std::max<uint16_t>(value.depth, pickle_.values_[item].depth + 1);
      if (value.depth > kMaxDepth) bad("nested deeper than ", kMaxDepth);
    }
    value.items.insert(value.items.end(), items.begin(), items.end());
  }

  void push(Index index) { stack_.push_back(index); }
  void push_integer(int64_t value, Kind kind = Kind::integer) {
    push(make(kind));
    pickle_.values_.back().integer = value;
  }
  void push_text(std::string_view text) { push(make(Kind::text, {}, std::string(text))); }
  Index pop() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) bad("stack underflow");
    const Index top = stack_.back();
    stack_.pop_back();
    return top;
  }
  Index top() {
    const Index index = pop();
    push(index);
    return index;
  }
  std::vector<Index> pop_mark() {
    if (marks_.empty()) bad("no MARK");
    std::vector<Index> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                             stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  std::vector<Index> pop_many(size_t count) {
    std::vector<Index> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  /// Items for the container on top. What a call stands for is unknown: its items are dropped.
  void extend(Kind kind, const std::vector<Index>& items) {
    const Index to = top();
    if (pickle_.values_[to].kind == Kind::call) return;
    if (pickle_.values_[to].kind != kind) bad("items for a value that takes none");
    if (kind == Kind::dict && items.size() % 2) bad("a key without a value");
    append(to, items);
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string full = std::string(module) + "." + std::string(name);
    if (dangerous(module, name))
      bad("this file asks to run ", full, "; refused. It is no weights file, or a hostile one");
    push(make(Kind::global, {}, full));
  }
  void push_global(std::string_view module) { push_global(module, reader_.line()); }
  void push_global(const std::vector<Index>& names) {
    const Pickle::Value &module = pickle_.values_[names[0]], &name = pickle_.values_[names[1]];
    if (module.kind != Kind::text || name.kind != Kind::text) bad("a global without a name");
    push_global(module.text, name.text);
  }
  void push_call(const std::vector<Index>& callable_and_arguments) {
    const Pickle::Value &callable = pickle_.values_[callable_and_arguments[0]],
                        &arguments = pickle_.values_[callable_and_arguments[1]];
    if (arguments.kind != Kind::tuple) bad("arguments that are no tuple");
    const bool ordered = callable.kind == Kind::global &&
                         callable.text == "collections.OrderedDict" && arguments.items.empty();
    push(ordered ? make(Kind::dict) : make(Kind::call, callable_and_arguments));
  }

  void put(uint64_t slot) {
    if (slot >= kMaxValues) bad("memo slot ", slot);
    memo_[slot] = top();
  }
  void get(uint64_t slot) {
    const auto found = memo_.find(slot);
    if (found == memo_.end()) bad("memo slot ", slot, " is empty");
    push(found->second);
  }

  void push_long(std::string_view digits) {
    if (digits.size() > 8) return push(make(Kind::opaque));
    uint64_t value = digits.empty() || !(digits.back() & 0x80) ? 0 : ~uint64_t{0};
    for (size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
    push_integer(static_cast<int64_t>(value));
  }

  bool step(uint8_t op);

  ByteReader reader_;
  std::string what_;
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint64_t, Index> memo_;
  size_t at_ = 0;
};

/// One opcode, one line; false after STOP. The codes are pickletools'.
// clang-format off
bool PickleReader::step(uint8_t op) {
  at_ = reader_.at() - 1;
  switch (op) {
    case 0x80: if (reader_.get<uint8_t>() > 5) bad("unknown pickle protocol"); break;  // PROTO
    case 0x95: reader_.take(8); break;  // FRAME
    case '.': pickle_.root_ = pop(); return false;  // STOP
    case '(': marks_.push_back(stack_.size()); break;
    case '0': pop(); break;
    case '1': pop_mark(); break;

    case 'N': push(make(Kind::none)); break;
    case 0x88: push_integer(1, Kind::boolean); break;
    case 0x89: push_integer(0, Kind::boolean); break;
    case 'J': push_integer(reader_.get<int32_t>()); break;
    case 'K': push_integer(reader_.get<uint8_t>()); break;
    case 'M': push_integer(reader_.get<uint16_t>()); break;
    case 0x8a: push_long(reader_.take(reader_.get<uint8_t>())); break;   // LONG1
    case 0x8b: push_long(reader_.take(reader_.get<uint32_t>())); break;  // LONG4
    case 'G': reader_.take(8); push(make(Kind::opaque)); break;          // BINFLOAT
    case 'X': case 'T': case 'B': push_text(reader_.take(reader_.get<uint32_t>())); break;
    case 0x8c: case 'U': case 'C': push_text(reader_.take(reader_.get<uint8_t>())); break;
    case 0x8d: case 0x8e: case 0x96: push_text(reader_.take(reader_.get<uint64_t>())); break;
    case 'S': case 'V': push_text(reader_.line()); break;  // quotes and escapes as they stand

    case ')': push(make(Kind::tuple)); break;
    case 't': push(make(Kind::tuple, pop_mark())); break;
    case 0x85: push(make(Kind::tuple, pop_many(1))); break;
    case 0x86: push(make(Kind::tuple, pop_many(2))); break;
    case 0x87: push(make(Kind::tuple, pop_many(3))); break;
    case ']': case 0x8f: push(make(Kind::list)); break;              // EMPTY_LIST, EMPTY_SET
    case 'l': case 0x91: push(make(Kind::list, pop_mark())); break;  // LIST, FROZENSET
    case 'a': extend(Kind::list, pop_many(1)); break;
    case 'e': case 0x90: extend(Kind::list, pop_mark()); break;      // APPENDS, ADDITEMS
    case '}': push(make(Kind::dict)); break;
    case 's': extend(Kind::dict, pop_many(2)); break;
    case 'u': extend(Kind::dict, pop_mark()); break;

    case 'q': put(reader_.get<uint8_t>()); break;
    case 'r': put(reader_.get<uint32_t>()); break;
    case 0x94: put(memo_.size()); break;  // MEMOIZE
    case 'h': get(reader_.get<uint8_t>()); break;
    case 'j': get(reader_.get<uint32_t>()); break;

    case 'c': push_global(reader_.line()); break;
    case 0x93: push_global(pop_many(2)); break;  // STACK_GLOBAL
    case 'Q': push(make(Kind::persistent, pop_many(1))); break;
    case 'R': case 0x81: push_call(pop_many(2)); break;  // REDUCE, NEWOBJ
    case 0x92: pop(); push_call(pop_many(2)); break;     // NEWOBJ_EX
    case 'i': push_global(reader_.line()); push_call({pop(), make(Kind::tuple, pop_mark())}); break;
    case 'b': pop(); top(); break;  // BUILD
    default: bad("opcode ", int{op}, ", which weights files do not use");
  }
  return true;
}
// clang-format on

Pickle Pickle::parse(std::string_view bytes, const std::string& what, size_t* used) {
  return PickleReader(bytes, what).run(used);
}

const Pickle::Value* Pickle::get(const Value& dict, std::string_view key) const {
  if (dict.kind != Kind::dict) return nullptr;
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const Value& name = values_[dict.items[i]];
    if (name.kind == Kind::text && name.text == key) return &values_[dict.items[i + 1]];
  }
  return nullptr;
}

bool Pickle::calls(const Value& value, std::string_view callable) const {
  return value.kind == Kind::call && values_[value.items[0]].kind == Kind::global &&
         values_[value.items[0]].text == callable;
}

std::vector<std::string> Pickle::foreign() const {
  std::vector<std::string> names;
  for (const Value& value : values_)
    if (value.kind == Kind::global && !value.text.starts_with("torch.") &&
        !value.text.starts_with("collections.") &&
        std::find(names.begin(), names.end(), value.text) == names.end() && names.size() < 20)
      names.push_back(value.text);
  return names;
}

}  // namespace lspt
