// The test framework itself, which several programs link.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
