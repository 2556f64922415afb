// SPDX-License-Identifier: GPL-2.0-only
/*
  fmt, compiled once instead of in every file that uses it. Debian has it as
  headers and as a shared library; a plugin does better without another one of
  those.
*/
#include <fmt/format-inl.h>

// Templates that its headers only declare.
template auto fmt::detail::thousands_sep_impl<char>(fmt::detail::locale_ref)
    -> fmt::detail::thousands_sep_result<char>;
template char fmt::detail::decimal_point_impl<char>(fmt::detail::locale_ref);
template void fmt::detail::vformat_to<char>(fmt::detail::buffer<char> &,
                                            fmt::string_view, fmt::format_args,
                                            fmt::detail::locale_ref);
