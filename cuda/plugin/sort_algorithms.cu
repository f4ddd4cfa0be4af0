// One compilation of the device algorithms that sort or scan.
#include "cuda/early_stopping/bandit.cu"
#include "cuda/early_stopping/median_stopping.cu"
#include "cuda/early_stopping/truncation_selection.cu"
#include "cuda/sampling/permutation.cu"
#include "cuda/slots/decide.cu"
#include "cuda/slots/refill.cu"
#include "cuda/slots/row_moves.cu"
