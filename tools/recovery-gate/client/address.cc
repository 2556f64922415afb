#include "client/address.h"

#include <charconv>

namespace recovery_gate::tool {

bool split_address(const std::string &text, std::string *host,
                   unsigned *port) {
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

}  // namespace recovery_gate::tool
