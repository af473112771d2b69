# make          build/lspt                      make test    every test
# make demo     synthetic birds, LSPT, results  make bench   speed of every method
# make format   clang-format                    make clean   remove build folders
#
# SAN=1          address + undefined sanitizers, in a build folder of their own
# MARCH=native   instruction set of our own kernels (oneDNN chooses its own at run time)
# DEPS_PREFIX=D  headers and libraries from an unpacked folder D instead of installed packages

CXX ?= g++
MARCH ?= native
BUILD := build$(if $(SAN),-san)
ARCH_DIR := $(shell $(CXX) -print-multiarch 2>/dev/null)

# g++ 12 sees overlapping copies in plain string concatenation (GCC bug 105651): no -Wrestrict.
CXXFLAGS := -std=c++20 -O3 -g1 -march=$(MARCH) -fopenmp -fno-math-errno -fno-trapping-math \
            -Wall -Wextra -Wshadow -Werror -Wno-restrict -I. -MMD -MP $(EXTRA_CXXFLAGS)
LDLIBS := -ldnnl -ljpeg -lz -lcrypto
ifneq ($(DEPS_PREFIX),)
CXXFLAGS += -isystem $(DEPS_PREFIX)/usr/include -isystem $(DEPS_PREFIX)/usr/include/$(ARCH_DIR)
LDFLAGS += -L$(DEPS_PREFIX)/usr/lib/$(ARCH_DIR) -Wl,-rpath,$(abspath $(DEPS_PREFIX))/usr/lib/$(ARCH_DIR) \
           -Wl,-rpath-link,$(DEPS_PREFIX)/usr/lib/$(ARCH_DIR)
endif
ifneq ($(SAN),)
CXXFLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

LIB_SOURCES := $(wildcard engine/*.cpp ops/*.cpp models/*.cpp models/*/*.cpp data/*.cpp data/*/*.cpp)
TRAIN_SOURCES := $(filter-out train/main.cpp,$(wildcard train/*.cpp))
TEST_SOURCES := $(wildcard tests/*.cpp)
THIRD_SOURCES := third_party/stb_image.cpp
objects = $(patsubst %.cpp,$(BUILD)/%.o,$(1))

.PHONY: all test demo bench format clean
all: $(BUILD)/lspt

# Everything that compiles waits for the packages: checked once a build folder, installed if missing.
$(BUILD)/setup.done: third_party/setup.sh
	@mkdir -p $(BUILD)
	@CXX="$(CXX)" DEPS_PREFIX="$(DEPS_PREFIX)" sh third_party/setup.sh
	@touch $@

$(BUILD)/%.o: %.cpp | $(BUILD)/setup.done
	@mkdir -p $(@D)
	@echo "  $<"
	@$(CXX) $(CXXFLAGS) -c $< -o $@

$(BUILD)/liblspt.a: $(call objects,$(LIB_SOURCES) $(TRAIN_SOURCES) $(THIRD_SOURCES))
	@rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/lspt: $(call objects,train/main.cpp) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@

$(BUILD)/tests/run: $(call objects,$(TEST_SOURCES)) $(BUILD)/liblspt.a
	@$(CXX) $(CXXFLAGS) $^ $(LDFLAGS) $(LDLIBS) -o $@

# Objects first and in parallel, whatever -j says at the top: the build is one command.
JOBS := $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),$(shell nproc))
test:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt $(BUILD)/tests/run
	@OMP_WAIT_POLICY=passive $(BUILD)/tests/run
	@OMP_WAIT_POLICY=passive LSPT=$(BUILD)/lspt sh tests/program.sh

# A backbone of our own on one set of drawn birds, then LSPT on other birds with that backbone frozen.
DEMO := runs/demo
demo:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BUILD)/lspt synth --output $(DEMO)/birds_a --classes 8 --train-per-class 120 --test-per-class 15 --size 80 --seed 1
	$(BUILD)/lspt synth --output $(DEMO)/birds_b --classes 8 --train-per-class 30 --test-per-class 30 --size 80 --seed 2
	$(BUILD)/lspt train --data $(DEMO)/birds_a --model vit_tiny_patch16_64 --method full --pool avg --dtype bf16 \
	  --epochs 14 --warmup-epochs 1 --batch-size 32 --lr 1e-3 --output $(DEMO)/backbone
	$(BUILD)/lspt train --data $(DEMO)/birds_b --model vit_tiny_patch16_64 --weights $(DEMO)/backbone/best.safetensors \
	  --method lspt --prompts 8 --dtype bf16 --opt adamw --epochs 12 --warmup-epochs 1 --batch-size 16 --lr 2e-3 --output $(DEMO)/lspt
	$(BUILD)/lspt predict --checkpoint $(DEMO)/lspt --topk 3 $(DEMO)/birds_b/images/*/*_0031.jpg
	@echo "pictures: $(DEMO)/birds_b/images   curves: $(DEMO)/lspt/curves.svg   checkpoint: $(DEMO)/lspt/best.safetensors"

bench:
	@$(MAKE) --no-print-directory -j$(JOBS) $(BUILD)/lspt
	$(BUILD)/lspt bench --model vit_base_patch16_224 --method forward,linear,vpt-deep,lspt --prompts 50 \
	  --batch-size 8 --dtype bf16,f32 --json

format:
	clang-format -i $(shell git ls-files '*.h' '*.cpp' '*.cu' '*.cuh')

clean:
	rm -rf build build-san

-include $(patsubst %.o,%.d,$(call objects,$(LIB_SOURCES) $(TRAIN_SOURCES) $(TEST_SOURCES) $(THIRD_SOURCES) train/main.cpp))
