// SPDX-License-Identifier: GPL-2.0-only
#include "client/address.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace recovery_gate::tool {
namespace {

using Addresses = std::set<std::string>;  // as bytes

void add(const sockaddr *address, Addresses *found) {
  if (address == nullptr) return;
  if (address->sa_family == AF_INET) {
    const auto *a = reinterpret_cast<const sockaddr_in *>(address);
    found->emplace(reinterpret_cast<const char *>(&a->sin_addr), 4);
  } else if (address->sa_family == AF_INET6) {
    const auto *a = reinterpret_cast<const sockaddr_in6 *>(address);
    found->emplace(reinterpret_cast<const char *>(&a->sin6_addr), 16);
  }
}

Addresses addresses_of(const std::string &host) {
  Addresses found;
  addrinfo *list = nullptr;
  addrinfo wanted = {};
  wanted.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(host.c_str(), nullptr, &wanted, &list) != 0) return found;
  for (const addrinfo *i = list; i != nullptr; i = i->ai_next)
    add(i->ai_addr, &found);
  ::freeaddrinfo(list);
  return found;
}

Addresses addresses_of_this_machine() {
  Addresses found;
  ifaddrs *list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const ifaddrs *i = list; i != nullptr; i = i->ifa_next)
    add(i->ifa_addr, &found);
  ::freeifaddrs(list);
  return found;
}

bool are_of_this_machine(const Addresses &addresses) {
  const Addresses own = addresses_of_this_machine();
  return !addresses.empty() &&
         std::all_of(addresses.begin(), addresses.end(),
                     [&own](const std::string &address) {
                       // All of 127.0.0.0/8 is the loopback interface.
                       return own.count(address) != 0 ||
                              (address.size() == 4 && address[0] == 127);
                     });
}

}  // namespace

bool split_address(const std::string &text, std::string *host, unsigned *port) {
  *port = 3306;
  std::string number;
  if (!text.empty() && text[0] == '[') {
    const auto end = text.find(']');
    if (end == std::string::npos) return false;
    *host = text.substr(1, end - 1);
    const std::string rest = text.substr(end + 1);
    if (rest.empty()) return !host->empty();
    if (rest[0] != ':') return false;
    number = rest.substr(1);
  } else {
    const auto colon = text.rfind(':');
    *host = text.substr(0, colon);
    if (colon == std::string::npos) return !host->empty();
    number = text.substr(colon + 1);
  }
  const char *end = number.data() + number.size();
  const auto got = std::from_chars(number.data(), end, *port);
  return !host->empty() && got.ec == std::errc() && got.ptr == end &&
         *port > 0 && *port < 65536;
}

ConnectionOptions options_to(const std::string &name,
                             ConnectionOptions common) {
  std::string host;
  unsigned port = 0;
  split_address(name, &host, &port);
  common.host = host;
  common.port = port;
  common.socket.reset();
  common.protocol = "tcp";
  return common;
}

bool is_of_this_machine(const std::string &host) {
  return are_of_this_machine(addresses_of(host));
}

bool is_same_host(const std::string &one, const std::string &other) {
  const Addresses first = addresses_of(one), second = addresses_of(other);
  if (are_of_this_machine(first)) return are_of_this_machine(second);
  return std::any_of(first.begin(), first.end(), [&](const std::string &a) {
    return second.count(a) != 0;
  });
}

}  // namespace recovery_gate::tool
