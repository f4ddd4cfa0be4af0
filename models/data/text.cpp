#include "models/data/text.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include <lockstep/error.h>

namespace lockstep::models {

namespace {

/// The character that begins at `at`, which is moved behind it; nothing when the bytes there are not UTF-8 (too long,
/// a surrogate, beyond the last).
bool next_character(std::string_view text, size_t& at, char32_t& out) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const size_t length = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length == 0 || length > text.size() - at) return false;
  out = length == 1 ? first : first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return false;
    out = out << 6 | (byte(at + i) & 0x3fu);
  }
  const bool too_long = (length == 3 && out < 0x800) || (length == 4 && out < 0x10000);
  if (too_long || (out >= 0xd800 && out < 0xe000) || out > 0x10ffff) return false;
  at += length;
  return true;
}

std::u32string decode(std::string_view text, const std::string& name) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::u32string out;
  out.reserve(text.size());
  int64_t line = 1;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n') ++at;
    char32_t character = 0;
    if (!next_character(text, at, character)) {
      throw DataError(name + ":" + std::to_string(line) +
                      ": the text is not UTF-8 here; convert it, as with iconv -f latin1 -t utf-8");
    }
    if (character == U'\n') ++line;
    out.push_back(character);
  }
  return out;
}

std::string encode(char32_t c) {
  const auto byte = [](char32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
  const auto follow = [&](int shift) { return byte(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), follow(0)};
  if (c < 0x10000) return {byte(0xe0 | c >> 12), follow(6), follow(0)};
  return {byte(0xf0 | c >> 18), follow(12), follow(6), follow(0)};
}

class Preparation {
 public:
  Preparation(std::string_view text, int64_t context, const SplitOptions& split, const std::string& name)
      : context_(static_cast<size_t>(context)) {
    const std::u32string characters = decode(text, name);
    const auto n = static_cast<double>(characters.size());
    const auto share = [n](double fraction) { return static_cast<size_t>(std::llround(n * fraction)); };
    const size_t n_test = share(split.test_fraction), n_validation = share(split.validation_fraction);
    const size_t n_train = characters.size() - std::min(characters.size(), n_test + n_validation);
    const std::u32string_view all = characters;
    const std::u32string_view train = all.substr(0, n_train), validation = all.substr(n_train, n_validation),
                              test = all.substr(n_train + n_validation);
    const auto too_short = [&](std::u32string_view part) { return part.size() <= context_; };
    if (too_short(train) || too_short(validation) || (split.test_fraction > 0 && too_short(test))) {
      throw DataError(name + ": " + std::to_string(all.size()) + " characters are too few: a part of " +
                      std::to_string(std::min({train.size(), validation.size(), n_test == 0 ? all.size() : test.size()})) +
                      " has no window of " + std::to_string(context) +
                      " and the character after it; give a longer text, a smaller `context` or other fractions");
    }
    learn(train, validation, test);
    if (index_.size() < 2) {
      throw DataError(name + ": the training part has only one character; there is nothing to learn");
    }
    out_.task = TaskKind::kLanguage;
    out_.input_shape = {context};
    out_.train = windows(train);
    out_.validation = windows(validation);
    if (split.test_fraction > 0) out_.test = windows(test);
  }

  PreparedData take() { return std::move(out_); }

 private:
  void learn(std::u32string_view train, std::u32string_view validation, std::u32string_view test) {
    std::u32string known(train);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    for (const char32_t each : known) {
      index_[each] = static_cast<int64_t>(out_.classes.size());
      out_.classes.push_back(encode(each));
    }
    for (const auto part : {validation, test}) {
      out_.n_unknown += std::count_if(part.begin(), part.end(), [&](char32_t c) { return !index_.contains(c); });
    }
    unknown_ = static_cast<int64_t>(out_.classes.size());
    if (out_.n_unknown > 0) out_.classes.emplace_back("(unknown)");
  }

  PreparedPart windows(std::u32string_view part) const {
    PreparedPart out;
    const size_t n = (part.size() - 1) / context_;
    std::vector<int64_t> tokens;
    for (const char32_t each : part.substr(0, n * context_ + 1)) {
      const auto found = index_.find(each);
      tokens.push_back(found == index_.end() ? unknown_ : found->second);
    }
    out.size = static_cast<int64_t>(n);
    out.labels.assign(tokens.begin() + 1, tokens.end());
    tokens.pop_back();
    out.tokens = std::move(tokens);
    return out;
  }

  size_t context_;
  std::unordered_map<char32_t, int64_t> index_;
  int64_t unknown_ = 0;
  PreparedData out_;
};

}  // namespace

PreparedData prepare_text(std::string_view text, int64_t context, const SplitOptions& split, const std::string& name) {
  return Preparation(text, context, split, name).take();
}

}  // namespace lockstep::models
