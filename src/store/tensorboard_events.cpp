#include "store/tensorboard_events.h"

#include <array>
#include <bit>
#include <utility>

#include "store/utf8.h"

namespace lockstep {

namespace {

constexpr std::array<uint32_t, 256> make_crc_table() {
  constexpr uint32_t kCastagnoli = 0x82F63B78;  // reflected
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kCastagnoli : 0);
    table[byte] = crc;
  }
  return table;
}

template <typename Unsigned>
std::string little_endian(Unsigned number) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(number); ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
  return bytes;
}

/// A CRC that is stored beside what it is of is masked, so that the CRC of both means something.
std::string masked_crc(std::string_view data) {
  return little_endian(std::rotr(crc32c(data), 15) + uint32_t{0xa282ead8});
}

/// A protobuf message in the wire format (protobuf.dev/programming-guides/encoding).
class Message {
 public:
  Message& number(int field, uint64_t value) {
    key(field, 0);
    varint(value);
    return *this;
  }
  Message& real(int field, double value) {
    key(field, 1);
    bytes_ += little_endian(std::bit_cast<uint64_t>(value));
    return *this;
  }
  Message& short_real(int field, float value) {
    key(field, 5);
    bytes_ += little_endian(std::bit_cast<uint32_t>(value));
    return *this;
  }
  /// A text, bytes, or a message within.
  Message& bytes(int field, const std::string& value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& text(int field, const std::string& value) { return bytes(field, as_utf8(value)); }
  Message& message(int field, const Message& value) { return bytes(field, value.bytes_); }
  const std::string& encoded() const { return bytes_; }

 private:
  void key(int field, int wire_type) { varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

/// google.protobuf.Value, of the type that the hyperparameter was declared with.
Message plugin_value(const Value& value, HparamInfo::Type type) {
  if (type == HparamInfo::Type::kBool && value.is_bool()) return Message().number(4, value.as_bool());
  if (type == HparamInfo::Type::kNumber && value.is_number()) return Message().real(2, value.as_real());
  return Message().text(3, value.to_string());
}

/// Event: wall_time 1, step 2, file_version 3, summary 5.
Message event(double wall_time) { return Message().real(1, wall_time); }

}  // namespace

uint32_t crc32c(std::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = make_crc_table();
  uint32_t crc = ~uint32_t{0};
  for (const char c : data) crc = crc >> 8 ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

EventFile::EventFile(double wall_time) { add_record(event(wall_time).text(3, "brain.Event:2").encoded()); }

void EventFile::add_record(std::string_view payload) {
  const std::string length = little_endian(static_cast<uint64_t>(payload.size()));
  content_.append(length).append(masked_crc(length)).append(payload).append(masked_crc(payload));
}

// Summary: value 1. Summary.Value: tag 1, simple_value 2, tensor 8, metadata 9.
void EventFile::add_scalar(double wall_time, int64_t step, const std::string& tag, double value) {
  const Message scalar = Message().text(1, tag).short_real(2, static_cast<float>(value));
  add_record(event(wall_time).number(2, static_cast<uint64_t>(step)).message(5, Message().message(1, scalar)).encoded());
}

void EventFile::add_plugin_data(double wall_time, const std::string& tag, const std::string& data) {
  // SummaryMetadata: plugin_data 1; PluginData: plugin_name 1, content 2. The plugin's summaries carry a tensor of one 0
  // that says nothing: TensorProto: dtype 1 (float is 1), tensor_shape 2, float_val 5; TensorShapeProto: dim 2; Dim: size 1.
  const Message metadata = Message().message(1, Message().text(1, "hparams").bytes(2, data));
  const Message shape = Message().message(2, Message().number(1, 1));
  const Message tensor = Message().number(1, 1).message(2, shape).bytes(5, little_endian(uint32_t{0}));
  const Message value = Message().text(1, tag).message(8, tensor).message(9, metadata);
  add_record(event(wall_time).message(5, Message().message(1, value)).encoded());
}

// HParamsPluginData: version 1 (0, so left out), experiment 2, session_start_info 3, session_end_info 4.
void EventFile::add_experiment(double wall_time, const std::string& name, const std::vector<HparamInfo>& hparams,
                               const std::string& metric) {
  // Experiment: time_created_secs 3, hparam_infos 4, metric_infos 5, name 6. HParamInfo: name 1, type 4,
  // domain_discrete 5 (ListValue: values 1). MetricInfo: name 1 (MetricName: tag 2).
  Message experiment;
  experiment.real(3, wall_time);
  for (const HparamInfo& hparam : hparams) {
    Message info = Message().text(1, hparam.name).number(4, static_cast<uint64_t>(hparam.type));
    Message choices;
    for (const Value& choice : hparam.choices) choices.message(1, plugin_value(choice, hparam.type));
    if (!hparam.choices.empty()) info.message(5, choices);
    experiment.message(4, info);
  }
  experiment.message(5, Message().message(1, Message().text(2, metric)));
  experiment.text(6, name);
  add_plugin_data(wall_time, "_hparams_/experiment", Message().message(2, experiment).encoded());
}

void EventFile::add_session_start(double wall_time, const std::string& group, const std::vector<HparamInfo>& hparams,
                                  const std::vector<Value>& values) {
  // SessionStartInfo: hparams 1 (a map: key 1, value 2), group_name 4, start_time_secs 5.
  Message session;
  for (size_t i = 0; i < hparams.size(); ++i) {
    if (values[i].is_null()) continue;
    session.message(1, Message().text(1, hparams[i].name).message(2, plugin_value(values[i], hparams[i].type)));
  }
  session.text(4, group).real(5, wall_time);
  add_plugin_data(wall_time, "_hparams_/session_start_info", Message().message(3, session).encoded());
}

void EventFile::add_session_end(double wall_time, Status status) {
  // SessionEndInfo: status 1, end_time_secs 2.
  const Message session = Message().number(1, static_cast<uint64_t>(status)).real(2, wall_time);
  add_plugin_data(wall_time, "_hparams_/session_end_info", Message().message(4, session).encoded());
}

}  // namespace lockstep
