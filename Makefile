# make          build/lspt                      make test    every test
# make ops      every op by itself: its gradient, PyTorch, CPU = GPU, time; OP=PART of a name
# make demo     drawn birds, MAE, every method   make bench   speed of every method
#               and their report; DEMO=quick
# make format   clang-format                    make clean   remove build folders
# make install  program, manual page, shell completion, below PREFIX (/usr/local) in DESTDIR ("");
#               make uninstall takes them away
# make soak     runs killed at random moments must end as undisturbed ones do, SOAK_MINUTES (5)
# make fuzz     libFuzzer on every reader of files, FUZZ_SECONDS (60) each; needs clang
#
# SAN=1          address + undefined sanitizers, in a build folder of their own
# MARCH=native   instruction set of our own kernels (oneDNN chooses its own at run time)
# DEPS_PREFIX=D  headers and libraries from an unpacked folder D instead of installed packages
# CUDA=0         no GPU code; otherwise it is built where nvcc (on PATH, or CUDA_HOME=D) and cuDNN
#                (in the toolkit, or CUDNN_HOME=D) are found
# ARCH="80 90"   GPU architectures, the oldest first: newer ones take its PTX

# Every rule is here: to a built-in one the folder train/recipes would be a program of recipes.cpp.
MAKEFLAGS += --no-builtin-rules

CXX ?= g++
MARCH ?= native
BUILD := build$(if $(SAN),-san)
ARCH_DIR := $(shell $(CXX) -print-multiarch 2>/dev/null)

# g++ 12 sees overlapping copies in plain string concatenation (GCC bug 105651), g++ 13 a byte too
# many in the copy of a vector of one element: no -Wrestrict, no -Warray-bounds.
WARNINGS := -Wall -Wextra -Wshadow -Werror -Wno-restrict -Wno-array-bounds
# Whole registers where they are 512 bits wide: oneDNN's products use them anyway, and kernels bound
# by arithmetic (GELU, softmax) take two thirds of the time.
VECTORS := $(if $(findstring x86_64,$(ARCH_DIR)),-mprefer-vector-width=512)
CXXFLAGS := -std=c++20 -O3 -g1 -march=$(MARCH) $(VECTORS) -fopenmp -fno-math-errno -fno-trapping-math \
            $(WARNINGS) -I. -MMD -MP $(EXTRA_CXXFLAGS)
LDLIBS := -ldnnl -ljpeg -lwebp -lwebpdemux -ltiff -lpng -lgif -lz -lcrypto -llbfgs
ifneq ($(DEPS_PREFIX),)
DEPS_FLAGS := -isystem $(DEPS_PREFIX)/usr/include -isystem $(DEPS_PREFIX)/usr/include/$(ARCH_DIR)
CXXFLAGS += $(DEPS_FLAGS)
LDFLAGS += -L$(DEPS_PREFIX)/usr/lib/$(ARCH_DIR) -Wl,-rpath,$(abspath $(DEPS_PREFIX))/usr/lib/$(ARCH_DIR) \
           -Wl,-rpath-link,$(DEPS_PREFIX)/usr/lib/$(ARCH_DIR)
endif
ifneq ($(SAN),)
# In instrumented code g++ 12 takes std::regex's states for uninitialized.
CXXFLAGS += -O1 -Wno-maybe-uninitialized -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# CUDA: the toolkit's folder, then the folder that has cuDNN; empty if either is missing.
NVCC := $(firstword $(wildcard $(CUDA_HOME)/bin/nvcc) $(shell command -v nvcc 2>/dev/null))
TOOLKIT := $(if $(NVCC),$(abspath $(dir $(realpath $(NVCC)))/..))
CUDNN := $(firstword $(foreach d,$(CUDNN_HOME) $(TOOLKIT) /usr,$(if $(wildcard $(d)/include/cudnn_graph.h),$(d))))
ARCH ?= 80 90
VIRTUAL := compute_$(firstword $(ARCH))
ifneq ($(CUDA),0)
ifneq ($(and $(NVCC),$(CUDNN)),)
WITH_CUDA := 1
CXXFLAGS += -DLSPT_CUDA
NVCCFLAGS := -std=c++20 -O3 -DLSPT_CUDA --expt-relaxed-constexpr -ccbin $(lastword $(CXX)) -I. -I$(CUDNN)/include \
             --Werror all-warnings -Xcompiler -Wall,-Wextra,-Wshadow,-Werror,-Wno-restrict,-Wno-array-bounds \
             -Xcompiler -O1 $(foreach c,$(ARCH:%=sm_%) $(VIRTUAL),-gencode arch=$(VIRTUAL),code=$(c))
