#include <gtest/gtest.h>

#include <lockstep/sampling.h>
#include <lockstep/sweep_spec.h>

#include "command/command_line.h"
#include "core/nested_choice.h"

namespace lockstep {
namespace {

SearchSpace make_space() {
  SearchSpace space;
  space.add("lr", uniform(0, 1)).add("kernel", choice({"rbf", "it's linear", true}));
  space.add("model", choice({Value::Map{{"layers", 2}, {"rate", nested_reference("model.rate")}}, "none"}));
  space.add("model.rate", uniform(0, 1)).add("n", randint(10));
  return space;
}

/// Two trials.
Configurations make_configurations() {
  return Configurations(make_space(), 0, 2, {1e-5, 1, 0, 0.25, 3, 0.5, 2, 1, 0.75, 4});
}

CommandSpec make_command(const std::string& text) {
  CommandSpec command;
  command.command = text;
  command.inputs = {{"data", "/d/my data"}, {"epochs", "10"}};
  command.outputs = {"model"};
  command.where = {"s.yml", 3};
  return command;
}

TEST(CommandLine, HasEverythingFilledIn) {
  const CommandSpec command = make_command(
      "python train.py --lr ${{search_space.lr}} --kernel=${{search_space.kernel}} -n ${{search_space.n}} --data "
      "\"${{inputs.data}}\" --epochs ${{inputs.epochs}} --model ${{outputs.model}}/m.pt --out ${{outputs.default}}");
  EXPECT_EQ(command_line(command, make_configurations(), 0, "/o/trial 0"),
            "python train.py --lr 1e-05 --kernel='it'\\''s linear' -n 3 --data \"/d/my data\" --epochs 10 --model "
            "'/o/trial 0/model'/m.pt --out '/o/trial 0/default'");
  EXPECT_EQ(command_line(command, make_configurations(), 1, "/o"),
            "python train.py --lr 0.5 --kernel=True -n 4 --data \"/d/my data\" --epochs 10 --model /o/model/m.pt --out /o/default");
}

TEST(CommandLine, ComposesTheMapThatWasChosen) {
  const CommandSpec command = make_command("x ${{search_space.model}} ${{search_space.model.rate}}");
  EXPECT_EQ(command_line(command, make_configurations(), 0, "o"), "x '{\"layers\": 2, \"rate\": 0.25}' 0.25");
  EXPECT_EQ(command_line(command, make_configurations(), 1, "o"), "x none 0.75");
}

TEST(CommandLine, RefusesNamesThatAreNotThere) {
  for (const char* text : {"x ${{search_space.rl}}", "x ${{inputs.date}}"}) {
    EXPECT_THROW(command_line(make_command(text), make_configurations(), 0, "o"), InputError) << text;
  }
}

TEST(SweepEnvironment, HasEveryHyperparameter) {
  EXPECT_EQ(sweep_environment(make_configurations(), 0),
            (std::map<std::string, std::string>{{"AZUREML_SWEEP_lr", "1e-05"},
                                                {"AZUREML_SWEEP_kernel", "it's linear"},
                                                {"AZUREML_SWEEP_model", "{\"layers\": 2, \"rate\": 0.25}"},
                                                {"AZUREML_SWEEP_n", "3"}}));
}

}  // namespace
}  // namespace lockstep
