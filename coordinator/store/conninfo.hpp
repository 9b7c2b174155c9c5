#pragma once

#include "common/result.hpp"

#include <map>
#include <string>

namespace coordinator::store {

/// A checked connection string, and what may be said about it.
class ConnInfo {
public:
    /// `invalid_argument` naming `setting` when libpq could not read it. The string itself is
    /// never repeated: a slip in it may be next to its password.
    static common::Result<ConnInfo> parse(const std::string& url, const std::string& setting);

    /// For libpq, with `defaults` for what the string leaves open. Holds the password.
    [[nodiscard]] std::string with(const std::map<std::string, std::string>& defaults) const;

    /// For the command line of a child, which anybody may see; password() goes into PGPASSWORD of
    /// its environment. `unimplemented`: there is a secret that libpq reads from nowhere else.
    [[nodiscard]] common::Result<std::string> without_password() const;
    [[nodiscard]] std::string password() const; ///< Empty: there is none.

    /// "host=… port=… dbname=… user=…", as far as given; for people.
    [[nodiscard]] std::string describe() const;

    /// `message` with each password of this string blotted out.
    [[nodiscard]] std::string redact(std::string message) const;

private:
    std::map<std::string, std::string> values_;
};

} // namespace coordinator::store
