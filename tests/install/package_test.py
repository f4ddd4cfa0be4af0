#!/usr/bin/env python3
"""What find_package(lockstep) accepts and refuses, that nothing installed is tied to where it was built, that a program needs no LibTorch
for the core, and that the installed program works.

Arguments: prefix, source, build, the LibTorch of the build, cmake, and cmake's arguments for a consumer."""
import os
import subprocess
import sys
import tempfile
import unittest

PREFIX, SOURCE, BUILD, TORCH, CMAKE, *CONSUMER = sys.argv[1:]


def configure(text, *more, folder=None):
    """CMake's exit status and output for a project of these lines."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = folder or scratch
        if folder == scratch:
            with open(os.path.join(scratch, "CMakeLists.txt"), "w") as file:
                file.write("cmake_minimum_required(VERSION 3.25)\nproject(consumer LANGUAGES CXX)\n" + text)
        environment = {name: value for name, value in os.environ.items() if name != "LOCKSTEP_TORCH_DIR"}
        run = subprocess.run([CMAKE, "-S", folder, "-B", os.path.join(scratch, "build"), *CONSUMER, *more], capture_output=True, text=True,
                             env=environment)
        return run.returncode, " ".join((run.stdout + run.stderr).split())


def fake_torch(folder, version):
    """As much of a LibTorch as find_package looks at."""
    for path, text in {"include/ATen/ATen.h": "",
                       "include/torch/headeronly/version.h": "#define TORCH_VERSION_MAJOR {}\n#define TORCH_VERSION_MINOR {}\n".format(
                           *version.split("."))}.items():
        os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
        with open(os.path.join(folder, path), "w") as file:
            file.write(text)
    return folder


def torch_version():
    with open(os.path.join(TORCH, "include/torch/headeronly/version.h")) as file:
        numbers = dict(line.split()[1:3] for line in file if line.startswith("#define TORCH_VERSION_M"))
    return "{TORCH_VERSION_MAJOR}.{TORCH_VERSION_MINOR}".format(**numbers)


class Package(unittest.TestCase):
    def refused(self, text, *more):
        status, output = configure(text, *more)
        self.assertNotEqual(status, 0, output)
        return output

    def accepted(self, text, *more):
        status, output = configure(text, *more)
        self.assertEqual(status, 0, output)
        return output

    def test_has_all_components_without_any_named(self):
        self.accepted("find_package(lockstep 0.1 REQUIRED)\n"
                      "foreach(name core cuda store torch models)\n"
                      "  if(NOT TARGET lockstep::${name})\n    message(FATAL_ERROR ${name})\n  endif()\nendforeach()\n")

    def test_refuses_an_unknown_component_and_says_which_there_are(self):
        output = self.refused("find_package(lockstep REQUIRED COMPONENTS core cnn)")
        self.assertIn("Lockstep has no component 'cnn'; it has core, cuda, store, torch, models.", output)

    def test_goes_without_an_unknown_component_that_is_optional(self):
        output = self.accepted("find_package(lockstep REQUIRED COMPONENTS core OPTIONAL_COMPONENTS cnn)\nmessage(STATUS cnn=${lockstep_cnn_FOUND})")
        self.assertIn("cnn=FALSE", output)

    def test_refuses_another_minor_version(self):
        self.assertIn('compatible with requested version "0.0"', self.refused("find_package(lockstep 0.0 REQUIRED COMPONENTS core)"))
        self.assertIn('compatible with requested version "0.99"', self.refused("find_package(lockstep 0.99 REQUIRED COMPONENTS core)"))

    def test_takes_the_libtorch_that_is_named(self):
        show = ("get_target_property(folders lockstep::libtorch INTERFACE_INCLUDE_DIRECTORIES)\nmessage(STATUS \"folders=${folders}\")\n")
        find = "find_package(lockstep REQUIRED COMPONENTS torch)\n" + show
        with tempfile.TemporaryDirectory() as folder:
            fake = fake_torch(folder, torch_version())
            self.assertIn(f"folders={TORCH}/include", self.accepted(find))
            self.assertIn(f"folders={fake}/include", self.accepted(find, f"-DLOCKSTEP_TORCH_DIR={fake}"))
            self.assertIn(f"folders={fake}/include", self.accepted(find, f"-DTorch_DIR={fake}/share/cmake/Torch"))
            own = f"add_library(torch INTERFACE IMPORTED)\ntarget_include_directories(torch INTERFACE {fake}/include)\n"
            output = self.accepted(own + "find_package(lockstep REQUIRED COMPONENTS torch)\n"
                                   "get_target_property(linked lockstep::libtorch INTERFACE_LINK_LIBRARIES)\nmessage(STATUS linked=${linked})")
            self.assertIn("linked=torch", output)

    def test_refuses_another_libtorch_than_it_was_built_with(self):
        find = "find_package(lockstep REQUIRED COMPONENTS torch)"
        with tempfile.TemporaryDirectory() as folder:
            output = self.refused(find, f"-DLOCKSTEP_TORCH_DIR={fake_torch(folder, '1.13')}")
            self.assertIn(f"was built with LibTorch {torch_version()}, and '{folder}' holds 1.13", output)
            self.assertIn("Set LOCKSTEP_TORCH_DIR", output)
        self.assertIn("There is no LibTorch in '/nowhere'", self.refused(find, "-DLOCKSTEP_TORCH_DIR=/nowhere"))

    def test_has_no_path_of_the_build(self):
        for folder, _, files in os.walk(os.path.join(PREFIX, "lib")):
            for name in files:
                if not name.endswith(".cmake"):
                    continue
                with open(os.path.join(folder, name)) as file:
                    for line in file:
                        if TORCH in line:
                            self.assertEqual(name, "lockstepConfig.cmake", line)  # the default, for who names no other
                            continue
                        for path in (SOURCE, BUILD, PREFIX):
                            self.assertNotIn(path, line, name)

    def test_builds_a_sweep_without_libtorch(self):
        with tempfile.TemporaryDirectory() as build:
            subprocess.run([CMAKE, "-S", os.path.join(os.path.dirname(os.path.abspath(__file__)), "core_alone"), "-B", build, *CONSUMER,
                            "-DLOCKSTEP_TORCH_DIR=/nowhere"], check=True, capture_output=True)
            built = subprocess.run([CMAKE, "--build", build], capture_output=True, text=True)
            self.assertEqual(built.returncode, 0, built.stdout)
            program = os.path.join(build, "core_alone")
            self.assertIn("value -2.04", subprocess.run([program], check=True, capture_output=True, text=True).stdout)
            needed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
            self.assertNotIn("torch", needed)
            if os.path.exists(os.path.join(PREFIX, "lib/liblockstep_cuda.so")):  # found by the run path that lockstep::cuda adds
                loaded = subprocess.run([program, "cuda"], check=True, capture_output=True, text=True).stdout
                self.assertNotIn("liblockstep_cuda.so: cannot open", loaded)
                self.assertRegex(loaded, "liblockstep_cuda.so: |devices")

    def test_the_program_runs_a_sweep(self):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run([os.path.join(PREFIX, "bin/lockstep"), "run", os.path.join(SOURCE, "examples/digits_mlp.yml"), "--quiet",
                                  "--max-total-trials", "4", "--set", "trial.epochs=1", "--device", "cpu", "-o", os.path.join(folder, "out")],
                                 capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("accuracy", run.stdout)
            self.assertTrue(os.path.exists(os.path.join(folder, "out/report.html")))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