CUDA_LIBS := $(firstword $(wildcard $(TOOLKIT)/lib64 $(TOOLKIT)/lib))
CUDNN_LIBS := $(firstword $(wildcard $(CUDNN)/lib64 $(CUDNN)/lib/$(ARCH_DIR) $(CUDNN)/lib))
# cuBLASLt and cuDNN are looked for there when the program first uses a GPU (engine/library.h).
LDFLAGS += $(foreach d,$(CUDA_LIBS) $(CUDNN_LIBS),-L$(d) -Wl,-rpath,$(d))
CUDA_LDLIBS := -lcudart_static -lpthread -ldl -lrt
CUDA_SOURCES := $(sort $(shell find engine ops data train -name '*.cu'))
# nvcc reads a file's headers four times, two seconds in all: kernels are compiled as one file, in
# which gelu.cu keeps its own names in a namespace gelu_cu. What calls NVIDIA's libraries is not.
LIBRARY_CALLS := engine/cuda.cu engine/gemm.cu ops/attention/fused.cu
KERNELS := $(filter-out $(LIBRARY_CALLS),$(CUDA_SOURCES))
CUDA_OBJECTS := $(BUILD)/kernels.cu.o $(LIBRARY_CALLS:%=$(BUILD)/%.o)
endif
endif
CUDA_LINE := $(if $(WITH_CUDA),for the CPU and for GPUs (sm_$(subst $() ,$() sm_,$(strip $(ARCH)))),for the CPU only: $(if \
             $(filter 0,$(CUDA)),CUDA=0,$(if $(NVCC),nvcc is there but no cuDNN (CUDNN_HOME=DIR names it),no nvcc (CUDA_HOME=DIR names a toolkit))))

LIB_SOURCES := $(sort $(shell find engine ops models data -name '*.cpp'))
TRAIN_SOURCES := $(filter-out train/command_line/main.cpp,$(sort $(shell find train -name '*.cpp')))
TEST_SOURCES := $(filter-out tests/cudnn_plans.cpp tests/ops.cpp tests/first_program.cpp,$(wildcard tests/*.cpp))
OPS_SOURCES := tests/ops.cpp tests/doctest.cpp $(wildcard tests/op_*.cpp)
# Recipes are inside the program: train/recipes/gapt/cub_mae.toml is gapt/cub_mae.
RECIPES := $(sort $(wildcard train/recipes/*/*.toml))
RECIPES_CPP := $(BUILD)/train/embedded_recipes.cpp
THIRD_SOURCES := third_party/stb_image.cpp
objects = $(patsubst %.cpp,$(BUILD)/%.o,$(1))

