// A sweep as a study of Optuna's. That Optuna opens it is seen in tests/interop.

#include "store/optuna_export.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <lockstep/error.h>

#include "core/message.h"
#include "store/recorded_sweep.h"
#include "store/sqlite.h"
#include "store/temporary_folder.h"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

std::string rows(const std::string& path, const char* sql) {
  Database database(path, Database::Mode::kRead);
  Statement query(database, sql);
  std::string out;
  while (query.step()) out += (out.empty() ? "" : " ") + query.text(0);
  return out;
}

/// The five curves as `optuna.db` in `folder`.
std::string export_five(const TemporaryFolder& folder) {
  record_five(folder / "out");
  export_optuna(load_results(folder / "out"), load_reports(folder / "out"), folder / "optuna.db");
  return folder / "optuna.db";
}

TEST(ExportOptuna, IsAStudyAndNothingElse) {
  const TemporaryFolder folder;
  const std::string path = export_five(folder);
  EXPECT_EQ(rows(path, "SELECT name FROM sqlite_master WHERE name LIKE 'lockstep%'"), "");
  EXPECT_EQ(rows(path, "SELECT study_name FROM studies"), "digits");
  EXPECT_EQ(rows(path, "SELECT direction FROM study_directions"), "MAXIMIZE");
  EXPECT_EQ(rows(path, "SELECT version_num FROM alembic_version"), "v3.2.0.a");
  EXPECT_EQ(rows(path, "PRAGMA journal_mode"), "delete") << "one file, without a log beside it";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2) << "no temporary file is left";
}

TEST(ExportOptuna, KeepsStatesValuesAndReports) {
  const TemporaryFolder folder;
  const std::string path = export_five(folder);
  EXPECT_EQ(rows(path, "SELECT number || state FROM trials ORDER BY number"), "0COMPLETE 1PRUNED 2FAIL 3FAIL 4COMPLETE");
  EXPECT_EQ(rows(path, "SELECT (trial_id - 1) || '=' || value FROM trial_values ORDER BY trial_id"), "0=0.7 1=0.3 4=0.7")
      << "a failed trial must have none";
  EXPECT_EQ(rows(path, "SELECT intermediate_value_type FROM trial_intermediate_values WHERE trial_id IN (3, 4) "
                       "ORDER BY trial_id, step"),
            "FINITE FINITE NAN INF_POS");
  EXPECT_EQ(rows(path, "SELECT value_json FROM trial_user_attributes WHERE \"key\" = 'lockstep:state' ORDER BY trial_id"),
            R"("finished" "stopped" "diverged" "diverged" "finished")");
  EXPECT_EQ(rows(path, "SELECT count(*) FROM trial_params"), "20");
}

TEST(ExportOptuna, RangesHoldEveryDraw) {
  const TemporaryFolder folder;
  SweepRecord record;
  record.search_space.add("momentum", quniform(0.06, 0.94, 0.1)).add("noise", normal(0, 1)).add("scale", lognormal(0, 1));
  for (const double draw : {0.0, 1.0}) {
    TrialRecord trial;
    trial.number = static_cast<int64_t>(record.trials.size());
    trial.hyperparameters = {draw, draw - 0.5, draw + 1};
    record.trials.push_back(trial);
  }
  export_optuna(record, {}, folder / "optuna.db");
  const auto range = [&](const std::string& name) {
    Database database(folder / "optuna.db", Database::Mode::kRead);
    const auto json = Json::parse(
        database.query_text(("SELECT distribution_json FROM trial_params WHERE param_name = '" + name + "'").c_str())
            .value());
    return json["attributes"];
  };
  EXPECT_EQ(range("momentum")["low"], 0.0) << "rounding left [0.06, 0.94]";
  EXPECT_EQ(range("momentum")["high"], 1.0);
  EXPECT_EQ(range("noise")["low"], -0.5) << "of the normal family, what was tried";
  EXPECT_EQ(range("noise")["high"], 0.5);
  EXPECT_EQ(range("scale")["log"], true);
  EXPECT_EQ(range("scale")["high"], 2.0);
}

TEST(ExportOptuna, FinishedTrialWithoutAValueIsAFailedOne) {
  const TemporaryFolder folder;
  SweepRecord record;
  record.trials.emplace_back();
  record.trials[0].state = TrialState::kFinished;
  export_optuna(record, {}, folder / "optuna.db");
  EXPECT_EQ(rows(folder / "optuna.db", "SELECT state FROM trials"), "FAIL");
}

TEST(ExportOptuna, ReplacesWholeOrNotAtAll) {
  const TemporaryFolder folder;
  write_text(folder / "optuna.db.tmp", "of an export that was killed");
  const std::string path = export_five(folder);
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  export_optuna(SweepRecord{}, {}, path);
  EXPECT_EQ(rows(path, "SELECT count(*) FROM trials"), "0");
  const std::string message =
      message_of<OutputError>([&] { export_optuna(SweepRecord{}, {}, folder / "none/optuna.db"); });
  EXPECT_NE(message.find("none/optuna.db.tmp"), std::string::npos) << message;
  EXPECT_NE(message.find("--output"), std::string::npos) << message;
}

}  // namespace
}  // namespace lockstep
