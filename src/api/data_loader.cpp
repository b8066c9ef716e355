// DataLoader: draws from the generator and in the way of numpy.random.RandomState.
#include <tendon/data_loader.h>

#include <cmath>
#include <random>

#include "api/names.h"
#include "base/data_type.h"
#include "base/log.h"

namespace tendon {
namespace {

using Generator = std::mt19937;

double random_double(Generator& generator) {
  const auto high = static_cast<double>(generator() >> 5);
  const auto low = static_cast<double>(generator() >> 6);
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

/// Integers of [0, span] by masking and rejection. Narrow types take several values of one draw.
template <class Word>
class IntegerSampler {
 public:
  IntegerSampler(Generator& generator, uint64_t span) : generator_(generator), span_(span) {
    while (mask_ < span_) mask_ = mask_ << 1 | 1;
  }
  uint64_t next() {
    if (span_ == 0) return 0;
    uint64_t value = draw() & mask_;
    while (value > span_) value = draw() & mask_;
    return value;
  }

 private:
  static constexpr int kBits = std::is_same_v<Word, bool> ? 1 : 8 * static_cast<int>(sizeof(Word));

  uint64_t draw() {
    if constexpr (kBits == 64) {
      if (span_ > 0xffffffff) {
        const uint64_t high = generator_();
        return high << 32 | generator_();
      }
    }
    if constexpr (kBits >= 32) {
      return generator_();
    } else {
      if (left_ == 0) {
        buffer_ = static_cast<uint32_t>(generator_());
        left_ = 32 / kBits;
      } else {
        buffer_ >>= kBits;
      }
      --left_;
      return buffer_ & ((uint64_t{1} << kBits) - 1);
    }
  }

  Generator& generator_;
  uint64_t span_;
  uint64_t mask_ = 0;
  uint32_t buffer_ = 0;
  int left_ = 0;
};

Tensor random_floats(Generator& generator, const Shape& shape, DataType dtype, ValueRange range) {
  Tensor values(DataType::kFloat64, shape);
  for (double& value : values.mutable_data<double>()) {
    value = random_double(generator) * (range.max - range.min) + range.min;
  }
  return cast(values, dtype);
}

template <class T>
Tensor random_integers(Generator& generator, const Shape& shape, ValueRange range,
                       std::string_view name) {
  using Limits = std::numeric_limits<T>;
  constexpr bool kIsBool = std::is_same_v<T, bool>;
  const double low = kIsBool ? range.min != 0 : std::trunc(range.min);
  const double high = kIsBool ? range.max != 0 : std::trunc(range.max);
  // 2^63 is exact as a double while the largest int64 is not, so the upper bound is exclusive.
  if (low < static_cast<double>(Limits::min()) || high >= std::exp2(Limits::digits)) {
    fail(ErrorKind::kUsage, "DataLoader: input '{}' is {} but its val_range is ({}, {})", name,
         kDataTypeOf<T>, range.min, range.max);
  }
  const auto first = static_cast<int64_t>(low);
  const auto span =
      static_cast<uint64_t>(static_cast<int64_t>(high)) - static_cast<uint64_t>(first);
  Tensor tensor(kDataTypeOf<T>, shape);
  IntegerSampler<T> sampler(generator, span);
  for (T& value : tensor.mutable_data<T>()) {
    value = static_cast<T>(static_cast<uint64_t>(first) + sampler.next());
  }
  return tensor;
}

Tensor random_tensor(Generator& generator, const TensorInfo& info, const Shape& shape,
                     ValueRange range) {
  if (is_floating(info.dtype)) return random_floats(generator, shape, info.dtype, range);
  return visit_type(info.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::numeric_limits<T>::is_integer) {
      return random_integers<T>(generator, shape, range, info.name);
    } else {
      return Tensor();
    }
  });
}

Shape smallest_shape(const TensorInfo& info) {
  Shape shape;
  bool fixed = true;
  for (const Axis& axis : info.axes) {
    shape.push_back(axis.min);
    fixed = fixed && axis.fixed();
  }
  if (!fixed) {
    Logger::global().log_once(
        Severity::kWarning,
        fmt::format("Input tensor: {} | Will generate data of shape: {}. If this is incorrect, "
                    "give its shape or your own data.",
                    to_string(info), shape));
  }
  return shape;
}

}  // namespace

DataLoader::DataLoader(DataLoaderOptions options)
    : options_(std::move(options)), input_metadata_(options_.input_metadata) {
  if (options_.iterations < 0) {
    fail(ErrorKind::kUsage, "DataLoader: .iterations is {}; expected 0 or more",
         options_.iterations);
  }
  for (const auto& [name, range] : options_.val_range) {
    if (!std::isfinite(range.min) || !std::isfinite(range.max) || range.min > range.max) {
      fail(ErrorKind::kUsage,
           "DataLoader: the val_range of input '{}' is ({}, {}); expected finite numbers, the "
           "smaller one first",
           name, range.min, range.max);
    }
  }
}

void DataLoader::set_input_metadata(std::vector<TensorInfo> input_metadata) {
  if (!options_.input_metadata.empty()) return;
  input_metadata_ = std::move(input_metadata);
}

TensorMap DataLoader::operator[](int64_t index) const {
  if (index < 0 || index >= options_.iterations) {
    fail(ErrorKind::kUsage, "DataLoader: item {} asked for; there are {}", index,
         options_.iterations);
  }
  if (input_metadata_.empty()) {
    fail(ErrorKind::kUsage,
         "DataLoader: nothing says which inputs to generate; give .input_metadata or use it with "
         "a runner that knows its inputs");
  }
  for (const auto& [name, range] : options_.val_range) {
    if (!name.empty() && find(input_metadata_, name) == nullptr) {
      std::vector<std::string> known;
      for (const TensorInfo& info : input_metadata_) known.push_back(info.name);
      fail(ErrorKind::kUsage,
           "DataLoader: .val_range names an input '{}' that does not exist{} "
           "(inputs are {})",
           name, did_you_mean(name, known), quoted_list(known));
    }
  }
  Generator generator(static_cast<uint32_t>(options_.seed + static_cast<uint64_t>(index)));
  TensorMap item;
  for (const TensorInfo& info : input_metadata_) {
    auto range = options_.val_range.find(info.name);
    if (range == options_.val_range.end()) range = options_.val_range.find("");
    item[info.name] =
        random_tensor(generator, info, smallest_shape(info),
                      range == options_.val_range.end() ? ValueRange{} : range->second);
  }
  return item;
}

DataSource::DataSource(DataLoader loader)
    : start_([loader = std::move(loader)](const std::vector<TensorInfo>& input_metadata) -> Next {
        DataLoader pass = loader;
        pass.set_input_metadata(input_metadata);
        return [pass = std::move(pass), index = int64_t{0}]() mutable -> std::optional<TensorMap> {
          if (index == pass.iterations()) return std::nullopt;
          return pass[index++];
        };
      }) {}

}  // namespace tendon