# Half of a compiler's work is reading headers. It gets up to twenty files of a folder at once (of
# the ops, which people try out, six); the names in their anonymous namespaces must therefore differ.
# Alone behind a precompiled header they take half as long again (models/weights/containers: 9.2 s of
# processor time for 6.3 s; 13.8 s without one).
ALONE := train/command_line/main.cpp train/optimizer.cpp
TOGETHER := engine/ ops/[a-k] ops/[l-z] $(addsuffix /,$(shell find ops/* models data train -type d))
define compile_together
GROUPS += $(BUILD)/$(basename $(firstword $(1)))-.cpp
GROUPED += $(1)
$(BUILD)/$(basename $(firstword $(1)))-.cpp: FILES := $(1)
endef
groups_of = $(if $(1),$(eval $(call compile_together,$(wordlist 1,20,$(1))))$(call groups_of,$(wordlist 21,99,$(1))))
$(foreach d,$(TOGETHER),$(call groups_of,$(filter-out $(ALONE),$(sort $(wildcard $(d)*.cpp)))))
LIB_OBJECTS := $(GROUPS:.cpp=.o) $(call objects,$(filter-out $(GROUPED),$(LIB_SOURCES) $(TRAIN_SOURCES) $(THIRD_SOURCES)))

.PHONY: all test test-gpu-code ops soak fuzz demo bench install uninstall format clean FORCE
all:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt

# Everything that compiles waits for the packages: checked once a build folder, installed if missing.
$(BUILD)/setup.done: third_party/setup.sh
	@mkdir -p $(BUILD)
	@CXX="$(CXX)" DEPS_PREFIX="$(DEPS_PREFIX)" sh third_party/setup.sh
	@echo "building $(CUDA_LINE)"
	@touch $@

# Other flags than last time: everything again.
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(CXXFLAGS) $(NVCCFLAGS) $(KERNELS)' | cmp -s - $@ || echo '$(CXXFLAGS) $(NVCCFLAGS) $(KERNELS)' >$@

$(BUILD)/kernels.cu.o: $(KERNELS) $(BUILD)/flags | $(BUILD)/setup.done
	@echo "  $(KERNELS)"
	@printf '#include "%s"\n' $(KERNELS) >$(@:.o=)
	@$(NVCC) $(NVCCFLAGS) -MMD -MP -c $(@:.o=) -o $@

$(LIBRARY_CALLS:%=$(BUILD)/%.o) $(BUILD)/tests/fp8.cu.o: $(BUILD)/%.o: % $(BUILD)/flags | $(BUILD)/setup.done
	@mkdir -p $(@D)
	@echo "  $<"
	@$(NVCC) $(NVCCFLAGS) -MMD -MP -c $< -o $@

# The program around the engine, readers and tests compute little: they compile in less time. The
# optimizer does.
$(foreach d,train models/weights data/datasets tests,$(BUILD)/$(d)/%.o): OPTIMIZE := -O1
$(BUILD)/train/optimizer.o: OPTIMIZE :=

$(BUILD)/%.o: %.cpp $(BUILD)/flags | $(BUILD)/setup.done
	@mkdir -p $(@D)
	@echo "  $<"
	@$(CXX) $(CXXFLAGS) $(OPTIMIZE) -c $< -o $@

# The folders too: a recipe that is gone leaves the program.
$(RECIPES_CPP): Makefile $(RECIPES) $(wildcard train/recipes train/recipes/*/)
	@mkdir -p $(@D)
	@echo "  $(words $(RECIPES)) recipes"
	@{ printf '#include "train/settings/recipe_file.h"\nnamespace lspt {\n'; \
	   printf 'const std::vector<EmbeddedRecipe>& embedded_recipes() {\n  static const std::vector<EmbeddedRecipe> all = {\n'; \
	   for f in $(RECIPES); do n=$${f#train/recipes/}; printf '{"%s", R"toml(' "$${n%.toml}"; cat $$f; printf ')toml"},\n'; done; \
	   printf '  };\n  return all;\n}\n}  // namespace lspt\n'; } >$@.tmp && mv $@.tmp $@

$(GROUPS): FORCE
	@mkdir -p $(@D)
	@printf '#include "%s"\n' $(FILES) | cmp -s - $@ || printf '#include "%s"\n' $(FILES) >$@

$(GROUPS:.cpp=.o): %.o: %.cpp $(BUILD)/flags | $(BUILD)/setup.done
	@echo "  $$(sed 's/.*"\(.*\)"/\1/' $< | tr '\n' ' ')"
	@$(CXX) $(CXXFLAGS) $(OPTIMIZE) -c $< -o $@

$(RECIPES_CPP:.cpp=.o): $(RECIPES_CPP) $(BUILD)/flags | $(BUILD)/setup.done
	@$(CXX) $(CXXFLAGS) $(OPTIMIZE) -c $< -o $@

$(BUILD)/liblspt.a: $(LIB_OBJECTS) $(RECIPES_CPP:.cpp=.o)
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/lspt: $(call objects,train/command_line/main.cpp) $(CUDA_OBJECTS) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) $(CUDA_LDLIBS) -o $@

$(BUILD)/tests/run: $(call objects,$(TEST_SOURCES)) $(CUDA_OBJECTS) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) $(CUDA_LDLIBS) -o $@

