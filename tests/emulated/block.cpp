#include "tests/emulated/block.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>

#include "tests/emulated/fiber.h"

dim3 gridDim, blockDim;
uint3 blockIdx, threadIdx;

namespace emulated {
namespace {

void run_fresh_threads();

enum class State : uint8_t { fresh, ready, in_warp, in_block, returned };

struct Thread {
  State state = State::fresh;
  Fiber* fiber = nullptr;  // where it waits
  Meeting at;              // what it waits at
};

/// The block under way.
struct Block {
  const std::function<void()>* body = nullptr;
  std::vector<Thread> threads;
  std::deque<Fiber> fibers;
  std::vector<Fiber*> idle;
  Fiber* fiber = nullptr;  // running
  // The warp under way: its first thread, its lanes in order and the next of them to run.
  unsigned first = 0;
  std::vector<unsigned> lanes;
  size_t next = 0;
  uint64_t bringing[32], brought[32];  // by lane, before and after all have met

  Thread& thread(unsigned lane) { return threads[first + lane]; }
} block;

/// In what order blocks, warps and lanes take turns.
class Order {
 public:
  void restart() {
    const char* name = std::getenv("LSPT_EMULATED_ORDER");
    const std::string given = name == nullptr || *name == '\0' ? "ascending" : name;
    if (given != "ascending" && given != "reverse" && given != "shuffle")
      misuse("LSPT_EMULATED_ORDER=" + given + ": ascending, reverse or shuffle expected");
    first_ = given[0];
    random_ = 1;
  }
  /// The numbers below count; another permutation every time when shuffling.
  void arrange(std::vector<unsigned>& order, size_t count) {
    order.resize(count);
    if (first_ == 'r')
      std::iota(order.rbegin(), order.rend(), 0u);
    else
      std::iota(order.begin(), order.end(), 0u);
    if (first_ != 's') return;
    for (size_t i = count; i > 1; --i) {
      random_ = random_ * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX
      std::swap(order[i - 1], order[(random_ >> 33) % i]);
    }
  }

