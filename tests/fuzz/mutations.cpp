#include "fuzz/mutations.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>

namespace lockstep::fuzz {

namespace {

/// What means something to YAML, CSV or a reader of numbers.
constexpr std::string_view kBytes(":,-+.[]{}#&*!|>'\"%@`?~<=$\n\r\t 0159eExoN_/\\\0\x01\x7f\x80\xc3\xff", 47);

constexpr const char* kNumbers[] = {
    "0",      "-0",     "1",       "-1",    "2",        "1e3",  "0.5",  "1e308", "-1e308", "1e309", "5e-324", "1e-400",
    ".inf",   "-.inf",  ".nan",    "nan",   "-inf",     "99",   "100",  "1e6",   "1000000", "1000001", "0x7f",  "0o17",
    "2147483647", "-2147483648", "4294967296", "9007199254740992", "9007199254740993", "-9007199254740993",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1e18", "1_000", "+1"};

size_t below(Random& random, size_t n) { return n == 0 ? 0 : static_cast<size_t>(random() % n); }

struct Range {
  size_t begin = 0;
  size_t size = 0;
};

/// A short one more often than a long one.
Range any_range(const std::string& text, Random& random) {
  const size_t begin = below(random, text.size());
  const size_t longest = std::min(text.size() - begin, size_t{1} << below(random, 11));
  return {begin, text.empty() ? 0 : 1 + below(random, longest)};
}

bool in_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool in_number(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-'; }

/// The first run of such characters at a random place or after it; empty at the end without one.
template <class Is>
Range any_run(const std::string& text, Random& random, Is is) {
  const auto start = text.begin() + static_cast<std::ptrdiff_t>(below(random, text.size()));
  const auto begin = std::find_if(start, text.end(), is);
  const auto end = std::find_if_not(begin, text.end(), is);
  return {static_cast<size_t>(begin - text.begin()), static_cast<size_t>(end - begin)};
}

/// A whole line, with its end.
Range any_line(const std::string& text, Random& random) {
  const size_t at = below(random, text.size());
  const size_t before = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const size_t end = text.find('\n', at);
  return {begin, (end == std::string::npos ? text.size() : end + 1) - begin};
}

std::string part(const std::string& text, Range range) { return text.substr(range.begin, range.size); }

}  // namespace

void mutate(std::string& input, const std::string& donor, Random& random, size_t max_size) {
  const size_t at = below(random, input.size());
  const Range range = any_range(input, random);
  switch (below(random, 13)) {
    case 0:
      if (!input.empty()) input[at] = static_cast<char>(input[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      if (!input.empty()) input[at] = kBytes[below(random, kBytes.size())];
      break;
    case 2: input.insert(at, 1, kBytes[below(random, kBytes.size())]); break;
    case 3: input.erase(range.begin, range.size); break;
    case 4: input.insert(at, part(input, range)); break;
    case 5: input.insert(at, part(donor, any_range(donor, random))); break;
    case 6: {
      const Range number = any_run(input, random, in_number);
      input.replace(number.begin, number.size, kNumbers[below(random, std::size(kNumbers))]);
      break;
    }
    case 7: {
      const Range word = any_run(input, random, in_word);
      input.replace(word.begin, word.size, part(donor, any_run(donor, random, in_word)));
      break;
    }
    case 8: {
      const Range line = any_line(input, random);
      const std::string moved = part(input, line);
      input.erase(line.begin, line.size);
      input.insert(any_line(input, random).begin, moved);
      break;
    }
    case 9: input.insert(any_line(input, random).begin, part(donor, any_line(donor, random))); break;
    case 10: {
      const Range line = any_line(input, random);
      input.erase(line.begin, line.size);
      break;
    }
    case 11: {  // deep nesting, endless lines
      const std::string repeated = part(input, {range.begin, std::min<size_t>(range.size, 8)});
      std::string many;
      for (size_t n = size_t{1} << below(random, 11); n > 0 && many.size() < max_size; --n) many += repeated;
      input.insert(at, many);
      break;
    }
    default: input.resize(at); break;
  }
  if (input.size() > max_size) input.resize(max_size);
}

}  // namespace lockstep::fuzz
