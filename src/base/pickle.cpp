// The pickle machine: a stack, a memo and about forty opcodes, each bounded.
#include "base/pickle.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "base/byte_reader.h"
#include "base/file.h"
#include "base/limits.h"

namespace tendon {
namespace {

enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersistentId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

constexpr int kOldestProtocol = 2;
constexpr int kNewestProtocol = 5;

class Machine {
 public:
  Machine(std::span<const std::byte> bytes, std::string_view name, const PickleRules& rules)
      : reader_(bytes, name), context_(name), rules_(rules) {
    for (const PickleRule& rule : rules.globals) globals_.emplace(rule.global, &rule);
  }

  PickleDocument run() {
    read_protocol();
    for (int64_t count = 0;; ++count) {
      if (count >= limits().max_pickle_opcodes) {
        context_.refuse("more than the limit of {} opcodes", limits().max_pickle_opcodes);
      }
      context_.offset = reader_.offset();
      const auto opcode = reader_.read<uint8_t>();
      if (opcode == kStop) break;
      execute(opcode);
    }
    if (stack_.size() != 1 || !marks_.empty()) {
      context_.refuse("{} values are left at the end, expected 1", stack_.size());
    }
    document_.root = stack_.back();
    return std::move(document_);
  }

 private:
  void read_protocol() {
    if (reader_.remaining() < 2 || reader_.read<uint8_t>() != kProto) {
      context_.refuse(
          "no protocol mark at the start; expected a binary pickle (protocol 2 to 5), as Python 3 "
          "writes it");
    }
    const int protocol = reader_.read<uint8_t>();
    if (protocol < kOldestProtocol || protocol > kNewestProtocol) {
      context_.refuse("pickle protocol {}, expected {} to {}", protocol, kOldestProtocol,
                      kNewestProtocol);
    }
  }

  void execute(uint8_t opcode) {
    switch (opcode) {
      case kMark: marks_.push_back(stack_.size()); return;
      case kPop: pop(); return;
      case kPopMark: pop_to_mark(); return;
      case kDup: stack_.push_back(&top()); return;
      case kFrame: reader_.read<uint64_t>(); return;

      case kNone: push(PickleNone{}); return;
      case kNewTrue: push(true); return;
      case kNewFalse: push(false); return;
      case kBinInt: push(int64_t{reader_.read<int32_t>()}); return;
      case kBinInt1: push(int64_t{reader_.read<uint8_t>()}); return;
      case kBinInt2: push(int64_t{reader_.read<uint16_t>()}); return;
      case kLong1: push(read_long()); return;
      case kBinFloat:
        push(std::bit_cast<double>(__builtin_bswap64(reader_.read<uint64_t>())));
        return;
      case kShortBinUnicode: push(read_string(reader_.read<uint8_t>())); return;
      case kBinUnicode: push(read_string(reader_.read<uint32_t>())); return;
      case kBinUnicode8: push(read_string(reader_.read<uint64_t>())); return;
      case kShortBinBytes: push(read_bytes(reader_.read<uint8_t>())); return;
      case kBinBytes: push(read_bytes(reader_.read<uint32_t>())); return;
      case kBinBytes8:
      case kByteArray8: push(read_bytes(reader_.read<uint64_t>())); return;

      case kEmptyList: push(PickleList{}); return;
      case kEmptyTuple: push(PickleTuple{}); return;
      case kEmptyDict: push(PickleDict{}); return;
      case kList: push(PickleList{pop_to_mark()}); return;
      case kTuple: push(PickleTuple{pop_to_mark()}); return;
      case kTuple1: push(PickleTuple{pop_many(1)}); return;
      case kTuple2: push(PickleTuple{pop_many(2)}); return;
      case kTuple3: push(PickleTuple{pop_many(3)}); return;
      case kDict: {
        const auto items = pop_to_mark();
        push(PickleDict{});
        set_items(items);
        return;
      }
      case kAppend: append(pop_many(1)); return;
      case kAppends: append(pop_to_mark()); return;
      case kSetItem: set_items(pop_many(2)); return;
      case kSetItems: set_items(pop_to_mark()); return;

      case kBinPut: memo_[reader_.read<uint8_t>()] = &top(); return;
      case kLongBinPut: memo_[reader_.read<uint32_t>()] = &top(); return;
      case kMemoize: memo_[static_cast<uint32_t>(memo_.size())] = &top(); return;
      case kBinGet: recall(reader_.read<uint8_t>()); return;
      case kLongBinGet: recall(reader_.read<uint32_t>()); return;

      case kGlobal: {
        const std::string module(read_line());
        push_global(module, read_line());
        return;
      }
      case kStackGlobal: {
        const auto names = pop_many(2);
        push_global(context_.string(*names[0], "a module name"),
                    context_.string(*names[1], "the name of a global"));
        return;
      }
      case kReduce:
      case kNewObj: call(); return;
      case kBuild: build(); return;
      case kBinPersistentId: {
        const PickleValue& id = *pop();
        if (!rules_.load_persistent)
          context_.refuse("a persistent id, which only torch files hold");
        push(rules_.load_persistent(context_, id));
        return;
      }
      default: context_.refuse("opcode 0x{:02x} is not on the list of allowed ones", opcode);
    }
  }

