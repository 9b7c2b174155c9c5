#include "coordinator/store/conninfo.hpp"

#include <array>
#include <libpq-fe.h>
#include <memory>

namespace coordinator::store {

namespace {

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

/// libpq's quoting: https://www.postgresql.org/docs/15/libpq-connect.html, 34.1.1.1.
std::string quoted(const std::string& value)
{
    std::string out = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + "'";
}

} // namespace

common::Result<ConnInfo> ConnInfo::parse(const std::string& url, const std::string& setting)
{
    char* complaint = nullptr;
    const std::unique_ptr<PQconninfoOption, FreeOptions> options{
        PQconninfoParse(url.c_str(), &complaint)};
    PQfreemem(complaint);
    if (options == nullptr || url.find('\0') != std::string::npos) {
        return common::Error{common::ErrorCode::invalid_argument,
                             setting + " is no connection string of libpq: write \"host=… "
                                       "dbname=… user=…\" or \"postgresql://user@host/dbname\""};
    }
    ConnInfo info;
    for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val != nullptr) {
            info.values_[option->keyword] = option->val;
        }
    }
    return info;
}

std::string ConnInfo::with(const std::map<std::string, std::string>& defaults) const
{
    auto all = values_;
    all.insert(defaults.begin(), defaults.end());
    std::string out;
    for (const auto& [key, value] : all) {
        out += (out.empty() ? "" : " ") + key + "=" + quoted(value);
    }
    return out;
}

common::Result<std::string> ConnInfo::without_password() const
{
    if (values_.contains("sslpassword")) {
        return common::Error{common::ErrorCode::unimplemented,
                             "sslpassword cannot be given to PostgreSQL's programs without showing "
                             "it: use a key file without a password for them"};
    }
    auto open = *this;
    open.values_.erase("password");
    return open.with({});
}

std::string ConnInfo::password() const
{
    const auto at = values_.find("password");
    return at == values_.end() ? "" : at->second;
}

std::string ConnInfo::describe() const
{
    std::string out;
    for (const auto* key : {"host", "hostaddr", "port", "dbname", "user", "service"}) {
        if (const auto at = values_.find(key); at != values_.end()) {
            out += (out.empty() ? "" : " ") + at->first + "=" + at->second;
        }
    }
    return out.empty() ? "libpq's defaults" : out;
}

std::string ConnInfo::redact(std::string message) const
{
    for (const auto* key : {"password", "sslpassword"}) {
        const auto at = values_.find(key);
        if (at == values_.end() || at->second.empty()) {
            continue;
        }
        for (auto found = message.find(at->second); found != std::string::npos;
             found = message.find(at->second, found + 3)) {
            message.replace(found, at->second.size(), "***");
        }
    }
    return message;
}

} // namespace coordinator::store