$(BUILD)/tests/ops: $(call objects,$(OPS_SOURCES)) $(CUDA_OBJECTS) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) $(CUDA_LDLIBS) -o $@

$(BUILD)/tests/first_program: $(call objects,tests/first_program.cpp) $(CUDA_OBJECTS) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) $(CUDA_LDLIBS) -o $@

# GPU code without a GPU. Kernels are compiled as host code and run thread by thread, with plain
# loops in the place of cuBLASLt and cuDNN; and cuDNN is asked for a kernel for every attention.
EMULATED_BUILD := $(BUILD)/emulated
EMULATED_SOURCES := $(filter-out engine/gemm.cu ops/attention/fused.cu,$(CUDA_SOURCES)) \
                    $(filter-out tests/emulated/selftest.cpp,$(wildcard tests/emulated/*.cpp))
EMULATED_FLAGS := $(filter-out -O3 -O1,$(CXXFLAGS)) -O2 -fno-strict-aliasing -D__CUDACC__ -Itests/emulated \
                  -include tests/emulated/cuda_runtime.h -Wno-unknown-pragmas

$(EMULATED_BUILD)/%.o: % $(BUILD)/flags | $(BUILD)/setup.done
	@mkdir -p $(@D)
	@echo "  $< (emulated)"
	@$(CXX) $(EMULATED_FLAGS) -x c++ -c $< -o $@

$(EMULATED_BUILD)/run: $(call objects,$(TEST_SOURCES)) $(EMULATED_SOURCES:%=$(EMULATED_BUILD)/%.o) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@

$(EMULATED_BUILD)/lspt: $(call objects,train/command_line/main.cpp) $(EMULATED_SOURCES:%=$(EMULATED_BUILD)/%.o) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@

$(EMULATED_BUILD)/tests/ops: $(call objects,$(OPS_SOURCES)) $(EMULATED_SOURCES:%=$(EMULATED_BUILD)/%.o) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@

$(EMULATED_BUILD)/selftest: $(addprefix $(EMULATED_BUILD)/tests/emulated/,selftest.cpp.o fiber.cpp.o block.cpp.o cuda_runtime.cpp.o streams.cpp.o)
	@$(CXX) $(CXXFLAGS) $^ -o $@

$(BUILD)/tests/cudnn_plans: $(call objects,tests/cudnn_plans.cpp) $(CUDA_OBJECTS) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) $(CUDA_LDLIBS) -o $@

$(BUILD)/tests/fp8: $(BUILD)/tests/fp8.cu.o $(CUDA_OBJECTS) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) $(CUDA_LDLIBS) -o $@

# Objects first and in parallel, whatever -j says at the top: the build is one command.
JOBS := $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),$(shell nproc))
GPU_TESTS := $(EMULATED_BUILD)/run $(EMULATED_BUILD)/lspt $(EMULATED_BUILD)/selftest $(if $(SAN),,$(BUILD)/tests/cudnn_plans $(BUILD)/tests/fp8)
test:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt $(BUILD)/tests/run $(BUILD)/tests/first_program $(if $(WITH_CUDA),$(GPU_TESTS))
	@$(BUILD)/tests/first_program
	@OMP_WAIT_POLICY=passive $(BUILD)/tests/run
	@$(if $(WITH_CUDA),$(MAKE) --no-print-directory test-gpu-code)
	@OMP_WAIT_POLICY=passive LSPT=$(BUILD)/lspt sh tests/program.sh
	@OMP_WAIT_POLICY=passive LSPT=$(BUILD)/lspt sh tests/report_in_browser.sh
	@MAKE="$(MAKE)" sh tests/install.sh

test-gpu-code:
	@$(EMULATED_BUILD)/selftest
	@echo "GPU cases, on an emulated GPU:" && OMP_WAIT_POLICY=passive $(EMULATED_BUILD)/run --test-case="*GPU*"
	@echo "again, its memory locked against host code:" && OMP_WAIT_POLICY=passive LSPT_EMULATED_LOCK=1 \
	  $(EMULATED_BUILD)/run --test-case="every op passes every check on the GPU*,twenty steps lose on the GPU*" \
	  --subcase="the GPU computes*"
	@EMULATED=1 LSPT=$(EMULATED_BUILD)/lspt OMP_WAIT_POLICY=passive sh tests/gpu_program.sh
	@$(if $(SAN),,sh tests/cudnn_plans.sh $(BUILD)/tests/no_gpu $(BUILD)/tests/cudnn_plans)

# EMULATED=1: on an emulated GPU as well.
OPS := $(if $(filter 1,$(EMULATED)),$(EMULATED_BUILD),$(BUILD))/tests/ops
ops:
	@$(MAKE) --no-print-directory -j$(JOBS) $(OPS)
	@OMP_WAIT_POLICY=passive $(OPS) $(if $(OP),"$(OP)")

soak:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt
	@LSPT=$(BUILD)/lspt OMP_WAIT_POLICY=passive SOAK_MINUTES=$(SOAK_MINUTES) sh tests/soak.sh

# libFuzzer on every reader, from the fixtures that its target names. What a target does not call is
# not linked.
FUZZ := build-fuzz
FUZZ_SECONDS ?= 60
FUZZ_CXX ?= clang++
FUZZ_FLAGS := -std=c++20 -O1 -g -fopenmp -fno-omit-frame-pointer -fno-sanitize-recover=all \
              -fsanitize=address,undefined $(WARNINGS) -Wno-unknown-warning-option -Wno-unknown-pragmas $(DEPS_FLAGS) -I. -MMD -MP
FUZZ_TARGETS := $(patsubst tests/%.cpp,$(FUZZ)/%,$(wildcard tests/fuzz/*.cpp))
FUZZ_OBJECTS := $(patsubst %.cpp,$(FUZZ)/%.o,$(filter engine/% data/% models/weights/%,$(LIB_SOURCES)) $(THIRD_SOURCES))

$(FUZZ)/setup.done: $(BUILD)/setup.done
	@mkdir -p $(FUZZ)
	@echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }' | \
	  $(FUZZ_CXX) -x c++ -fopenmp -fsanitize=fuzzer,address,undefined - -o $(FUZZ)/try || \
	  { echo "fuzz: no clang++ with libFuzzer and OpenMP ($(FUZZ_CXX)). Type: apt-get install clang libomp-dev" >&2; exit 1; }
	@rm $(FUZZ)/try && touch $@

$(FUZZ)/%.o: %.cpp | $(FUZZ)/setup.done
	@mkdir -p $(@D)
	@echo "  $< (fuzz)"
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@

$(FUZZ)/liblspt.a: $(FUZZ_OBJECTS)
	@rm -f $@ && $(AR) rcs $@ $^

.SECONDARY: $(FUZZ_TARGETS:$(FUZZ)/%=$(FUZZ)/tests/%.o)
$(FUZZ)/fuzz/%: $(FUZZ)/tests/fuzz/%.o $(FUZZ)/liblspt.a
	@mkdir -p $(@D)
	@$(FUZZ_CXX) $(FUZZ_FLAGS) -fsanitize=fuzzer $^ $(LDFLAGS) $(LDLIBS) -o $@

fuzz:
	@$(MAKE) --no-print-directory -j$(JOBS) $(FUZZ_TARGETS)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) sh tests/fuzz/run.sh $(FUZZ_TARGETS)

# The paper's story on drawn birds: many without labels for a masked autoencoder, few with labels of
# other species for a linear probe and every way to prompt; each method gets the same number of tried
# rates and of seeds. DEMO=quick: one seed, one rate, fewer epochs.
, := ,
DEMO_DIR := runs/demo
DEMO_EPOCHS := $(if $(filter quick,$(DEMO)),8 4,16 6)
DEMO_SEARCH := $(if $(filter quick,$(DEMO)),--seeds 1,--sweep lr=1x$(,)3x --seeds 3)
demo:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt
	@rm -rf $(DEMO_DIR) && mkdir -p $(DEMO_DIR)
	$(BUILD)/lspt synth --output $(DEMO_DIR)/many --classes 48 --train-per-class 60 --test-per-class 1 --size 54 --seed 1
	$(BUILD)/lspt synth --output $(DEMO_DIR)/few --classes 12 --train-per-class 25 --test-per-class 50 --size 54 --seed 2
	$(BUILD)/lspt pretrain --data $(DEMO_DIR)/many --model vit_128x6x4_patch8_48 --decoder-dim 64 --decoder-depth 1 --batch-size 32 \
	  --epochs $(word 1,$(DEMO_EPOCHS)) --lr 2e-3 --output $(DEMO_DIR)/mae
	$(BUILD)/lspt train --data $(DEMO_DIR)/few --model vit_128x6x4_patch8_48 --pool patches --method linear --val-fraction 0.2 \
	  --epochs $(word 2,$(DEMO_EPOCHS)) --output $(DEMO_DIR)/random
	$(BUILD)/lspt sweep --data $(DEMO_DIR)/few --weights $(DEMO_DIR)/mae/encoder.safetensors --prompts 4 --val-fraction 0.2 \
	  --method linear,vpt-shallow,vpt-deep,gapt,gspc,lpc,lspt --reference vpt-deep $(DEMO_SEARCH) --epochs $(word 2,$(DEMO_EPOCHS)) \
	  --output $(DEMO_DIR)/methods
	$(BUILD)/lspt report $(DEMO_DIR)/random $(DEMO_DIR)/methods --output $(DEMO_DIR)/report.html --overwrite
	@echo; cat $(DEMO_DIR)/methods/comparison.txt
	@echo "pictures of what the autoencoder draws: $(DEMO_DIR)/mae   the page: $(DEMO_DIR)/report.html"

bench:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt
	$(BUILD)/lspt bench --model vit_base_patch16_224 --method forward,linear,vpt-deep,lspt --prompts 50 \
	  --batch-size 8 --dtype bf16,f32 --json

PREFIX ?= /usr/local
INSTALLED := $(DESTDIR)$(PREFIX)
BASH_COMPLETION := $(INSTALLED)/share/bash-completion/completions/lspt
ZSH_COMPLETION := $(INSTALLED)/share/zsh/site-functions/_lspt
FISH_COMPLETION := $(INSTALLED)/share/fish/vendor_completions.d/lspt.fish
MAN_PAGE := $(INSTALLED)/share/man/man1/lspt.1
install:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt
	@mkdir -p $(INSTALLED)/bin $(dir $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION) $(MAN_PAGE))
	install -m 755 $(BUILD)/lspt $(INSTALLED)/bin/lspt
	@umask 022; $(BUILD)/lspt man >$(MAN_PAGE) && $(BUILD)/lspt completion bash >$(BASH_COMPLETION) && \
	  $(BUILD)/lspt completion zsh >$(ZSH_COMPLETION) && $(BUILD)/lspt completion fish >$(FISH_COMPLETION)

uninstall:
	rm -f $(INSTALLED)/bin/lspt $(MAN_PAGE) $(BASH_COMPLETION) $(ZSH_COMPLETION) $(FISH_COMPLETION)

format:
	clang-format -i $(shell git ls-files '*.h' '*.cpp' '*.cu' '*.cuh')

clean:
	rm -rf build build-san build-fuzz

-include $(RECIPES_CPP:.cpp=.d) $(patsubst %.o,%.d,$(LIB_OBJECTS) $(call objects,$(TEST_SOURCES) \
           train/command_line/main.cpp tests/cudnn_plans.cpp tests/ops.cpp) $(CUDA_OBJECTS) $(BUILD)/tests/fp8.cu.o $(EMULATED_SOURCES:%=$(EMULATED_BUILD)/%.o))
-include $(FUZZ_OBJECTS:.o=.d) $(patsubst %.cpp,$(FUZZ)/%.d,$(wildcard tests/fuzz/*.cpp))
