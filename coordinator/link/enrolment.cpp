#include "coordinator/link/enrolment.hpp"

#include "common/log/log.hpp"

#include <fmt/format.h>
#include <fstream>
#include <set>
#include <sstream>
#include <sys/stat.h>

namespace coordinator::link {

using common::Error;
using common::ErrorCode;
using common::Result;

namespace {

constexpr std::size_t key_characters = 40;

Result<EnrolledKeys> read_entries(const std::filesystem::path& file)
{
    std::ifstream in{file};
    if (!in) {
        return Error{ErrorCode::not_found, "enrolment file " + file.string() + " cannot be read"};
    }
    EnrolledKeys entries;
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
        std::istringstream words{line.substr(0, line.find(" #"))};
        std::string name;
        std::string key;
        std::string more;
        if (!(words >> name) || name.front() == '#') {
            continue;
        }
        words >> key;
        if (!common::is_name(name) || key.size() != key_characters || words >> more) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("enrolment file {} line {}: expected a host's name and its "
                                     "public key (40 characters)",
                                     file.string(),
                                     number)};
        }
        const auto [entry, added] = entries.try_emplace(key, name);
        if (!added && entry->second.str() != name) {
            return Error{ErrorCode::invalid_argument,
                         fmt::format("enrolment file {} line {}: the key of {} is that of {} too",
                                     file.string(),
                                     number,
                                     name,
                                     entry->second.str())};
        }
    }
    return entries;
}

Result<> enrol(const std::filesystem::path& file, const EnrolledKeys& more)
{
    EnrolledKeys entries;
    if (std::filesystem::exists(file)) {
        COMMON_TRY(auto before, read_entries(file));
        entries = std::move(before);
    }
    std::set<common::HostName> named;
    for (const auto& [key, name] : more) {
        if (const auto taken = entries.find(key); taken != entries.end() && taken->second != name) {
            return Error{ErrorCode::already_exists,
                         "this key is enrolled for host " + taken->second.str() +
                             ": give each host a key of its own (paddock-hostd keygen)"};
        }
        named.insert(name);
    }
    std::erase_if(entries, [&named](const auto& entry) { return named.contains(entry.second); });
    entries.insert(more.begin(), more.end());
    auto text = std::string{"# Hosts and their public keys; see paddock-coordinator enrol.\n"};
    for (const auto& [key, host] : entries) {
        text += host.str() + " " + key + "\n";
    }
    auto temporary = file;
    temporary += ".new";
    {
        std::ofstream out{temporary};
        out << text;
        if (!out.flush()) {
            return Error{ErrorCode::internal, "write " + temporary.string() + ": failed"};
        }
    }
    std::error_code error;
    std::filesystem::rename(temporary, file, error);
    if (error) {
        return Error{ErrorCode::internal, "write " + file.string() + ": " + error.message()};
    }
    return {};
}

} // namespace

Result<> Enrolment::load()
{
    const auto before = stamp();
    COMMON_TRY(auto entries, read_entries(file_));
    const common::MutexLock lock{mutex_};
    read_ = before;
    keys_ = std::make_shared<const EnrolledKeys>(std::move(entries));
    return {};
}

std::optional<Enrolment::Stamp> Enrolment::stamp() const
{
    struct stat about = {};
    if (::stat(file_.c_str(), &about) != 0) {
        return std::nullopt;
    }
    constexpr std::int64_t ns_per_s = 1'000'000'000;
    return Stamp{
        about.st_mtim.tv_sec * ns_per_s + about.st_mtim.tv_nsec, about.st_ino, about.st_size};
}

void Enrolment::refresh()
{
    const auto current = stamp();
    {
        const common::MutexLock lock{mutex_};
        if (!current || current == read_) {
            return;
        }
        read_ = current; // A wrong text is complained about once.
    }
    if (const auto loaded = load(); !loaded) {
        spdlog::error("{}; the hosts enrolled before still count", loaded.error().message);
    }
}

std::optional<common::HostName> Enrolment::host_of(const std::string& public_key)
{
    const auto keys = this->keys();
    const auto found = keys->find(public_key);
    return found == keys->end() ? std::nullopt : std::optional{found->second};
}

std::shared_ptr<const EnrolledKeys> Enrolment::keys()
{
    refresh();
    const common::MutexLock lock{mutex_};
    return keys_;
}

Result<> enrol(const std::filesystem::path& file,
               const common::HostName& name,
               const std::string& public_key)
{
    return enrol(file, EnrolledKeys{{public_key, name}});
}

Result<std::size_t> enrol_all(const std::filesystem::path& file, const std::filesystem::path& list)
{
    COMMON_TRY(const auto entries, read_entries(list));
    COMMON_CHECK(enrol(file, entries));
    return entries.size();
}

} // namespace coordinator::link
