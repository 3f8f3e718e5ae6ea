# shellcheck shell=bash
# Sourced by the scripts here: strata computes on the machine's NVIDIA GPU, by the plugin that its JAX ships (environment.md).
# $cuda is the flag that XLA cannot do without.
SITE=$(python3 -c 'import jax_plugins.xla_cuda13 as m, os; print(os.path.dirname(os.path.dirname(m.__path__[0])))')
export GOMLX_BACKEND=xla:$SITE/jax_plugins/xla_cuda13/xla_cuda_plugin.so,preallocate=false
# Without Triton's products a program compiles in 4 seconds, not 20 to 60; with them TF32 is faster.
cuda=--xla_gpu_cuda_data_dir=$SITE/nvidia/cu13
export XLA_FLAGS="$cuda --xla_gpu_enable_triton_gemm=false" GOPJRT_CUDA_CHECKS=0 GOMLX_NO_AUTO_INSTALL=1
LD_LIBRARY_PATH=$(printf '%s:' "$SITE"/nvidia/*/lib)${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH
