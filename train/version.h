/// Which lspt this is.
#pragma once

namespace lspt {

inline constexpr const char* kVersion = "0.1.0";
inline constexpr const char* kVersionDate = "2026-11-27";  ///< for the manual page
inline constexpr const char* kWhat =
    "visual prompt tuning of Vision Transformers, without a framework";

}  // namespace lspt
