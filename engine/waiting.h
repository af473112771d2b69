/// How threads of a parallel loop wait for each other.
#pragma once

namespace lspt {

/// OpenMP's threads wait by spinning: nothing is faster, while the processors are theirs. Where
/// others want them, the one that is waited for is kept from running by those that wait for it
/// (seen: a small ViT 7 times slower with two busy programs beside it). After this call a thread
/// looks twice a second at how long this process's threads were ready and did not run (Linux's
/// schedstat), and lets them sleep instead while that is a tenth of the time or more. Results do
/// not depend on it. Nothing happens if the user has decided (GOMP_SPINCOUNT, OMP_WAIT_POLICY), or
/// the system does not tell.
void watch_waiting();

}  // namespace lspt
