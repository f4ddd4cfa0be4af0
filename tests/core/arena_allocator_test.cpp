#include "core/arena_allocator.h"

#include <cstring>

#include <gtest/gtest.h>

#include "core/counting_allocator.h"

namespace lockstep {
namespace {

TEST(ArenaAllocator, RepeatsWithoutTakingMoreFromBeneath) {
  CountingAllocator beneath;
  {
    ArenaAllocator arena(beneath, nullptr);
    std::vector<void*> places;
    for (int round = 0; round < 3; ++round) {
      // Larger than a block, smaller than one, nothing, and a piece that is given back before the ones around it.
      void* large = arena.allocate(5 << 20, nullptr);
      void* small = arena.allocate(100, nullptr);
      void* passing = arena.allocate(700 << 10, nullptr);
      arena.deallocate(passing, 700 << 10, nullptr);
      void* nothing = arena.allocate(0, nullptr);
      void* again = arena.allocate(700 << 10, nullptr);
      for (void* each : {large, small, nothing, again}) {
        EXPECT_EQ(reinterpret_cast<uintptr_t>(each) % 256, 0u);
        if (round == 0) {
          places.push_back(each);
        }
      }
      EXPECT_EQ((std::vector<void*>{large, small, nothing, again}), places);
      std::memset(large, 1, 5 << 20);
      std::memset(again, 2, 700 << 10);
      std::memset(small, 3, 100);
      EXPECT_EQ(static_cast<char*>(large)[(5 << 20) - 1], 1);
      EXPECT_EQ(static_cast<char*>(again)[0], 2);
      arena.deallocate(large, 5 << 20, nullptr);
      arena.deallocate(small, 100, nullptr);
      arena.deallocate(again, 700 << 10, nullptr);
      arena.deallocate(nothing, 0, nullptr);
      EXPECT_EQ(beneath.n_allocations, 2);
    }
  }
  EXPECT_EQ(beneath.n_bytes, 0u) << "all was given back";
}

TEST(ArenaAllocator, MemoryIsFreeWhenWhatCameLaterIsFreeToo) {
  CountingAllocator beneath;
  ArenaAllocator arena(beneath, nullptr);
  void* first = arena.allocate(1000, nullptr);
  void* second = arena.allocate(1000, nullptr);
  arena.deallocate(first, 1000, nullptr);
  void* third = arena.allocate(1000, nullptr);
  EXPECT_NE(third, first);
  EXPECT_NE(third, second);
  arena.deallocate(third, 1000, nullptr);
  arena.deallocate(second, 1000, nullptr);
  EXPECT_EQ(arena.allocate(1000, nullptr), first);
}

TEST(ArenaAllocator, RefusesAnotherStream) {
  CountingAllocator beneath;
  ArenaAllocator arena(beneath, nullptr);
  int other = 0;
  EXPECT_THROW(arena.allocate(1, &other), std::logic_error);
}

}  // namespace
}  // namespace lockstep