  PickleValue& push(PickleContent content) {
    PickleValue& value = document_.values.emplace_back();
    value.content = std::move(content);
    stack_.push_back(&value);
    return value;
  }
  PickleValue& top() {
    if (stack_.size() <= floor()) context_.refuse("the stack is empty");
    return *stack_.back();
  }
  PickleRef pop() {
    const PickleRef value = &top();
    stack_.pop_back();
    return value;
  }
  std::vector<PickleRef> pop_many(size_t count) {
    if (stack_.size() < floor() + count) context_.refuse("the stack is empty");
    std::vector<PickleRef> items(stack_.end() - static_cast<ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<PickleRef> pop_to_mark() {
    if (marks_.empty()) context_.refuse("no mark on the stack");
    auto items = pop_many(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  int64_t read_long() {
    const auto bytes = reader_.take(reader_.read<uint8_t>());
    if (bytes.size() > sizeof(int64_t)) {
      context_.refuse("an integer of {} bytes, more than 8", bytes.size());
    }
    const bool negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
    int64_t value = negative ? -1 : 0;
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  PickleBytes read_bytes(uint64_t length) { return {reader_.take(length), nullptr}; }
  std::string read_string(uint64_t length) {
    if (length > limits().max_string_bytes) {
      context_.refuse("a string of {} bytes, more than the limit of {}", length,
                      limits().max_string_bytes);
    }
    return std::string(reader_.take_text(length));
  }
  std::string_view read_line() {
    constexpr size_t kLongestName = 256;
    const size_t start = reader_.offset();
    ByteReader ahead = reader_;
    const auto text = ahead.take_text(std::min(ahead.remaining(), kLongestName));
    const size_t length = text.find('\n');
    if (length == std::string_view::npos) {
      context_.refuse("the name of a global at offset {} has no end", start);
    }
    reader_.take(length + 1);
    return text.substr(0, length);
  }

  void append(const std::vector<PickleRef>& items) {
    auto* list = std::get_if<PickleList>(&top().content);
    if (list == nullptr) context_.refuse("append to {}, expected a list", top().kind());
    list->items.insert(list->items.end(), items.begin(), items.end());
  }
  void set_items(const std::vector<PickleRef>& items) {
    auto* dict = std::get_if<PickleDict>(&top().content);
    if (dict == nullptr) context_.refuse("an item set in {}, expected a dictionary", top().kind());
    if (items.size() % 2 != 0) context_.refuse("a dictionary key without a value");
    for (size_t i = 0; i < items.size(); i += 2) dict->items.emplace_back(items[i], items[i + 1]);
  }
  void recall(uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) context_.refuse("memo entry {} was never stored", key);
    stack_.push_back(found->second);
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string global = fmt::format("{}.{}", module, name);
    const auto found = globals_.find(global);
    if (found == globals_.end()) {
      context_.refuse(
          "the global '{}' is not on the list of allowed ones; it was not run. Expected {}: do not "
          "open this file with Python unless you trust its source",
          global, rules_.expected);
    }
    push(PickleGlobal{found->second});
  }
  void call() {
    const auto operands = pop_many(2);
    const auto* global = operands[0]->get<PickleGlobal>();
    if (global == nullptr) context_.refuse("a call of {}", operands[0]->kind());
    if (!global->rule->call) context_.refuse("a call of '{}'", global->rule->global);
    const auto& arguments = context_.tuple(*operands[1], "the arguments of a call");
    push(global->rule->call(context_, arguments)).made_by = global->rule;
  }
  void build() {
    const PickleValue& state = *pop();
    PickleValue& object = top();
    if (object.made_by == nullptr || !object.made_by->build) {
      context_.refuse("the state of {} is set, which is not allowed", object.kind());
    }
    object.made_by->build(context_, object, state);
  }

  ByteReader reader_;
  PickleContext context_;
  const PickleRules& rules_;
  PickleDocument document_;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;
  std::unordered_map<uint32_t, PickleRef> memo_;
  std::unordered_map<std::string, const PickleRule*> globals_;
};

}  // namespace

PickleDocument parse_pickle(std::span<const std::byte> bytes, std::string_view name,
                            const PickleRules& rules) {
  if (bytes.size() > limits().max_pickle_bytes) {
    fail_input("{}: a pickle of {} bytes, more than the limit of {}", name, bytes.size(),
               limits().max_pickle_bytes);
  }
  return Machine(bytes, name, rules).run();
}

PickleDocument load_pickle(const std::string& path, const PickleRules& rules) {
  auto file = MappedFile::open(path);
  PickleDocument document = parse_pickle(file->bytes(), path, rules);
  document.owner = std::move(file);
  return document;
}

}  // namespace tendon