 private:
  char first_ = 'a';
  uint64_t random_ = 1;
} order;

/// What every fiber does. Threads that return without having waited share one turn of one fiber.
void run_fresh_threads() {
  for (;;) {
    do {
      const unsigned lane = block.lanes[block.next++];
      threadIdx = {block.first + lane, 0, 0};
      (*block.body)();
      block.threads[threadIdx.x].state = State::returned;
    } while (block.next < block.lanes.size() &&
             block.thread(block.lanes[block.next]).state == State::fresh);
    block.idle.push_back(block.fiber);
    block.fiber->pause();
  }
}

void resume(Fiber* fiber) {
  block.fiber = fiber;
  fiber->resume();
}

void wait(State state, const Meeting& meeting) {
  if (block.body == nullptr) misuse(std::string(meeting.name) + " outside a kernel");
  Thread& thread = block.threads[threadIdx.x];
  thread.state = state;
  thread.at = meeting;
  thread.fiber = block.fiber;
  block.fiber->pause();
}

bool equal(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

bool same(const Meeting& a, const Meeting& b) {
  return a.mask == b.mask && a.size == b.size && a.where.line() == b.where.line() &&
         a.where.column() == b.where.column() && equal(a.name, b.name) &&
         equal(a.where.file_name(), b.where.file_name());
}

/// Aborts with a list of where each thread of the block is.
[[noreturn]] void stuck(const char* why) {
  std::ostringstream text;
  text << why;
  const auto& threads = block.threads;
  for (size_t i = 0, end; i < threads.size(); i = end) {
    const Thread& t = threads[i];
    end = i + 1;
    while (end < threads.size() && threads[end].state == t.state && same(threads[end].at, t.at))
      ++end;
    text << "\n  thread " << i;
    if (end - i > 1) text << " to " << end - 1;
    if (t.state == State::fresh || t.state == State::ready) text << ": not its turn yet";
    if (t.state == State::returned) text << ": returned";
    if (t.state != State::in_warp && t.state != State::in_block) continue;
    text << ": waits at " << t.at.name;
    if (t.at.mask != 0) text << " of " << t.at.size << " bytes, mask " << std::hex << t.at.mask;
    text << std::dec << ", " << t.at.where.file_name() << ":" << t.at.where.line() << " in "
         << t.at.where.function_name();
  }
  misuse(text.str());
}

/// Lets go the lanes that have all met, and returns whether there were any.
bool release_lanes() {
  unsigned waiting = 0;
  for (unsigned lane : block.lanes)
    if (block.thread(lane).state == State::in_warp) waiting |= 1u << lane;
  bool any = false;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((waiting >> lane & 1) == 0) continue;
    const Meeting meeting = block.thread(lane).at;
    if ((meeting.mask & ~waiting) != 0) continue;
    bool met = true;
    for (unsigned i = 0; i < 32; ++i)
      if (meeting.mask >> i & 1) met = met && same(block.thread(i).at, meeting);
    if (!met) continue;
    for (unsigned i = 0; i < 32; ++i) {
      if ((meeting.mask >> i & 1) == 0) continue;
      block.thread(i).state = State::ready;
      block.brought[i] = block.bringing[i];
    }
    waiting &= ~meeting.mask;
    any = true;
  }
  if (waiting != 0 && !any)
    stuck("a warp operation that not all lanes of its mask come to, or not to the same one");
  return any;
}

/// Until every lane stands at a barrier of the block or has returned.
void run_warp(unsigned warp) {
  block.first = warp * 32;
  const size_t count = std::min<size_t>(32, block.threads.size() - block.first);
  do {
    order.arrange(block.lanes, count);
    for (block.next = 0; block.next < count;) {
      const unsigned lane = block.lanes[block.next];
      Thread& thread = block.thread(lane);
      if (thread.state == State::fresh) {  // the fiber counts the lanes it runs
        if (block.idle.empty()) block.idle.push_back(&block.fibers.emplace_back(run_fresh_threads));
        Fiber* fiber = block.idle.back();
        block.idle.pop_back();
        resume(fiber);
        continue;
      }
      ++block.next;
      if (thread.state != State::ready) continue;
      threadIdx = {block.first + lane, 0, 0};
      resume(thread.fiber);
    }
  } while (release_lanes());
}

void run_block() {
  for (Thread& thread : block.threads) thread = {};
  for (std::vector<unsigned> warps;;) {
    order.arrange(warps, (block.threads.size() + 31) / 32);
    for (unsigned warp : warps) run_warp(warp);
    size_t waiting = 0;
    for (const Thread& thread : block.threads) waiting += thread.state == State::in_block;
    if (waiting == 0) return;
    for (const Thread& thread : block.threads)
      if (thread.state != State::in_block || !same(thread.at, block.threads[0].at))
        stuck("a barrier that not all threads of the block come to, or not to the same one");
    for (Thread& thread : block.threads) thread.state = State::ready;
  }
}

}  // namespace

void run_grid(dim3 grid, unsigned threads, const std::function<void()>& thread) {
  static std::mutex one_at_a_time;  // shared memory is static
  const std::lock_guard lock(one_at_a_time);
  order.restart();
  gridDim = grid;
  blockDim = dim3(threads);
  block.body = &thread;
  block.threads.resize(threads);
  std::vector<unsigned> blocks;
  order.arrange(blocks, size_t{grid.x} * grid.y * grid.z);
  for (unsigned i : blocks) {
    blockIdx = {i % grid.x, i / grid.x % grid.y, i / grid.x / grid.y};
    run_block();
  }
  block.body = nullptr;
}

void meet_block(const Meeting& meeting) { wait(State::in_block, meeting); }

const uint64_t* meet_warp(const Meeting& meeting, uint64_t value) {
  const unsigned lane = threadIdx.x % 32;
  if ((meeting.mask >> lane & 1) == 0)
    misuse(std::string(meeting.name) + " by a lane that is not in its mask");
  block.bringing[lane] = value;
  wait(State::in_warp, meeting);
  return block.brought;
}

void misuse(const std::string& what) {
  std::fprintf(stderr, "emulated CUDA, block (%u, %u, %u): %s\n", blockIdx.x, blockIdx.y,
               blockIdx.z, what.c_str());
  std::abort();
}

}  // namespace emulated
