// One compilation of the device algorithms that sort.
#include "cuda/early_stopping/bandit.cu"
#include "cuda/early_stopping/median_stopping.cu"
#include "cuda/early_stopping/truncation_selection.cu"
#include "cuda/sampling/permutation.cu"
