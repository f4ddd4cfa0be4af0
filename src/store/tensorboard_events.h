#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <lockstep/value.h>

namespace lockstep {

/// TensorBoard's event files, as far as scalars and the HParams plugin need them. The formats are public: TFRecord framing
/// (tensorflow.org/tutorials/load_data/tfrecord: length, masked CRC-32C of the length, payload, masked CRC-32C of the
/// payload), the messages `Event`, `Summary` (tensorboard/compat/proto) and `HParamsPluginData`
/// (tensorboard/plugins/hparams), whose field numbers stand in the .cpp.

/// The Castagnoli CRC of `data`.
uint32_t crc32c(std::string_view data);

/// A hyperparameter of the experiment.
struct HparamInfo {
  enum class Type { kText = 1, kBool = 2, kNumber = 3 };
  std::string name;
  Type type = Type::kNumber;
  std::vector<Value> choices;  ///< empty: whatever the trials have
};

/// The content of an event file: begins with the version's event, and grows by what is added. Texts are made UTF-8.
class EventFile {
 public:
  /// @param wall_time seconds since 1970, as everywhere here
  explicit EventFile(double wall_time);

  /// A point of a curve; the value is stored as a float.
  void add_scalar(double wall_time, int64_t step, const std::string& tag, double value);
  /// Of the root run: which hyperparameters there are, and the tag of the metric.
  void add_experiment(double wall_time, const std::string& name, const std::vector<HparamInfo>& hparams,
                      const std::string& metric);
  /// Of a trial's run: its hyperparameters.
  void add_session_start(double wall_time, const std::string& group, const std::vector<HparamInfo>& hparams,
                         const std::vector<Value>& values);
  enum class Status { kSuccess = 1, kFailure = 2 };
  void add_session_end(double wall_time, Status status);

  const std::string& content() const { return content_; }

 private:
  void add_record(std::string_view payload);
  void add_plugin_data(double wall_time, const std::string& tag, const std::string& data);

  std::string content_;
};

}  // namespace lockstep
