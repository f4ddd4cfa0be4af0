// What bench/run measures the MLP's arithmetic against: single-precision matrix products on every core at once, by MKL
// (at::mm of large squares) and by oneDNN's micro-kernels (blocks that stay in the cache). Prints GFLOP/s of each.
#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include <ATen/native/CPUBlas.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>

#include "timing.h"

namespace {

using namespace lockstep;

constexpr int64_t kLarge = 1536;
constexpr int64_t kBlock = 256;

/// GFLOP/s of all threads together, each with matrices [size, size] of its own that it multiplies `n` times a call.
double gflops(int n_threads, double min_seconds, int64_t size, int n,
              void (*multiply)(const torch::Tensor& a, const torch::Tensor& b, torch::Tensor& c)) {
  std::vector<double> rates(static_cast<size_t>(n_threads));
  std::vector<std::thread> threads;
  for (auto& rate : rates) {
    threads.emplace_back([&, min_seconds, size, n] {
      at::set_num_threads(1);
      torch::NoGradGuard no_grad;
      const auto a = torch::ones({size, size}), b = torch::ones({size, size});
      auto c = torch::empty({size, size});
      const auto done = bench::repeat(min_seconds, [&] {
        for (int i = 0; i < n; ++i) multiply(a, b, c);
      });
      const double cube = static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size);
      rate = 2 * cube * static_cast<double>(done.n) * n / done.seconds / 1e9;
    });
  }
  for (auto& thread : threads) thread.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

void by_mkl(const torch::Tensor& a, const torch::Tensor& b, torch::Tensor& c) { at::mm_out(c, a, b); }

void by_one_dnn(const torch::Tensor& a, const torch::Tensor& b, torch::Tensor& c) {
  const int64_t n = a.size(0);
  at::native::cpublas::brgemm(n, n, n, n, n, n, /*add_C=*/false, a.const_data_ptr<float>(), b.const_data_ptr<float>(),
                              c.mutable_data_ptr<float>(), /*is_vnni=*/false);
}

}  // namespace

int main(int argc, char** argv) {
  bench::refuse_debug_build();
  int n_threads = 0;
  double min_seconds = 1;
  CLI::App app("Measures single-precision matrix products on every core at once.");
  app.add_option("--threads", n_threads, "Threads; 0: one a core")->capture_default_str();
  app.add_option("--min-seconds", min_seconds, "Time each library so long")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (n_threads <= 0) n_threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const double mkl = gflops(n_threads, min_seconds, kLarge, 1, by_mkl);
  double one_dnn = 0;
  try {
    float one = 1, result = 0;
    at::native::cpublas::brgemm(1, 1, 1, 1, 1, 1, false, &one, &one, &result, false);
    one_dnn = gflops(n_threads, min_seconds, kBlock, 50, by_one_dnn);
  } catch (const c10::Error&) {  // this processor has no micro-kernels
  }
  std::printf("{\"gflops\": %.2f, \"mkl_gflops\": %.2f, \"onednn_gflops\": %.2f}\n", std::max(mkl, one_dnn), mkl,
              one_dnn);
}
